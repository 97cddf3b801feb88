//! `cargo xtask attacks`: the cases of `docs/attacks.md`, tried, as a table or as one
//! JSON object a case.
//!
//! An attack is a test of `it`, which writes its line to a file that we name; a case
//! that another test holds is as safe as that test is green.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Stdio,
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// One JSON object a case, a line each.
    #[arg(long)]
    json: bool,
    /// Numbers of cases, or parts of their tests' names; all if there is none.
    name: Vec<String>,
}

/// A row of the document.
struct Case {
    number: u64,
    what: String,
    status: String,
    by: String,
}

impl Case {
    /// The tests that it names: crate and path.
    fn tests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by.split('`').skip(1).step_by(2).filter_map(|text| text.split_once(' '))
    }

    fn is_wanted(&self, names: &[String]) -> bool {
        let is =
            |name: &String| *name == self.number.to_string() || self.by.contains(name.as_str());
        names.is_empty() || names.iter().any(is)
    }
}

/// The crates with tests of their own that cases name, and how cargo runs them.
const CRATES: [(&str, &[&str]); 2] = [
    ("heavy", &["-p", "venn-sandbox", "-p", "venn-server"]),
    ("light", &["-p", "venn-domain", "-p", "venn-store"]),
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut cases = cases()?;
    cases.retain(|case| case.is_wanted(&options.name));
    if cases.is_empty() {
        bail!("no case of docs/attacks.md has this number or name");
    }
    let programs = cargo::build_host(cargo::Profile::Dev)?;
    cargo::build_guests(&programs)?;
    let named: BTreeSet<_> = cases.iter().flat_map(Case::tests).collect();
    if named.iter().any(|(_, path)| !path.starts_with("attacks::")) {
        for example in ["crm-tasks", "hubspot-source"] {
            cargo::build_example(&programs, example)?;
        }
    }
    let lines = cargo::target().join("attacks.jsonl");
    let _ = fs::remove_file(&lines);
    let mut green = BTreeSet::new();
    let of = |wanted: &dyn Fn(&str, &str) -> bool| -> Vec<String> {
        let found = named.iter().filter(|(package, path)| wanted(package, path));
        found.map(|(_, path)| (*path).to_owned()).collect()
    };
    let it = ["test", "--locked", "-p", "venn-tests", "--test", "it"];
    let here = |command: &mut std::process::Command| {
        command
            .env("VENN_BIN", &programs.venn)
            .env("VENN_SIM_BIN", &programs.sim)
            .env("VENN_GUESTS", cargo::guests())
            .env("VENN_PLUGINS", cargo::plugins())
            .env("VENN_ATTACKS", &lines);
    };
    let attacks = of(&|package, path| package == "it" && path.starts_with("attacks::"));
    green.extend(passed(&it, &["--exact", "--test-threads=1"], &attacks, here)?);
    let held = of(&|package, path| package == "it" && !path.starts_with("attacks::"));
    green.extend(passed(&it, &["--exact"], &held, here)?);
    for (_, packages) in CRATES {
        let held = of(&|package, _| packages.contains(&package));
        let arguments = [["test", "--locked"].as_slice(), packages].concat();
        green.extend(passed(&arguments, &[], &held, |_| {})?);
    }
    let verdicts = verdicts(&cases, &green, &fs::read_to_string(&lines).unwrap_or_default())?;
    for verdict in &verdicts {
        if options.json {
            println!("{verdict}");
        } else {
            println!("{}", shown(verdict));
        }
    }
    let harmed = verdicts.iter().filter(|verdict| verdict["safe"] == false).count();
    if !options.json {
        println!("\n{}", count(&verdicts));
    }
    if harmed > 0 {
        bail!("{harmed} attacks did harm");
    }
    Ok(())
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let text = fs::read_to_string(cargo::root().join("docs/attacks.md"))?;
    let case = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let mut next = || cells.next().map(str::to_owned);
        Some(Case { number, what: next()?, status: next()?, by: next()? })
    };
    Ok(text.lines().filter_map(case).collect())
}

