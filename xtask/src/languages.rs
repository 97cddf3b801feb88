//! `cargo xtask languages`: the same plugin in each guest language, measured.
use std::process::Command;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::{
    cargo::{self, Profile},
    guest_language::GuestLanguage,
};

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a line and nothing else.
    #[arg(long)]
    json: bool,
    /// Build the host with optimisation: minutes the first time.
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    let programs = cargo::build_host(profile)?;
    let mut plugins = vec![("rust", cargo::build_example(&programs, "crm-tasks")?)];
    for language in GuestLanguage::ALL {
        if language.tools(&programs)?.is_some() {
            plugins.push((language.name(), cargo::build_example(&programs, language.example())?));
        }
    }
    let mut bench = cargo::cargo(&["run", "--quiet", "--locked", "-p", "venn-sandbox"]);
    if options.release {
        bench.arg("--release");
    }
    bench.args(["--example", "bench_languages", "--"]).arg(&programs.venn);
    for (name, component) in &plugins {
        bench.arg(format!("{name}={}", component.display()));
    }
    let lines = output(&mut bench)?;
    if options.json {
        println!("{}", lines.trim_end());
        return Ok(());
    }
    println!("| | component | artifact | gate | load | first call | warm call | memory |");
    println!("|---|---|---|---|---|---|---|---|");
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line)?;
        let number = |key: &str| row[key].as_f64().unwrap_or_default();
        println!(
            "| {} | {} | {} | {:.1} s | {:.1} ms | {:.2} ms | {:.0} µs | {} |",
            row["case"].as_str().unwrap_or_default(),
            size(number("component_bytes")),
            size(number("artifact_bytes")),
            number("gate_ms") / 1_000.0,
            number("load_ms"),
            number("first_ms"),
            number("warm_us"),
            size(number("memory_bytes")),
        );
    }
    Ok(())
}

/// Standard output of a command that must succeed.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Bytes for people, in powers of ten.
fn size(bytes: f64) -> String {
    if bytes < 1e6 { format!("{:.0} kB", bytes / 1e3) } else { format!("{:.1} MB", bytes / 1e6) }
}
