//! `venn publish`: what `venn build` made goes to the server's gate.
//!
//! The plugin is made if it is not there, and the first time of all a signing
//! key: every release is signed by its publisher. Every finding of the gate is shown
//! with its check's id, whether the release was taken or refused.
use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::manifest::Manifest;
use venn_sandbox::gate;
use venn_store::blob;

use super::{
    client::{Call, Send},
    exit::Exit,
    output::{
        Paint,
        failure::Failure,
        put,
        value::{is_true, list, raw, text},
    },
    session::Session,
    signing_keys::Signer,
};
use crate::author::{build, check};

/// Uploads a release to the gate
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The plugin's folder, built with `venn build`
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// A manifest (.toml or .json) instead of the built one
    #[arg(long, value_name = "FILE", requires = "component")]
    manifest: Option<PathBuf>,
    /// A component instead of the built one
    #[arg(long, value_name = "FILE", requires = "manifest")]
    component: Option<PathBuf>,
    /// The private signing key (PEM) instead of this machine's
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
}

/// `venn publish`
pub(crate) fn run(session: &Session, args: &PublishArgs) -> Result<(), Failure> {
    let (manifest, component) = files(args)?;
    let (name, version) = name_in(&manifest)?;
    check_size(&component)?;
    let org = session.org()?;
    let digest = fs::read(&component).map_err(|error| Failure::file(&component, "read", &error))?;
    let digest = blob::digest(&digest);
    // First, so that who may not publish has no key made and registered.
    ensure_plugin(session, org, &name)?;
    let signer = Signer::of(session, args.signing_key.as_deref())?;
    let signature = signer.sign(&name, &version, digest, blob::digest(&manifest));
    let segments = ["organizations", org, "plugins", &name, "releases"];
    let bar = session.out.bar(0, "uploading");
    let send = Send::Release {
        manifest: &manifest,
        component: &component,
        signature: &signature,
        bar: &bar,
    };
    let reply = session.call(&Call::new(Method::POST, &segments), &send);
    bar.finish_and_clear();
    let reply = reply?;
    session.show(&reply, |release| render(release, session.out.paint))?;
    refused_before(&reply.value).map_or(Ok(()), Err)
}

/// The same release again that an admin of the platform refused.
fn refused_before(release: &Value) -> Option<Failure> {
    if raw(release, "state") != "refused" {
        return None;
    }
    let (name, version) = (text(release, "plugin_name"), text(release, "version"));
    let reason = text(release, "decision_reason");
    let what = format!("The platform refused {name} {version}: {reason}");
    let next = "Change what it says, raise `version` in the manifest and publish again.";
    Some(Failure::new(Exit::Refused, what, next).at(text(release, "id")))
}

fn files(args: &PublishArgs) -> Result<(Vec<u8>, PathBuf), Failure> {
    if let (Some(manifest), Some(component)) = (&args.manifest, &args.component) {
        return Ok((read_manifest(manifest)?, component.clone()));
    }
    let built = build::built(&args.dir)
        .map_err(|error| Failure::new(Exit::Refused, format!("{error:#}"), ""))?;
    let built = built.ok_or_else(|| {
        Failure::usage(
            "The plugin is not built.",
            "`venn build` first, or give --manifest and --component.",
        )
        .at(args.dir.display().to_string())
    })?;
    if check::changed_since(&args.dir, &built.component_path) {
        return Err(Failure::usage(
            "The source is newer than the component that was built.",
            "`venn build` first, or name what is to be published: --manifest and --component.",
        )
        .at(built.component_path.display().to_string()));
    }
    Ok((read_manifest(&built.manifest_path)?, built.component_path))
}

/// What the gate would say after the whole of it was sent.
fn check_size(component: &Path) -> Result<(), Failure> {
    let found =
        fs::metadata(component).map_err(|error| Failure::file(component, "read", &error))?;
    let Some(finding) = gate::too_large(found.len()) else { return Ok(()) };
    let what = format!("The component does not pass: {}. Nothing was sent.", finding.check);
    let problem = format!("{}: {} → {}", finding.check, finding.message, finding.hint);
    Err(Failure::new(Exit::Refused, what, "Follow the hints and publish again.")
        .at(component.display().to_string())
        .with_problems([problem]))
}

