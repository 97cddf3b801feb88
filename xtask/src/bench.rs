//! `cargo xtask bench`: us and the limit, interleaved in one run, as ratios.
use std::{path::PathBuf, process::Command};

use clap::Args;

use crate::{cargo, flame};

#[derive(Args)]
pub(crate) struct Options {
    /// `run`, `egress`, `mapping`, `durable` or `api`; all by default.
    benches: Vec<String>,
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
            ["run", "egress", "mapping", "durable", "api"].contains(&name.as_str()),
            "no bench `{name}`: use `run`, `egress`, `mapping`, `durable` or `api`"
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
    for (name, example, guest) in [
        ("run", "bench_run", "bench_overlaps.wasm"),
        ("egress", "bench_egress", "bench_egress.wasm"),
    ] {
        if wants(name) {
            let programs = cargo::build_host(cargo::Profile::Release)?;
            cargo::build_guests(&programs)?;
            let package = ["-p", "venn-sandbox", "--example", example, "--"];
            let mut command = cargo::cargo(&["run", "--quiet", "--locked", "--release"]);
            command.args(package).arg(cargo::guests().join(guest));
            cargo::run(json(&mut command, options))?;
        }
    }
    if wants("durable") {
        let mut bench = whole("bench_durable")?;
        if venn_cluster::tools().is_none() {
            eprintln!(
                "==> durable on SQLite only: there is no PostgreSQL here (`apt-get install postgresql`)"
            );
            bench.args(["--database", "sqlite"]);
        }
        cargo::run(&mut bench)?;
        if let Some(file) = &options.flame {
            flame::draw(&mut whole("bench_durable")?, file)?;
        }
    }
    if wants("api") {
        // It knows no `--version` that succeeds.
        let found = Command::new("wrk").arg("-v").output().is_ok();
        anyhow::ensure!(found, "the load comes from wrk: `apt-get install wrk`");
        cargo::run(&mut whole("bench_api")?)?;
    }
    Ok(())
}

/// A bench of the whole server, built; it prints JSON lines only.
fn whole(name: &str) -> anyhow::Result<Command> {
    let programs = cargo::build_host(cargo::Profile::Release)?;
    cargo::build_guests(&programs)?;
    let examples = ["-p", "venn-sandbox", "-p", "venn-tests", "--example", "bench_run"];
    let mut build = cargo::cargo(&["build", "--locked", "--release"]);
    cargo::run(build.args(examples).args(["--example", name]))?;
    let folder = cargo::target().join("release/examples");
    let mut bench = Command::new(folder.join(name));
    bench
        .env("VENN_BIN", &programs.venn)
        .env("VENN_GUESTS", cargo::guests())
        .env("VENN_BENCH_RUN", folder.join("bench_run"))
        .env_remove(venn_cluster::VARIABLE);
    Ok(bench)
}

fn json<'c>(command: &'c mut Command, options: &Options) -> &'c mut Command {
    if options.json {
        command.arg("--json");
    }
    command
}
