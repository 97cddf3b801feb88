//! The signature of an upload: checked before the gate looks at anything, with
//! a problem of its own for everything that can be wrong with it.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::SigningKeyId,
    manifest::{Manifest, Problem},
    signing::{Statement, Trust, trust},
    time::Timestamp,
};
use venn_store::{
    blob,
    plugin::Plugin,
    release::{NewSignature, Release},
};

use crate::{
    app::App,
    error::{ApiError, Code},
    signing,
};

/// The part `signature` of an upload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureBody {
    key: SigningKeyId,
    /// The text that was signed.
    statement: String,
    /// Hex.
    signature: String,
}

/// A release's signature, as everyone sees it who sees the release.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignatureView {
    /// The signing key.
    key: SigningKeyId,
    /// Hex.
    public_key: String,
    /// The text that was signed.
    statement: String,
    /// Hex.
    signature: String,
    /// When.
    signed_at: Timestamp,
    /// `signed`, or `key-compromised`: the release does not run.
    trust: &'static str,
}

/// What is signed: the upload as it came.
pub struct Signed<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its exact bytes.
    pub manifest_text: &'a str,
    /// The component's digest.
    pub digest: &'a str,
}

/// Checks the part against what was uploaded, and seals it.
pub async fn check(
    app: &App,
    signed: &Signed<'_>,
    part: Option<&[u8]>,
) -> Result<NewSignature, ApiError> {
    let body = read(part)?;
    let public_key = key_of(app, signed.plugin, &body.key).await?;
    if !signing::verify(&public_key, &body.statement, &body.signature) {
        return Err(ApiError::new(
            Code::BadSignature,
            format!("The signature was not made with the key {} of that statement.", body.key),
            "Sign the statement's exact bytes with the private half of that key; `venn publish` does.",
        ));
    }
    let statement = Statement {
        organization: signed.plugin.organization.clone(),
        plugin: signed.plugin.name.clone(),
        version: signed.manifest.version.to_string(),
        component: signed.digest.to_owned(),
        manifest: blob::digest(signed.manifest_text.as_bytes()),
    };
    let problems = statement.differences(&body.statement);
    if !problems.is_empty() {
        return Err(ApiError::new(
            Code::BadSignature,
            "The signature is of something else than what was uploaded.",
            "Sign exactly what is uploaded; `venn publish` does.",
        )
        .with_problems(problems));
    }
    let signed_at = app.store.now();
    let seal =
        signing::seal_signature(&app.keys, &body.statement, &body.key, &body.signature, signed_at);
    Ok(NewSignature { key: body.key, signature: body.signature, signed_at, seal })
}

fn read(part: Option<&[u8]>) -> Result<SignatureBody, ApiError> {
    let Some(part) = part else {
        return Err(ApiError::new(
            Code::Unsigned,
            "The upload has no part `signature`.",
            "Publish with `venn publish`, which signs; `docs/signing.md` has the form for others.",
        ));
    };
    serde_json::from_slice(part).map_err(|error| {
        let problem = Problem {
            place: format!("signature, line {}, column {}", error.line(), error.column()),
            reason: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
            next_step: "Send {\"key\", \"statement\", \"signature\"}".to_owned(),
        };
        let next = "Send it as `docs/signing.md` says.";
        ApiError::new(Code::BadUpload, "The part `signature` cannot be read.", next)
            .with_problems(vec![problem])
    })
}

/// The public half of the key, if it may sign for this publisher now.
async fn key_of(app: &App, plugin: &Plugin, id: &SigningKeyId) -> Result<String, ApiError> {
    let refused = |detail: String, next: &str| ApiError::new(Code::BadSigningKey, detail, next);
    let Some(key) = app.store.signing_key(id).await? else {
        return Err(refused(
            format!("There is no signing key {id}."),
            "Register the key first: `venn publish` does that the first time, `venn signing-keys add` later.",
        ));
    };
    if key.organization != plugin.organization {
        return Err(refused(
            format!("The signing key {id} is another organization's."),
            "Sign with a key of the organization that owns the plugin.",
        ));
    }
    match key.revoked {
        None => Ok(key.public_key),
        Some((reason, at, _)) => Err(refused(
            format!("The signing key {id} is revoked since {at}: {}.", reason.name()),
            "Sign with an active key; `venn signing-keys list` shows them.",
        )),
    }
}

/// What a release must have been signed with.
pub fn statement(release: &Release) -> Statement {
    Statement {
        organization: release.organization.clone(),
        plugin: release.plugin_name.clone(),
        version: release.version.clone(),
        component: release.digest.clone(),
        manifest: release.manifest_digest.clone(),
    }
}

/// The view of a release's signature.
pub fn view(release: &Release) -> Option<SignatureView> {
    let signature = release.signature.as_ref()?;
    let statement = statement(release);
    let trusted = trust(Some(signature.signed_at), signature.distrusted_from) == Trust::Signed;
    Some(SignatureView {
        key: signature.key.clone(),
        public_key: signature.public_key.clone(),
        statement: statement.text(),
        signature: signature.signature.clone(),
        signed_at: signature.signed_at,
        trust: if trusted { "signed" } else { "key-compromised" },
    })
}
