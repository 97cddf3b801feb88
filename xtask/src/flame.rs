//! A flame graph of a bench: `perf` looks while the bench says so, `inferno` draws.
use std::{fs::File, path::Path, process::Command};

use anyhow::Context as _;

use crate::cargo;

/// Looks a second: not a round number, so as not to beat with what is periodic.
const LOOKS_A_SECOND: &str = "997";

/// Bytes of stack taken at each look: optimised code keeps no frame pointers.
const STACK: &str = "dwarf,16384";

/// What it needs beyond Rust, and where to get it.
pub(crate) fn tools() -> anyhow::Result<()> {
    let missing = |what: &str, how: &str| format!("--flame needs `{what}`: {how}");
    anyhow::ensure!(cargo::has("perf"), missing("perf", "`apt-get install linux-perf`"));
    for name in ["inferno-collapse-perf", "inferno-flamegraph"] {
        anyhow::ensure!(cargo::has(name), missing(name, "`cargo install inferno`"));
    }
    Ok(())
}

/// Runs our side of the bench on SQLite once more, and draws where its time goes.
pub(crate) fn draw(bench: &mut Command, file: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (control, data) = (folder.path().join("control"), folder.path().join("perf.data"));
    let (stacks, merged) = (folder.path().join("stacks"), folder.path().join("merged"));
    cargo::run(Command::new("mkfifo").arg(&control))?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--delay=-1", "-F", LOOKS_A_SECOND, "--call-graph", STACK]);
    perf.arg(format!("--control=fifo:{}", control.display())).arg("-o").arg(&data);
    perf.arg("--").arg(bench.get_program());
    perf.args(["--database", "sqlite", "--only-ours", "yes"]).env("VENN_BENCH_PERF", &control);
    perf.envs(bench.get_envs().filter_map(|(name, value)| Some((name, value?))));
    cargo::run(&mut perf).context("is `kernel.perf_event_paranoid` above 2?")?;
    let mut script = Command::new("perf");
    cargo::run(script.args(["script", "-i"]).arg(&data).stdout(File::create(&stacks)?))?;
    let mut collapse = Command::new("inferno-collapse-perf");
    cargo::run(collapse.stdin(File::open(&stacks)?).stdout(File::create(&merged)?))?;
    let mut flames = Command::new("inferno-flamegraph");
    flames.args(["--title", "cargo xtask bench durable: our side, SQLite"]);
    cargo::run(flames.stdin(File::open(&merged)?).stdout(File::create(file)?))?;
    eprintln!("==> {}", file.display());
    Ok(())
}
