//! Releases: upload, the gate, and what became of it.
//!
//! An upload has three parts, `manifest` (JSON), `component` (WebAssembly) and
//! `signature` (JSON). It is kept only if the signature is right and the gate
//! finds nothing against it; then an admin of the platform decides. The same
//! upload again is the same release; it signs one whose signature is not
//! believed any more.
use axum::{
    Json,
    extract::{
        Multipart, Path, State,
        multipart::{Field, MultipartRejection},
    },
    http::{HeaderMap, StatusCode, header},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use venn_domain::{
    id::{PluginId, ReleaseId, UserId},
    limits,
    manifest::{Manifest, Problem},
    organization::Need,
    signing::Trust,
    time::Timestamp,
};
use venn_sandbox::Gated;
use venn_store::{
    blob, crash,
    plugin::Plugin,
    release::{NewRelease, Release, ReleaseState, Uploaded},
};

use crate::{
    answer::CreatedOrSame,
    api::{
        organization::resolve,
        plugin,
        review::{self, WithdrawBody},
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

pub mod signature;

use signature::SignatureView;

/// All parts at their limits, and the borders between them.
pub const UPLOAD_BYTES_MAX: u64 =
    limits::COMPONENT_BYTES + limits::MANIFEST_BYTES + limits::SIGNATURE_BYTES + (64 << 10);

/// The parts of an upload: name, type, words.
pub const PARTS: &[(&str, &str, &str)] = &[
    ("manifest", "application/json", "The manifest as JSON; `venn.toml` has the same members."),
    ("component", "application/wasm", "The WebAssembly component."),
    ("signature", "application/json", "The key, the statement that was signed, and its signature."),
];

/// A release.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReleaseView {
    /// The release's id.
    id: ReleaseId,
    /// The plugin.
    plugin: PluginId,
    /// The plugin's name.
    plugin_name: String,
    /// The publisher's slug.
    owner_slug: String,
    /// The publisher's name.
    owner_name: String,
    /// The version (semantic versioning), as the manifest has it.
    version: String,
    /// SHA-256 of the component.
    digest: String,
    /// Size of the component, in bytes.
    component_bytes: u64,
    /// `submitted`, `approved`, `refused` or `yanked`.
    #[schemars(extend("enum" = ["submitted", "approved", "refused", "yanked"]))]
    state: &'static str,
    /// What the gate found: `findings` and `imports`.
    gate: Value,
    /// What the release asks for and promises.
    manifest: Manifest,
    /// Who uploaded it.
    uploaded_by: UserId,
    /// When.
    created_at: Timestamp,
    /// Who decided about it last: approved, refused or withdrew it.
    decided_by: Option<UserId>,
    /// Why they decided so; empty before.
    decision_reason: String,
    /// When.
    decided_at: Option<Timestamp>,
    /// None for a release that is older than signing: it does not run.
    signature: Option<SignatureView>,
}

/// `POST /v1/organizations/{org}/plugins/{plugin}/releases`: a developer.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin)): Path<(String, String)>,
    headers: HeaderMap,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<CreatedOrSame<ReleaseView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::developer).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > UPLOAD_BYTES_MAX) {
        return Err(too_large());
    }
    // Taken before the body is read: it bounds what uploads hold in memory.
    let _turn = app.uploading.take(&org.id).ok_or_else(busy)?;
    let upload = Upload::read(parts.map_err(|_| broken())?).await?;
    let manifest = upload.manifest_of(&app, &plugin).await?;
    let uploaded = take(&app, &caller, &plugin, manifest, upload).await?;
    match uploaded {
        Uploaded::New(release) => Ok(CreatedOrSame::Created(view(release))),
        Uploaded::Same(release) => Ok(CreatedOrSame::Same(view(release))),
        Uploaded::VersionTaken(before) => Err(version_taken(&before)),
    }
}

fn version_taken(before: &Release) -> ApiError {
    let mut detail =
        "This version of the plugin was published before, with another component or manifest."
            .to_owned();
    if before.state == ReleaseState::Refused {
        // The publisher reads it: whoever corrects what was refused meets it here.
        detail = format!("{detail} The platform refused it: {}", before.decision_reason);
    }
    let next = "Raise `version` in the manifest and publish again.";
    ApiError::new(Code::VersionTaken, detail, next)
}

