//! The PostgreSQL that the tests run on besides SQLite: a throw-away cluster.
use std::process::Command;

use anyhow::{Context as _, bail};
use venn_cluster::{Cluster, tools};

use crate::cargo;

/// Its name in `VENN_REQUIRE`.
const NAME: &str = "postgres";

/// A running cluster, which ends with the value; none, with a word about it, where
/// there is no PostgreSQL and nobody requires one.
pub(crate) fn start() -> anyhow::Result<Option<Cluster>> {
    if tools().is_none() && cargo::requires(NAME) {
        install()?;
    }
    if tools().is_none() {
        eprintln!(
            "==> tests run on SQLite only: there is no PostgreSQL here (VENN_REQUIRE=postgres installs and demands it)"
        );
        return Ok(None);
    }
    let cluster = Cluster::start().context("the PostgreSQL for the tests does not start")?;
    eprintln!("==> tests run on SQLite, then on PostgreSQL");
    Ok(Some(cluster))
}

fn install() -> anyhow::Result<()> {
    let what = "PostgreSQL's server programs (`initdb`, `pg_ctl`) are required and not here";
    if !cargo::has("apt-get") {
        bail!("{what}; install PostgreSQL 15 or newer and put them on the path");
    }
    eprintln!("==> apt-get install postgresql");
    for arguments in [
        ["update", "-q"].as_slice(),
        &["install", "-y", "-q", "--no-install-recommends", "postgresql"],
    ] {
        cargo::run(Command::new("apt-get").args(arguments))
            .with_context(|| format!("{what}; `apt-get` needs root"))?;
    }
    Ok(())
}
