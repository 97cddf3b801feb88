//! `cargo xtask test`: set up what the tests need, then run all of them.
//!
//! What a test needs beyond Rust is named in `VENN_REQUIRE` (comma separated):
//! what is named there must be present, or the run fails; what is not named is
//! used where it is found. CI names everything: `hubspot-client`, `promtool`,
//! `openssl`, `typescript`, `python`, `c` and `postgres`.
//!
//! The store's suite and `it` run twice: on SQLite, and on PostgreSQL.
use std::process::Command;

use clap::Args;
use venn_cluster::{Cluster, VARIABLE};

use crate::{c_guest, cargo, guest_language::GuestLanguage, postgres};

#[derive(Args)]
pub(crate) struct Options {
    /// Only the crates that do not link the WebAssembly engine.
    #[arg(long)]
    fast: bool,
    /// Names of tests to run, passed on to `it`.
    filter: Vec<String>,
}

/// Crates without the engine: their tests take seconds.
const LIGHT: [&str; 8] = [
    "venn-domain",
    "venn-mapping",
    "venn-store",
    "venn-testkit",
    "venn-fuzz",
    "crm-tasks",
    "hubspot-source",
    "xtask",
];

/// Crates that link the engine.
const HEAVY: [&str; 3] = ["venn-sandbox", "venn-server", "venn-fuzz-component"];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let cluster = postgres::start()?;
    light(options, cluster.as_ref())?;
    if options.fast {
        return Ok(());
    }
    let programs = cargo::build_host(cargo::Profile::Dev)?;
    cargo::build_guests(&programs)?;
    cargo::build_example(&programs, "crm-tasks")?;
    cargo::build_example(&programs, "hubspot-source")?;
    let mut missing = Vec::new();
    if !c_guest::build(&programs)? {
        missing.push("c");
    }
    for language in GuestLanguage::ALL {
        let Some(tools) = language.tools(&programs)? else {
            missing.push(language.name());
            continue;
        };
        language.build(&programs)?;
        if options.filter.is_empty() {
            language.unit_tests(&tools)?;
        }
    }
    if options.filter.is_empty() {
        let mut heavy = cargo::cargo(&["test", "--locked"]);
        for name in HEAVY {
            heavy.args(["-p", name]);
        }
        cargo::run(heavy.env("VENN_BIN", &programs.venn).env("VENN_GUESTS", cargo::guests()))?;
    }
    for server in servers(cluster.as_ref()) {
        let mut it = cargo::cargo(&["test", "--locked", "-p", "venn-tests", "--test", "it", "--"]);
        it.args(&options.filter);
        for language in &missing {
            it.args(["--skip", &format!("::{language}::")]);
        }
        it.env("VENN_BIN", &programs.venn)
            .env("VENN_SIM_BIN", &programs.sim)
            .env("VENN_GUESTS", cargo::guests())
            .env("VENN_PLUGINS", cargo::plugins());
        cargo::run(on(&mut it, server.as_ref()))?;
    }
    Ok(())
}

/// The databases to run on: the embedded one, and the cluster's.
fn servers(cluster: Option<&Cluster>) -> Vec<Option<String>> {
    [None].into_iter().chain(cluster.map(|cluster| Some(cluster.url()))).collect()
}

fn on<'a>(command: &'a mut Command, server: Option<&String>) -> &'a mut Command {
    match server {
        Some(server) => command.env(VARIABLE, server),
        None => command.env_remove(VARIABLE),
    }
}

fn light(options: &Options, cluster: Option<&Cluster>) -> anyhow::Result<()> {
    if !options.filter.is_empty() {
        return Ok(());
    }
    let nextest = cargo::has("cargo-nextest");
    let tests = |only: Option<&str>| {
        let mut command = cargo::cargo(if nextest { &["nextest", "run"] } else { &["test"] });
        command.arg("--locked");
        // One choice of crates, so that what they share is compiled once.
        for name in LIGHT.iter().filter(|name| nextest || only.is_none_or(|only| only == **name)) {
            command.args(["-p", name]);
        }
        if let Some(only) = only.filter(|_| nextest) {
            command.args(["-E", &format!("package({only})")]);
        }
        command
    };
    cargo::run(on(&mut tests(None), None))?;
    if let Some(server) = cluster.map(Cluster::url) {
        cargo::run(on(&mut tests(Some("venn-store")), Some(&server)))?;
    }
    if nextest {
        // nextest runs no documentation examples.
        let mut docs = cargo::cargo(&["test", "--locked", "--doc"]);
        let none = ["venn-fuzz", "crm-tasks", "hubspot-source", "xtask"];
        for name in LIGHT.iter().filter(|name| !none.contains(name)) {
            docs.args(["-p", name]);
        }
        cargo::run(&mut docs)?;
    }
    Ok(())
}
