//! `cargo xtask fuzz`: the targets of `tests/fuzz` in libFuzzer, one after the other.
//!
//! On the stable compiler, in the ordinary build folder: only the crates of this
//! workspace are instrumented (`tests/fuzz/instrument`), what they use stays as it
//! was compiled. What libFuzzer learns is kept below `target/fuzz`, and it goes on
//! from there; what it finds ends the target, and lies there too.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// Names of targets; all by default.
    targets: Vec<String>,
    /// Ends a target after so many executions, instead of after a time.
    #[arg(long)]
    runs: Option<u64>,
    /// For how long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same number, and nothing learned before: the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Runs one target on this file only: what was found before.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// What an input may cost, in seconds: ours take a thousandth of it.
const TIMEOUT_S: u32 = 10;
/// What a target may hold, in MiB.
const MEMORY_MIB: u32 = 2048;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let known = targets()?;
    let names: Vec<_> = known.iter().map(|target| target.name.as_str()).collect();
    for name in &options.targets {
        ensure!(names.contains(&name.as_str()), "no target `{name}`: use {}", names.join(", "));
    }
    let wanted =
        |target: &&Target| options.targets.is_empty() || options.targets.contains(&target.name);
    if let Some(input) = &options.input {
        let [target] = known.iter().filter(wanted).collect::<Vec<_>>()[..] else {
            bail!("--input runs one target: `cargo xtask fuzz NAME --input FILE`");
        };
        let mut program = Command::new(target.of.build()?);
        return cargo::run(program.env(VARIABLE, &target.name).arg(input));
    }
    let mut found = Vec::new();
    println!(
        "{:<14} {:>12} {:>9} {:>7} {:>6}",
        "target", "executions", "branches", "inputs", "seed"
    );
    for target in known.iter().filter(wanted) {
        let ran = Ran::of(target, options)?;
        let (Ran { executions, branches, inputs, .. }, name) = (&ran, &target.name);
        println!("{name:<14} {executions:>12} {branches:>9} {inputs:>7} {:>6}", options.seed);
        found.extend(ran.found.map(|told| format!("{name}: {told}")));
    }
    ensure!(found.is_empty(), "found something:\n{}", found.join("\n"));
    Ok(())
}

/// Names the target to the program.
const VARIABLE: &str = "VENN_FUZZ_TARGET";

/// A package of targets; its program has all of them in it.
struct Package {
    name: &'static str,
    folder: &'static str,
    program: &'static str,
}

const PACKAGES: [Package; 2] = [
    Package { name: "venn-fuzz", folder: "tests/fuzz", program: "fuzz" },
    Package {
        name: "venn-fuzz-component",
        folder: "tests/fuzz/component",
        program: "fuzz-component",
    },
];

impl Package {
    fn folder(&self) -> PathBuf {
        cargo::root().join(self.folder)
    }

    /// The program, instrumented.
    fn build(&self) -> anyhow::Result<PathBuf> {
        let mut build = cargo::cargo(&["build", "--quiet", "--locked", "-p", self.name]);
        build.args(["--bin", self.program, "--features", "libfuzzer"]);
        build.env("RUSTC_WORKSPACE_WRAPPER", cargo::root().join("tests/fuzz/instrument"));
        // Of our crates only: for the others the workspace says it.
        cargo::run(build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2"))?;
        Ok(cargo::target().join("debug").join(self.program))
    }
}

struct Target {
    name: String,
    of: &'static Package,
}

/// Each has a folder of inputs, which a test holds.
fn targets() -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for of in &PACKAGES {
        for entry in fs::read_dir(of.folder().join("corpus"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            targets.push(Target { name, of });
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

/// How a target went.
struct Ran {
    executions: u64,
    branches: u64,
    /// In the corpus, learned ones included.
    inputs: u64,
    found: Option<String>,
}

impl Ran {
    fn of(target: &Target, options: &Options) -> anyhow::Result<Self> {
        let Target { name, of } = target;
        let place = cargo::target().join("fuzz").join(name);
        let learned = place.join("corpus");
        fs::create_dir_all(&learned)?;
        let mut fuzz = Command::new(of.build()?);
        fuzz.current_dir(&place).env(VARIABLE, name).arg(&learned);
        let kept = ["corpus", "found"].map(|kind| of.folder().join(kind).join(name));
        fuzz.args(kept.iter().filter(|kept| kept.is_dir()));
        match options.runs {
            Some(runs) => fuzz.arg(format!("-runs={runs}")),
            None => fuzz.arg(format!("-max_total_time={}", options.seconds)),
        };
        fuzz.arg(format!("-seed={}", options.seed));
        // Where there are none, libFuzzer wants no file either.
        if let Ok(listed) = fs::read_to_string(of.folder().join("words").join(name)) {
            let words = place.join("words");
            fs::write(&words, dictionary(&listed))?;
            fuzz.arg(format!("-dict={}", words.display()));
        }
        fuzz.args([format!("-timeout={TIMEOUT_S}"), format!("-rss_limit_mb={MEMORY_MIB}")]);
        fuzz.args(["-artifact_prefix=found-", "-print_final_stats=1"]);
        let output = fuzz.output().context("cannot start the target")?;
        let log = String::from_utf8_lossy(&output.stderr);
        fs::write(place.join("log"), log.as_bytes())?;
        let found = (!output.status.success()).then(|| told(&log, &place, target));
        Ok(Self {
            executions: after(&log, "stat::number_of_executed_units:"),
            branches: after(&log, " cov: "),
            inputs: after(&log, " corp: "),
            found,
        })
    }
}

/// What broke, and how to see it again.
fn told(log: &str, place: &Path, target: &Target) -> String {
    let panicked = log.lines().skip_while(|line| !line.contains("panicked at")).take(8);
    let error = log.lines().filter(|line| line.contains("ERROR:"));
    let what: Vec<_> = panicked.chain(error).collect();
    let file = log.rsplit("written to ").next().and_then(|rest| rest.lines().next());
    let file = place.join(file.unwrap_or_default());
    let (name, folder) = (&target.name, target.of.folder);
    format!(
        "{}\n  again: cargo xtask fuzz {name} --input {}\n  it stays found in {folder}/found/{name}",
        what.join("\n  "),
        file.display()
    )
}

/// The last number behind this word.
fn after(log: &str, word: &str) -> u64 {
    let rest = log.rsplit_once(word).map_or("", |(_, rest)| rest.trim_start());
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

/// Words, one a line, as libFuzzer reads them.
fn dictionary(words: &str) -> String {
    let mut text = String::new();
    for word in words.lines().filter(|word| !word.is_empty()) {
        let bytes: Vec<_> = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        text.extend(["\"", &bytes.concat(), "\"\n"]);
    }
    text
}
