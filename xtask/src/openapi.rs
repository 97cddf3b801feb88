//! `cargo xtask openapi`: the API's description, from the code to the file that
//! is committed.
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::cargo;

/// Where the description is committed.
pub(crate) const FILE: &str = "docs/openapi.json";

pub(crate) fn write() -> anyhow::Result<()> {
    let venn = cargo::build_host(cargo::Profile::Dev)?.venn;
    let said = Command::new(&venn).arg("openapi").output().context("cannot run venn")?;
    ensure!(said.status.success(), "venn openapi failed");
    let path = cargo::root().join(FILE);
    std::fs::write(&path, said.stdout).with_context(|| format!("cannot write {FILE}"))?;
    println!("wrote {FILE}");
    Ok(())
}
