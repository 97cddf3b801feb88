//! Running cargo for the wasm target, and reading from its messages which
//! files it made. Does not know what a component is.
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::toolchain::Toolchain;

/// The release profile of a plugin, whatever its workspace says: small code, no
/// unwinding tables, no debug information. One codegen unit costs a second of
/// compiling and makes the code smaller once more. Panic texts keep the paths
/// of source files, those of dependencies with their folder on this machine.
const PROFILE: [(&str, &str); 6] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
];

/// A module or component that cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    /// The cargo target's name.
    pub(super) name: String,
    /// The file.
    pub(super) path: PathBuf,
}

/// Builds and lists the wasm files of the package in `dir`. Cargo's progress
/// and diagnostics go to standard error.
pub(super) fn build(toolchain: &Toolchain, dir: &Path, arguments: &[String]) -> Result<Vec<Made>> {
    let mut cargo = toolchain.cargo_build(dir);
    // A folder of its own: the profile below would otherwise rebuild what the
    // host's builds share, and each would wait for the other's lock.
    cargo.env("CARGO_TARGET_DIR", target_folder(dir)?.join("plugin"));
    cargo.args(arguments).args(["--message-format", "json-render-diagnostics"]).envs(PROFILE);
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started. Rust is at https://rustup.rs")?;
    let lines = BufReader::new(child.stdout.take().context("cargo has no output")?).lines();
    let manifest = std::fs::canonicalize(dir.join("Cargo.toml"));
    let manifest = manifest.with_context(|| format!("there is no Cargo.toml in {}", dir.display()));
    let mut made = Vec::new();
    for line in lines {
        made.extend(artifact(&line?, manifest.as_deref().ok()));
    }
    if !child.wait()?.success() {
        manifest?;
        bail!("the plugin does not compile: cargo's messages above say where and why");
    }
    Ok(made)
}

/// Where cargo puts what it makes for the package in `dir`.
pub(super) fn target_folder(dir: &Path) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(dir).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().context("cargo cannot be started. Rust is at https://rustup.rs")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{} is no folder of a Rust plugin: {said}", dir.display());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata.target_directory)
}

/// The wasm file of one message, if it is one and of that package.
fn artifact(line: &str, manifest: Option<&Path>) -> Option<Made> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        manifest_path: PathBuf,
        target: Named,
        filenames: Vec<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" || Some(message.manifest_path.as_path()) != manifest {
        return None;
    }
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|end| end == "wasm");
    let path = message.filenames.into_iter().find(is_wasm)?;
    Some(Made { name: message.target.name, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasm_files_of_the_package_itself_count() {
        let message = |manifest: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"x","manifest_path":"{manifest}",
                "target":{{"name":"crm_tasks","kind":["cdylib"]}},"filenames":["{file}"]}}"#
            )
        };
        let ours = Path::new("/p/Cargo.toml");
        let made = Made { name: "crm_tasks".into(), path: "/t/crm_tasks.wasm".into() };
        let read = |manifest, file| artifact(&message(manifest, file), Some(ours));
        assert_eq!(read("/p/Cargo.toml", "/t/crm_tasks.wasm"), Some(made));
        assert_eq!(read("/other/Cargo.toml", "/t/crm_tasks.wasm"), None);
        assert_eq!(read("/p/Cargo.toml", "/t/libvenn_sdk.rlib"), None);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#, Some(ours)), None);
    }
}