/// Runs tests, and returns those that passed, by the last part of their path.
fn passed(
    arguments: &[&str],
    flags: &[&str],
    names: &[String],
    prepare: impl FnOnce(&mut std::process::Command),
) -> anyhow::Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = cargo::cargo(arguments);
    command.arg("--no-fail-fast").arg("--").args(flags).args(names).stderr(Stdio::inherit());
    prepare(&mut command);
    let output = command.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let name = |line: &str| {
        let path = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
        path.rsplit("::").next().map(str::to_owned)
    };
    Ok(said.lines().filter_map(name).collect())
}

/// One object a case, or an attack of it.
fn verdicts(cases: &[Case], green: &BTreeSet<String>, lines: &str) -> anyhow::Result<Vec<Value>> {
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line)?;
        told.insert(line["name"].as_str().unwrap_or_default().to_owned(), line);
    }
    let mut verdicts = Vec::new();
    for case in cases {
        let (number, what) = (case.number, &case.what);
        let status = case.status.replace(' ', "-");
        if status != "tested" {
            verdicts.push(json!({ "case": number, "name": what, "status": status,
                                  "safe": null, "bystander": null, "reason": case.by }));
            continue;
        }
        let (mut held, mut safe) = (Vec::new(), true);
        for (package, path) in case.tests() {
            let name = path.rsplit("::").next().unwrap_or_default();
            if path.starts_with("attacks::") {
                let lost = json!({ "case": number, "name": name, "status": "tested", "safe": false,
                                   "bystander": false, "reason": "the test did not run" });
                verdicts.push(told.remove(name).unwrap_or(lost));
            } else {
                safe &= green.contains(name);
                held.push(format!("{package} {path}"));
            }
        }
        if !held.is_empty() {
            verdicts.push(json!({ "case": number, "name": what, "status": "tested", "safe": safe,
                                  "bystander": null, "reason": format!("held by {}", held.join(", ")) }));
        }
    }
    Ok(verdicts)
}

/// A line of the table.
fn shown(verdict: &Value) -> String {
    let text = |key: &str| verdict[key].as_str().unwrap_or_default().replace('_', " ");
    let cut = |text: String, most: usize| match text.lines().next_back().unwrap_or_default() {
        line if line.chars().count() > most => {
            line.chars().take(most - 1).chain(['…']).collect::<String>()
        }
        line => line.to_owned(),
    };
    let safe = match (&verdict["status"], &verdict["safe"]) {
        (_, Value::Bool(true)) => "safe",
        (_, Value::Bool(false)) => "HARMED",
        (status, _) if status == "accepted-risk" => "risk",
        _ => "n/a",
    };
    let figures = verdict["ms"].as_u64().map_or_else(String::new, |ms| {
        format!(
            "{:>5} MiB {ms:>6} ms  bystander unharmed, {:.2}×",
            verdict["memory_peak_mib"].as_u64().unwrap_or_default(),
            verdict["bystander_ratio"].as_f64().unwrap_or_default()
        )
    });
    let reason = verdict["reason"].as_str().unwrap_or_default().to_owned();
    format!(
        "{:>4}  {safe:<6}  {:<46}  {:<60}  {figures}",
        verdict["case"].as_u64().unwrap_or_default(),
        cut(text("name"), 46),
        cut(reason, 60)
    )
}

/// The last line of the table.
fn count(verdicts: &[Value]) -> String {
    let with = |status: &str| {
        let cases: BTreeSet<_> = verdicts
            .iter()
            .filter(|verdict| verdict["status"] == status)
            .map(|verdict| verdict["case"].to_string())
            .collect();
        cases.len()
    };
    let beside = verdicts.iter().filter(|verdict| verdict["bystander"] == true).count();
    format!(
        "cases: {} tested, {} not applicable, {} accepted risks; {beside} attacks next to a bystander",
        with("tested"),
        with("not-applicable"),
        with("accepted-risk")
    )
}
