//! `cargo xtask bench`: us and the limit, interleaved in one run, as ratios.
use std::{path::PathBuf, process::Command};

use clap::Args;

use crate::{cargo, flame};

#[derive(Args)]
pub(crate) struct Options {
    /// `run`, `egress`, `authorize`, `mapping`, `durable`, `installs`, `storm` or `api`; all by default.
    benches: Vec<String>,
    /// How many events `storm` has.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    events: u64,
    /// One JSON object a line and nothing else.
    #[arg(long)]
    json: bool,
    /// Also write a flame graph of `durable` to this file, of our side only.
    #[arg(long, value_name = "FILE.svg")]
    flame: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let wants =
        |name: &str| options.benches.is_empty() || options.benches.iter().any(|b| b == name);
    if options.flame.is_some() {
        anyhow::ensure!(
            wants("durable"),
            "--flame draws `durable`: `cargo xtask bench durable --flame FILE.svg`"
        );
        flame::tools()?;
    }
    for name in &options.benches {
        anyhow::ensure!(
            ["run", "egress", "authorize", "mapping", "durable", "installs", "storm", "api"]
                .contains(&name.as_str()),
            "no bench `{name}`: use `run`, `egress`, `authorize`, `mapping`, `durable`, `installs`, `storm` or `api`"
        );
    }
    if wants("mapping") {
        let data = cargo::root().join("data");
        let mut command = cargo::cargo(&[
            "run",
            "--quiet",
            "--locked",
            "--release",
            "-p",
            "venn-mapping",
            "--features",
            "bench",
            "--example",
            "bench_mapping",
            "--",
        ]);
        command
            .arg(data.join("hubspot-companies-export.csv"))
            .arg(data.join("salesforce-accounts-export.csv"));
        cargo::run(json(&mut command, options))?;
    }
    for (name, guest) in [("run", "bench_overlaps.wasm"), ("egress", "bench_egress.wasm")] {
        if wants(name) {
            let mut bench = built(&format!("bench_{name}"))?;
            cargo::run(json(bench.arg(cargo::guests().join(guest)), options))?;
        }
    }
    if wants("authorize") {
        cargo::run(&mut built("bench_authorize")?)?;
    }
    if wants("durable") {
        cargo::run(where_there_is_one(&mut built("bench_durable")?))?;
        if let Some(file) = &options.flame {
            flame::draw(&mut built("bench_durable")?, file)?;
        }
    }
    if wants("installs") {
        cargo::run(where_there_is_one(&mut built("bench_installs")?))?;
    }
    if wants("storm") {
        let mut bench = built("bench_storm")?;
        bench.arg("--events").arg(options.events.to_string());
        cargo::run(where_there_is_one(&mut bench))?;
    }
    if wants("api") {
        // It knows no `--version` that succeeds.
        let found = Command::new("wrk").arg("-v").output().is_ok();
        anyhow::ensure!(found, "the load comes from wrk: `apt-get install wrk`");
        cargo::run(&mut built("bench_api")?)?;
    }
    Ok(())
}

/// On both databases, if there is PostgreSQL here.
fn where_there_is_one(bench: &mut Command) -> &mut Command {
    if venn_cluster::tools().is_some() {
        return bench;
    }
    eprintln!("==> on SQLite only: there is no PostgreSQL here (`apt-get install postgresql`)");
    bench.args(["--database", "sqlite"])
}

/// A bench, built, with what it starts; it prints JSON lines only. One selection of
/// packages for all of them: each other one would build the engine again.
fn built(name: &str) -> anyhow::Result<Command> {
    let mut build = cargo::cargo(&["build", "--locked", "--release", "--bins"]);
    for package in ["venn-server", "venn-testkit", "venn-sandbox", "venn-tests"] {
        build.args(["-p", package]);
    }
    cargo::run(build.args(["--example", "bench_run", "--example", name]))?;
    let folder = cargo::target().join("release");
    let programs = cargo::Programs { venn: folder.join("venn"), sim: folder.join("venn-sim") };
    cargo::build_guests(&programs)?;
    let mut bench = Command::new(folder.join("examples").join(name));
    bench
        .env("VENN_BIN", &programs.venn)
        .env("VENN_GUESTS", cargo::guests())
        .env("VENN_BENCH_RUN", folder.join("examples/bench_run"))
        .env_remove(venn_cluster::VARIABLE);
    Ok(bench)
}

fn json<'c>(command: &'c mut Command, options: &Options) -> &'c mut Command {
    if options.json {
        command.arg("--json");
    }
    command
}
