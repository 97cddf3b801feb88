//! `cargo xtask mutants`: what decides is broken in every small way, one at a time,
//! and a test must notice. cargo-mutants does it, in a copy of the checkout; which
//! files decide is said here, what is not tried in `.cargo/mutants.toml`, and what
//! came of it in `docs/mutation.md`.
use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// `egress`, `grants`, `admission`, `authority`, `sharing`; all by default.
    modules: Vec<String>,
    /// How many are built and tested at a time.
    #[arg(long, default_value_t = 1)]
    jobs: u32,
    /// Names them and tries none.
    #[arg(long)]
    list: bool,
}

/// The tool, at the version that the report was made with.
const VERSION: &str = "27.1.0";

/// Modules that decide, by the name that one types.
const MODULES: [(&str, &[&str]); 5] = [
    ("egress", &["host/domain/src/egress/*.rs"]),
    ("grants", &["host/domain/src/grant.rs", "host/domain/src/capability.rs"]),
    ("admission", &["host/domain/src/admission.rs", "host/domain/src/contract.rs"]),
    ("authority", &["host/domain/src/authority.rs", "host/domain/src/authority/*.rs"]),
    ("sharing", &["host/domain/src/sharing.rs", "host/domain/src/count.rs"]),
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let known = MODULES.map(|(name, _)| name);
    for name in &options.modules {
        ensure!(known.contains(&name.as_str()), "no module `{name}`: use {}", known.join(", "));
    }
    let wanted = |name: &str| {
        options.modules.is_empty() || options.modules.iter().any(|module| module == name)
    };
    let output = cargo::target().join("mutants");
    fs::create_dir_all(&output)?;
    let mut mutants = Command::new(tool()?);
    mutants.args(["mutants", "--package", "venn-domain", "--output"]).arg(&output);
    mutants.args(["--jobs", &options.jobs.to_string()]).current_dir(cargo::root());
    for (_, files) in MODULES.iter().filter(|(name, _)| wanted(name)) {
        mutants.args(files.iter().flat_map(|file| ["--file", file]));
    }
    // Its copies are compiled in folders of their own.
    mutants.env_remove("CARGO_TARGET_DIR");
    if options.list {
        return cargo::run(mutants.arg("--list"));
    }
    // Any other end than the one with survivors is told by the tool itself.
    match mutants.status().context("cannot start cargo-mutants")?.code() {
        Some(0) => Ok(()),
        Some(2) => {
            bail!("no test noticed what {} lists", output.join("mutants.out/missed.txt").display())
        }
        code => bail!("cargo-mutants ended with {code:?}"),
    }
}

/// Installed once, below the build folder.
fn tool() -> anyhow::Result<PathBuf> {
    let place = cargo::target().join("tools");
    let tool = place.join("bin/cargo-mutants");
    let output = Command::new(&tool).args(["mutants", "--version"]).output();
    if !output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION)) {
        let mut install = cargo::cargo(&["install", "--locked", "--quiet", "--root"]);
        cargo::run(install.arg(&place).arg(format!("cargo-mutants@{VERSION}")))?;
    }
    Ok(tool)
}
