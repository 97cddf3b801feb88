//! From an upload to an enabled install: what is refused on the way, by whom,
//! and in which words.
//!
//! - [`components`]: what is not a component that may run here
//! - [`manifests`]: what a manifest must not say; versions and names
//! - [`review`]: the platform's ceiling and its go or no-go; the marketplace
//! - [`dependencies`]: what a release was built from, and advisories against that
//! - [`signatures`]: whose word a release has, at publish and at load
//! - [`verification`]: who a publisher is, before anything of theirs is approved
//! - [`withdrawals`]: one release is taken back
//! - [`loads`]: what is kept in memory of what was published
//! - [`installs`]: configuration, grant and connections against all of that
pub mod components;
pub mod dependencies;
mod installs;
mod loads;
mod manifests;
mod review;
mod signatures;
mod verification;
mod withdrawals;

use serde_json::Value;

use crate::support::{Actor, Answer, Host, World, guest};

/// A publisher with the plugin `script` and no release.
async fn taskworks() -> (Host, Actor) {
    let host = Host::start(&[]).await;
    let publisher = host.organization("taskworks", false, true).await;
    let body = serde_json::json!({ "name": "script" });
    publisher.post(&publisher.own("plugins"), &body).await.good();
    (host, publisher)
}

/// Uploads these bytes to the plugin `script`, manifest as it is written.
async fn upload(publisher: &Actor, manifest: impl Into<String>, component: Vec<u8>) -> Answer {
    publisher.upload("script", &manifest.into(), component).await
}

/// The manifest of the plugin `script`.
fn manifest() -> Value {
    World::manifest("script")
}

/// The release of the guest `script`, submitted.
async fn submitted(publisher: &Actor) -> Value {
    upload(publisher, manifest().to_string(), guest("script")).await.good()
}