/// As bytes to send: JSON goes as it is, also if it is wrong, because the gate
/// has the last word; TOML has to be turned into JSON here.
fn read_manifest(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, "read", &error))?;
    if path.extension().is_none_or(|ext| ext != "toml") {
        return Ok(bytes);
    }
    let manifest = Manifest::parse_toml(&String::from_utf8_lossy(&bytes)).map_err(|problems| {
        let told = problems.iter().map(|p| format!("{}: {} → {}", p.place, p.reason, p.next_step));
        Failure::new(Exit::Refused, "The manifest has problems.", "Correct them and publish again.")
            .at(path.display().to_string())
            .with_problems(told)
    })?;
    Ok(manifest.to_json())
}

/// The plugin's name and the version.
fn name_in(manifest: &[u8]) -> Result<(String, String), Failure> {
    let value: Value = serde_json::from_slice(manifest).map_err(|error| {
        Failure::usage(
            format!("The manifest is not JSON: {error}."),
            "Give the file that `venn build` made.",
        )
    })?;
    match raw(&value, "name") {
        "" => Err(Failure::usage(
            "The manifest has no name.",
            "Write `name = \"my-plugin\"` into venn.toml.",
        )),
        name => Ok((name.to_owned(), raw(&value, "version").to_owned())),
    }
}

fn ensure_plugin(session: &Session, org: &str, name: &str) -> Result<(), Failure> {
    match session.get(&["organizations", org, "plugins", name]) {
        Err(failure) if failure.exit == Exit::NotFound => {
            session.post(&["organizations", org, "plugins"], &json!({ "name": name }))?;
            session.out.note(&format!("The plugin {name} is new; it is yours now."));
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// The release with what the gate found.
pub(super) fn render(release: &Value, paint: Paint) -> String {
    let mut out = String::new();
    for finding in list(release, "gate.findings") {
        let mark =
            if is_true(finding, "ok") { paint.green("ok   ") } else { paint.yellow("note ") };
        put!(out, "{mark} {}  {}", text(finding, "check"), text(finding, "message"));
        if !is_true(finding, "ok") && !raw(finding, "hint").is_empty() {
            put!(out, " → {}", text(finding, "hint"));
        }
        out.push('\n');
    }
    for import in list(release, "gate.imports") {
        put!(out, "{} {}  {}\n", paint.dim("import"), text(import, "class"), text(import, "name"));
    }
    let (id, state) = (text(release, "id"), text(release, "state"));
    put!(
        out,
        "Release {id}, version {}, is {state}.\n  SHA-256 {}, {} bytes\n",
        text(release, "version"),
        text(release, "digest"),
        text(release, "component_bytes"),
    );
    if !raw(release, "signature.key").is_empty() {
        put!(out, "  signed with {}\n", text(release, "signature.key"));
    }
    if state == "submitted" {
        put!(out, "It waits for a platform admin: `venn approve {id}`.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gate_found_is_shown_with_ids_and_hints() {
        let release = json!({
            "id": "rel_1", "version": "0.1.0", "state": "submitted", "digest": "ab", "component_bytes": 9,
            "gate": {
                "findings": [
                    {"check": "component.size", "ok": true, "message": "9 bytes", "hint": ""},
                    {"check": "imports.ambient", "ok": false, "message": "wasi:clocks is there", "hint": "Leave it out"},
                ],
                "imports": [{"name": "venn:plugin/overlaps@0.1.0", "class": "contract"}],
            },
        });
        assert_eq!(
            render(&release, Paint(false)),
            "ok    component.size  9 bytes\n\
             note  imports.ambient  wasi:clocks is there → Leave it out\n\
             import contract  venn:plugin/overlaps@0.1.0\n\
             Release rel_1, version 0.1.0, is submitted.\n  SHA-256 ab, 9 bytes\n\
             It waits for a platform admin: `venn approve rel_1`.\n"
        );
    }
}
