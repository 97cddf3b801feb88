//! `cargo xtask bench`: us and the limit, interleaved in one run, as ratios.
use clap::Args;

use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// `run`, `mapping`, `durable` or `api`; all by default.
    benches: Vec<String>,
    /// One JSON object a line and nothing else.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let wants =
        |name: &str| options.benches.is_empty() || options.benches.iter().any(|b| b == name);
    for name in &options.benches {
        anyhow::ensure!(
            ["run", "mapping", "durable", "api"].contains(&name.as_str()),
            "no bench `{name}`: use `run`, `mapping`, `durable` or `api`"
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
    if wants("run") {
        let programs = cargo::build_host(cargo::Profile::Release)?;
        cargo::build_guests(&programs)?;
        let mut command = cargo::cargo(&[
            "run",
            "--quiet",
            "--locked",
            "--release",
            "-p",
            "venn-sandbox",
            "--example",
            "bench_run",
            "--",
        ]);
        command.arg(cargo::guests().join("bench_overlaps.wasm"));
        cargo::run(json(&mut command, options))?;
    }
    if wants("durable") {
        whole("bench_durable")?;
    }
    if wants("api") {
        // It knows no `--version` that succeeds.
        let found = std::process::Command::new("wrk").arg("-v").output().is_ok();
        anyhow::ensure!(found, "the load comes from wrk: `apt-get install wrk`");
        whole("bench_api")?;
    }
    Ok(())
}

/// A bench of the whole server; it prints JSON lines only.
fn whole(name: &str) -> anyhow::Result<()> {
    let programs = cargo::build_host(cargo::Profile::Release)?;
    cargo::build_guests(&programs)?;
    let examples = ["-p", "venn-sandbox", "-p", "venn-tests", "--example", "bench_run"];
    let mut build = cargo::cargo(&["build", "--locked", "--release"]);
    cargo::run(build.args(examples).args(["--example", name]))?;
    let folder = cargo::target().join("release/examples");
    let mut bench = std::process::Command::new(folder.join(name));
    bench
        .env("VENN_BIN", &programs.venn)
        .env("VENN_GUESTS", cargo::guests())
        .env("VENN_BENCH_RUN", folder.join("bench_run"));
    cargo::run(&mut bench)
}

fn json<'c>(
    command: &'c mut std::process::Command,
    options: &Options,
) -> &'c mut std::process::Command {
    if options.json {
        command.arg("--json");
    }
    command
}