/// `GET /v1/organizations/{org}/plugins/{plugin}/releases`, newest first.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin)): Path<(String, String)>,
    page: PageOf,
) -> Result<Json<PageView<ReleaseView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let before = page.after()?;
    let found = app.store.releases_page(&plugin.id, before.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET /v1/organizations/{org}/plugins/{plugin}/releases/{release}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin, release)): Path<(String, String, String)>,
) -> Result<Json<ReleaseView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let found = app.store.release(&release.parse()?).await?;
    let found = found.filter(|release| release.plugin == plugin.id);
    Ok(Json(view(found.ok_or_else(ApiError::not_found)?)))
}

/// `POST /v1/organizations/{org}/plugins/{plugin}/releases/{release}/withdraw`: a
/// developer, as for publishing: who published it must be able to stop it.
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin, release)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<WithdrawBody>,
) -> Result<Json<ReleaseView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::developer).await?;
    let plugin = plugin::find(&app, &org, &plugin).await?;
    let id: ReleaseId = release.parse()?;
    let found = app.store.release(&id).await?;
    found.filter(|release| release.plugin == plugin.id).ok_or_else(ApiError::not_found)?;
    review::withdrawn(&app, &caller, &id, body).await
}

fn busy() -> ApiError {
    ApiError::new(
        Code::Busy,
        "Another upload of your organization is being checked.",
        "Wait until it is done and publish again.",
    )
}

/// All parts, in memory.
struct Upload {
    manifest: Vec<u8>,
    component: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl Upload {
    async fn read(mut parts: Multipart) -> Result<Self, ApiError> {
        let (mut manifest, mut component, mut signature) = (None, None, None);
        while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
            let name = part.name().unwrap_or_default().to_owned();
            let (slot, most) = match name.as_str() {
                "manifest" => (&mut manifest, limits::MANIFEST_BYTES),
                "component" => (&mut component, limits::COMPONENT_BYTES),
                "signature" => (&mut signature, limits::SIGNATURE_BYTES),
                _ => return Err(bad_part(&name, "it is not a part of a release")),
            };
            if slot.is_some() {
                return Err(bad_part(&name, "it stands twice"));
            }
            *slot = Some(read_part(part, &name, most).await?);
        }
        Ok(Self {
            manifest: manifest.ok_or_else(|| bad_part("manifest", "it is missing"))?,
            component: component.ok_or_else(|| bad_part("component", "it is missing"))?,
            signature,
        })
    }

    async fn manifest_of(&self, app: &App, plugin: &Plugin) -> Result<Manifest, ApiError> {
        let bad = |problems| {
            let next = "Correct what is listed and publish again.";
            ApiError::new(Code::BadManifest, "The manifest has problems.", next)
                .with_problems(problems)
        };
        let bytes = self.manifest.clone();
        let read = app.checking.asked(&plugin.organization, move || Manifest::parse_json(&bytes));
        let manifest = read.await?.map_err(bad)?;
        if manifest.name == plugin.name {
            return Ok(manifest);
        }
        Err(bad(vec![Problem {
            place: "name".to_owned(),
            reason: format!(
                "it is `{}`, and the release is published to `{}`",
                manifest.name, plugin.name
            ),
            next_step: "Publish it to the plugin of that name, or correct the name".to_owned(),
        }]))
    }
}

async fn read_part(mut part: Field<'_>, name: &str, most: u64) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| too_large_or_broken(&error))? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(ApiError::new(
                Code::TooLarge,
                format!("The part `{name}` is larger than {most} bytes (limit `release.{name}`)."),
                "Make it smaller: strip debug information from a component, shorten the manifest's texts.",
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large_or_broken(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return broken();
    }
    too_large()
}

fn too_large() -> ApiError {
    ApiError::new(
        Code::TooLarge,
        format!(
            "The upload is larger than {UPLOAD_BYTES_MAX} bytes (limits `release.component` and `release.manifest`)."
        ),
        "Make the component smaller: strip debug information, leave out what it does not use.",
    )
}

fn broken() -> ApiError {
    let next = "Send all parts as `multipart/form-data` again.";
    ApiError::new(Code::BadUpload, "The upload broke off or is not a multipart form.", next)
}

