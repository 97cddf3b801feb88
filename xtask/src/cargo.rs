//! Running cargo and the programs that it builds.
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// Which build: `Dev` shares everything with the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Unoptimised host, optimised compiler crates.
    Dev,
    /// For measuring.
    Release,
}

/// The programs that the tasks drive.
pub(crate) struct Programs {
    /// The `venn` command.
    pub venn: PathBuf,
    /// The simulated third parties.
    pub sim: PathBuf,
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where built test guests lie.
pub(crate) fn guests() -> PathBuf {
    target().join("guests")
}

/// Where built example plugins lie.
pub(crate) fn plugins() -> PathBuf {
    target().join("plugins")
}

/// Whether `VENN_REQUIRE` names it.
pub(crate) fn requires(name: &str) -> bool {
    env::var("VENN_REQUIRE").is_ok_and(|names| names.split(',').any(|named| named == name))
}

/// A cargo command in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    // What cargo tells this program about itself: build scripts look at it, and would
    // build anew what a cargo that was typed has built.
    for (name, _) in env::vars_os() {
        let told = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| told.starts_with(start)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command; an exit other than success is an error that names it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Builds `venn` and the simulators.
pub(crate) fn build_host(profile: Profile) -> anyhow::Result<Programs> {
    let mut command =
        cargo(&["build", "--locked", "-p", "venn-server", "-p", "venn-testkit", "--bins"]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    run(&mut command)?;
    let folder = target().join(folder);
    Ok(Programs { venn: folder.join("venn"), sim: folder.join("venn-sim") })
}

/// Builds every test guest to `target/guests/*.wasm`, with the author's own
/// tool, which also sets up the guest toolchain.
pub(crate) fn build_guests(programs: &Programs) -> anyhow::Result<()> {
    run(Command::new(&programs.venn)
        .args(["build", "--examples", "--out"])
        .arg(guests())
        .arg(root().join("tests/guests"))
        // Standard output is the task's own: figures, JSON.
        .stdout(std::io::stderr()))
}

/// Builds the example plugin; returns its component.
pub(crate) fn build_example(programs: &Programs, name: &str) -> anyhow::Result<PathBuf> {
    let out = plugins();
    run(Command::new(&programs.venn)
        .args(["build", "--out"])
        .arg(&out)
        .arg(root().join("example-plugins").join(name))
        .stdout(std::io::stderr()))?;
    Ok(out.join(format!("{name}.wasm")))
}

/// Builds the same plugin as a newer release with a bug, to show what Venn
/// makes of one.
pub(crate) fn build_broken_example(programs: &Programs) -> anyhow::Result<PathBuf> {
    let out = target().join("plugins-broken");
    run(Command::new(&programs.venn)
        .args(["build", "--features", "broken", "--set-version", "0.2.0", "--out"])
        .arg(&out)
        .arg(root().join("example-plugins/crm-tasks")))?;
    Ok(out.join("crm-tasks.wasm"))
}

/// Whether a program can be started.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Which sources these are; empty where git does not know.
pub(crate) fn commit() -> String {
    let shown = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let text = shown.map(|shown| shown.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
