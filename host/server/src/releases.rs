//! Loaded components: what a publisher signed and this host took, checked each
//! time before a byte of it is compiled or run, then sealed artifacts from the
//! store, turned into something that can run. An artifact that does not fit this
//! machine or this wasmtime is compiled again from the component.
use std::sync::Arc;

use anyhow::Context as _;
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest as _, Sha256};
use venn_sandbox::Prepared;
use venn_store::{StoreError, release::Proof};

use crate::{
    app::App,
    error::{ApiError, Code},
    signing::{self, Tampered},
};

/// Native code kept loaded, in bytes: some fifty plugins in JavaScript or Python
/// (35 MB each), thousands in Rust.
const LOADED_BYTES: u64 = 2 << 30;
/// About how many plugins that is; so few are one shard, with all of the room.
const LOADED_COUNT: usize = 50;

/// Loaded components by everything that they were believed by: one changed
/// letter in the database, and the next run looks at all of it again. Each is
/// loaded once, however many runs begin at the same time; those used least are
/// forgotten where there is no room, and runs that have them keep them.
#[derive(Clone)]
pub struct Loaded(Arc<Cache<[u8; 32], Prepared, Bytes>>);

/// A loaded component weighs what it takes in memory.
#[derive(Clone)]
struct Bytes;

impl Weighter<[u8; 32], Prepared> for Bytes {
    fn weight(&self, _: &[u8; 32], prepared: &Prepared) -> u64 {
        prepared.bytes()
    }
}

impl Default for Loaded {
    fn default() -> Self {
        Self::holding(LOADED_BYTES)
    }
}

impl Loaded {
    /// With room for that many bytes of native code.
    pub fn holding(bytes: u64) -> Self {
        Self(Arc::new(Cache::with_weighter(LOADED_COUNT, bytes, Bytes)))
    }

    /// How many bytes of native code are kept.
    pub fn bytes(&self) -> u64 {
        self.0.weight()
    }
}

/// Why a release is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not what was signed: ours to look into.
    #[error("this release is not what its publisher signed and this platform took: {0}")]
    Tampered(#[from] Tampered),
    /// The component's file was changed or is gone.
    #[error("the release's component is not in the store as it was published")]
    Component(#[source] Option<StoreError>),
    /// Anything else of ours.
    #[error("the release could not be loaded")]
    Other(#[from] anyhow::Error),
}

impl LoadError {
    /// Somebody or something changed what we keep, as opposed to a failure that
    /// passes.
    pub fn is_tampering(&self) -> bool {
        matches!(self, Self::Tampered(_) | Self::Component(_))
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        if let LoadError::Tampered(Tampered::Unsigned) = error {
            return Self::new(
                Code::WrongState,
                "The release is not signed by its publisher, so it is not run.",
                "Its publisher publishes the same version again; that signs it.",
            );
        }
        if error.is_tampering() {
            tracing::error!(%error, "release.untrusted");
        }
        Self::internal(error)
    }
}

/// The component of that release, ready to run.
pub async fn prepared(app: &App, proof: &Proof) -> Result<Prepared, LoadError> {
    let name = fingerprint(proof);
    let mut kept = true;
    let load = async {
        kept = false;
        signing::verify_proof(&app.keys, proof)?;
        load(app, &proof.digest).await
    };
    let prepared = app.loaded.0.get_or_insert_async(&name, load).await?;
    if kept {
        app.metrics.loaded("memory");
    }
    Ok(prepared)
}

/// Everything that the check looks at.
fn fingerprint(proof: &Proof) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    add(signing::statement_of(proof).text().as_bytes());
    if let Some(s) = &proof.signature {
        add(s.key.as_str().as_bytes());
        add(s.key_organization.as_str().as_bytes());
        add(s.public_key.as_bytes());
        add(&s.distrusted_from.map_or(0, |at| at.0).to_be_bytes());
        add(&s.key_seal);
        add(s.signature.as_bytes());
        add(&s.signed_at.0.to_be_bytes());
        add(&s.seal);
    }
    hash.finalize().into()
}

/// The component of that digest, as it was published.
pub async fn component(app: &App, digest: &str) -> Result<Vec<u8>, LoadError> {
    match app.store.component(digest).await {
        Ok(Some(component)) => Ok(component),
        Ok(None) => Err(LoadError::Component(None)),
        Err(error @ StoreError::BadRow { .. }) => Err(LoadError::Component(Some(error))),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

async fn load(app: &App, digest: &str) -> Result<Prepared, LoadError> {
    // An artifact can be made again: one that cannot be read is as one that is lost.
    let artifact = app.store.artifact(digest).await.unwrap_or_else(|error| {
        tracing::warn!(%digest, error = &error as &dyn std::error::Error, "release.load failed; compiling again");
        None
    });
    if let Some(sealed) = artifact {
        match app.sandbox.load(digest, &sealed) {
            Ok(prepared) => {
                app.metrics.loaded("artifact");
                return Ok(prepared);
            }
            Err(error) => tracing::warn!(%digest, %error, "release.load failed; compiling again"),
        }
    }
    let component = component(app, digest).await?;
    let began = std::time::Instant::now();
    let compiled = app.sandbox.recompile(&component).await.context("compiling")?;
    app.metrics.compiled(if compiled.is_ok() { "ok" } else { "refused" }, began.elapsed());
    let sealed =
        compiled.map_err(|finding| anyhow::anyhow!("{}: {}", finding.check, finding.message))?;
    if let Err(error) = app.store.put_artifact(digest, sealed.clone()).await {
        // It runs all the same; only the next start compiles again.
        tracing::warn!(%digest, error = &error as &dyn std::error::Error, "release.artifact not kept");
    }
    app.metrics.loaded("compiled");
    Ok(app.sandbox.load(digest, &sealed).context("loading")?)
}