fn bad_part(name: &str, reason: &str) -> ApiError {
    let place: String = name.chars().take(64).collect();
    let next = "Send exactly the parts `manifest` (JSON), `component` (WebAssembly) and `signature` (JSON).";
    let problem =
        Problem { place: place.clone(), reason: reason.to_owned(), next_step: next.to_owned() };
    ApiError::new(Code::BadUpload, format!("The part `{place}` is wrong: {reason}."), next)
        .with_problems(vec![problem])
}

/// The signature, the gate, then the component, its artifact and the release.
async fn take(
    app: &App,
    caller: &Caller,
    plugin: &Plugin,
    manifest: Manifest,
    upload: Upload,
) -> Result<Uploaded, ApiError> {
    // It was read as JSON, so it is text.
    let manifest_text = String::from_utf8(upload.manifest).map_err(ApiError::internal)?;
    let (component, part) = (upload.component, upload.signature);
    let digest = blob::digest(&component);
    let signed = signature::Signed {
        plugin,
        manifest: &manifest,
        manifest_text: &manifest_text,
        digest: &digest,
    };
    let signature = signature::check(app, &signed, part.as_deref()).await?;
    match app.store.release_of_version(&plugin.id, &manifest, &digest).await? {
        Some(Uploaded::Same(found)) if found.trust() != Trust::Signed => {
            let store = &app.store;
            let now =
                store.sign_release(&found.id, &manifest_text, signature, caller.user()).await?;
            app.wake.deliveries.notify_one();
            return Ok(Uploaded::Same(now.unwrap_or(found)));
        }
        Some(before) => return Ok(before),
        None => {}
    }
    let (gated, component) = gate(app, component).await?;
    let Some(artifact) = gated.artifact else {
        return Err(gate_failed(&gated));
    };
    let component_bytes = component.len() as u64;
    let digest = app.store.put_component(component).await?;
    crash::point("release.component");
    app.store.put_artifact(&digest, artifact).await?;
    crash::point("release.artifact");
    let new = NewRelease {
        plugin: plugin.id.clone(),
        manifest,
        manifest_text,
        signature,
        digest,
        component_bytes,
        gate: json!({
            "findings": gated.inspection.findings,
            "imports": gated.inspection.imports,
        }),
        actor: caller.user().clone(),
    };
    Ok(app.store.create_release(new).await?)
}

/// Scanning and loading take a core for a while: not one of those that answer.
async fn gate(app: &App, component: Vec<u8>) -> Result<(Gated, Vec<u8>), ApiError> {
    let (sandbox, runtime) = (app.sandbox.clone(), tokio::runtime::Handle::current());
    let work = move || runtime.block_on(sandbox.gate(&component)).map(|gated| (gated, component));
    let began = std::time::Instant::now();
    let gated = tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?;
    let result = match &gated {
        Ok((gated, _)) if gated.artifact.is_some() => "ok",
        Ok(_) => "refused",
        Err(_) => "failed",
    };
    app.metrics.compiled(result, began.elapsed());
    gated.map_err(ApiError::internal)
}

fn gate_failed(gated: &Gated) -> ApiError {
    let failed = gated.inspection.findings.iter().filter(|finding| !finding.ok);
    let problems: Vec<_> = failed
        .map(|finding| Problem {
            place: finding.check.to_owned(),
            reason: finding.message.clone(),
            next_step: finding.hint.clone(),
        })
        .collect();
    let checks: Vec<_> = problems.iter().map(|problem| problem.place.as_str()).collect();
    let detail =
        format!("The component did not pass: {}. The release was not kept.", checks.join(", "));
    ApiError::new(Code::GateFailed, detail, "Follow the hints and publish again.")
        .with_problems(problems)
}

/// The view of a release.
pub fn view(release: Release) -> ReleaseView {
    ReleaseView {
        signature: signature::view(&release),
        id: release.id,
        plugin: release.plugin,
        plugin_name: release.plugin_name,
        owner_slug: release.owner_slug,
        owner_name: release.owner_name,
        version: release.version,
        digest: release.digest,
        component_bytes: release.component_bytes,
        state: release.state.name(),
        gate: release.gate,
        manifest: release.manifest,
        uploaded_by: release.uploaded_by,
        created_at: release.created_at,
        decided_by: release.decided_by,
        decision_reason: release.decision_reason,
        decided_at: release.decided_at,
    }
}
