//! Loaded components by digest: sealed artifacts from the store, checked and
//! turned into something that can run. An artifact that does not fit this
//! machine or this wasmtime is compiled again from the component.
use anyhow::Context as _;
use venn_sandbox::Prepared;

use crate::app::App;

/// Loaded components kept at once; each maps some tens of megabytes at most.
const LOADED_MAX: usize = 256;

/// The component of that digest, ready to run.
pub async fn prepared(app: &App, digest: &str) -> anyhow::Result<Prepared> {
    if let Some(prepared) = look(app, digest) {
        app.metrics.loaded("memory");
        return Ok(prepared);
    }
    let prepared = load(app, digest).await?;
    let mut releases = app.releases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if releases.len() >= LOADED_MAX {
        releases.clear();
    }
    releases.insert(digest.to_owned(), prepared.clone());
    Ok(prepared)
}

fn look(app: &App, digest: &str) -> Option<Prepared> {
    let releases = app.releases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    releases.get(digest).cloned()
}

async fn load(app: &App, digest: &str) -> anyhow::Result<Prepared> {
    if let Some(sealed) = app.store.artifact(digest).await? {
        match app.sandbox.load(digest, &sealed) {
            Ok(prepared) => {
                app.metrics.loaded("artifact");
                return Ok(prepared);
            }
            Err(error) => tracing::warn!(%digest, %error, "release.load failed; compiling again"),
        }
    }
    let component = app.store.component(digest).await?;
    let component =
        component.with_context(|| format!("the component {digest} is not in the store"))?;
    let began = std::time::Instant::now();
    let compiled = app.sandbox.recompile(&component).await?;
    app.metrics.compiled(if compiled.is_ok() { "ok" } else { "refused" }, began.elapsed());
    let sealed =
        compiled.map_err(|finding| anyhow::anyhow!("{}: {}", finding.check, finding.message))?;
    app.store.put_artifact(digest, sealed.clone()).await?;
    app.metrics.loaded("compiled");
    Ok(app.sandbox.load(digest, &sealed)?)
}
