//! `cargo xtask model`: random operations by random people, held against the model of who
//! may see what (`docs/separation.md`), as long as one likes.
use std::fs;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// How many steps.
    #[arg(long, default_value_t = 10_000)]
    steps: u64,
    /// Where the choices come from; the time, if left out.
    #[arg(long)]
    seed: Option<u64>,
    /// How many steps of a hundred run a plugin.
    #[arg(long, default_value_t = 8)]
    wasm_share: u64,
    /// One JSON object at the end.
    #[arg(long)]
    json: bool,
    /// One world again, as a failure names it; with `--only`.
    #[arg(long, requires = "only")]
    world: Option<u64>,
    /// The steps of that world that are taken, as a failure names them.
    #[arg(long, requires = "world")]
    only: Option<String>,
}

const TEST: &str = "model::nothing_outside_the_model_is_told";

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let programs = cargo::build_host(cargo::Profile::Dev)?;
    cargo::build_guests(&programs)?;
    let figures = cargo::target().join("model.json");
    let _ = fs::remove_file(&figures);
    let mut command = cargo::cargo(&["test", "--locked", "-p", "venn-tests", "--test", "it", "--"]);
    command
        .args(["--exact", TEST, "--nocapture"])
        .env("VENN_BIN", &programs.venn)
        .env("VENN_GUESTS", cargo::guests())
        .env("VENN_PLUGINS", cargo::plugins())
        .env("VENN_MODEL_STEPS", options.steps.to_string())
        .env("VENN_MODEL_WASM", options.wasm_share.to_string())
        .env("VENN_MODEL_FIGURES", &figures);
    if let Some(seed) = options.seed {
        command.env("VENN_MODEL_SEED", seed.to_string());
    }
    if let (Some(world), Some(only)) = (options.world, &options.only) {
        command.env("VENN_MODEL_WORLD", world.to_string()).env("VENN_MODEL_ONLY", only);
        return cargo::run(&mut command);
    }
    let verdict = cargo::run(&mut command);
    let text = fs::read_to_string(&figures).context("the model told no figures")?;
    let mut told: Value = serde_json::from_str(&text)?;
    told["commit"] = cargo::commit().into();
    if options.json {
        println!("{told}");
        return verdict;
    }
    let [seed, steps, answers, calls, outside] =
        ["seed", "steps", "answers", "wit_calls", "outside"].map(|name| &told[name]);
    println!(
        "seed {seed}, commit {}: {steps} steps, {answers} answers held against the model, {calls} \
         of them of imports; outside: {outside}",
        cargo::commit()
    );
    verdict
}
