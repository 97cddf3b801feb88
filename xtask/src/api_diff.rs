//! `cargo xtask api-diff`: what would break for whoever calls the API as it was
//! released.
//!
//! `docs/openapi.released.json` is what was promised last. Each break since then
//! is named; one that is meant stands with its reason in `docs/api-breaks.toml`,
//! and is taken out there when `--release` makes the description of now the
//! promise.
use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::{cargo, openapi};

mod compare;

/// What was promised.
const RELEASED: &str = "docs/openapi.released.json";
/// The breaks that are meant.
const BREAKS: &str = "docs/api-breaks.toml";

#[derive(Args)]
pub(crate) struct Options {
    /// Compare with the description in a git revision instead of the released one.
    #[arg(long, value_name = "REV", conflicts_with = "release")]
    against: Option<String>,
    /// Make the description of now the released one, and forget the breaks before it.
    #[arg(long)]
    release: bool,
}

/// The breaks that are meant, each with its reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    #[serde(default, rename = "break")]
    breaks: Vec<Break>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Break {
    /// The line that this command prints for it.
    change: String,
    /// Why it has to be.
    reason: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let now = read(openapi::FILE)?;
    if options.release {
        return release(&now);
    }
    let (base, named) = match &options.against {
        Some(revision) => (at(revision)?, revision.as_str()),
        None => (read(RELEASED)?, RELEASED),
    };
    let meant: Meant = toml::from_str(&read(BREAKS)?).with_context(|| BREAKS.to_owned())?;
    let found = compare::breaks(&parse(&base)?, &parse(&now)?);
    let (said, wrong) = judge(&found, meant.breaks, options.against.is_none())?;
    for line in said {
        println!("{line}");
    }
    if wrong {
        bail!(
            "{} breaks what {named} promises. Mend it: a call that is to go away says so first \
             (`.deprecated(…)`). If it has to be, put the line with its reason into {BREAKS}",
            openapi::FILE
        );
    }
    println!("{} keeps what {named} promises", openapi::FILE);
    Ok(())
}

/// What there is to say about each break, and whether one of them is not meant.
/// What is listed and does not happen is an error where `all` are looked for.
fn judge(found: &[String], meant: Vec<Break>, all: bool) -> anyhow::Result<(Vec<String>, bool)> {
    let mut reasons = BTreeMap::new();
    for one in meant {
        ensure!(!one.reason.trim().is_empty(), "{BREAKS}: `{}` has no reason", one.change);
        ensure!(
            reasons.insert(one.change.clone(), one.reason).is_none(),
            "{BREAKS}: `{}` stands twice",
            one.change
        );
    }
    let mut wrong = false;
    let mut said = Vec::new();
    for line in found {
        let told = reasons.remove(line);
        wrong |= told.is_none();
        said.push(match told {
            Some(reason) => format!("meant: {line} ({reason})"),
            None => format!("breaks: {line}"),
        });
    }
    if let (true, Some(idle)) = (all, reasons.keys().next()) {
        bail!("{BREAKS}: `{idle}` is no break (any more): take it out");
    }
    Ok((said, wrong))
}

fn release(now: &str) -> anyhow::Result<()> {
    let path = cargo::root().join(BREAKS);
    let text = read(BREAKS)?;
    let head = text.split("[[break]]").next().unwrap_or_default().trim_end();
    fs::write(path, format!("{head}\n"))?;
    fs::write(cargo::root().join(RELEASED), now)?;
    println!("{RELEASED} is what {} says now; {BREAKS} is empty", openapi::FILE);
    Ok(())
}

fn read(name: &str) -> anyhow::Result<String> {
    fs::read_to_string(cargo::root().join(name)).with_context(|| format!("cannot read {name}"))
}

fn parse(text: &str) -> anyhow::Result<Value> {
    serde_json::from_str(text).context("a description is not JSON")
}

/// The description as a revision has it.
fn at(revision: &str) -> anyhow::Result<String> {
    let shown = Command::new("git")
        .args(["show", &format!("{revision}:{}", openapi::FILE)])
        .current_dir(cargo::root())
        .output()
        .context("cannot run git")?;
    ensure!(
        shown.status.success(),
        "git has no {} in {revision}: {}",
        openapi::FILE,
        String::from_utf8_lossy(&shown.stderr).trim()
    );
    Ok(String::from_utf8(shown.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::{Break, judge};

    fn meant(change: &str, reason: &str) -> Break {
        Break { change: change.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn what_is_meant_stands_with_its_reason_and_nothing_else_passes() {
        let found = ["a: gone".to_owned(), "b: gone".to_owned()];
        let (said, wrong) = judge(&found, vec![meant("a: gone", "nobody has it")], true).unwrap();
        assert_eq!(said, ["meant: a: gone (nobody has it)", "breaks: b: gone"]);
        assert!(wrong);
        let both = || vec![meant("a: gone", "x"), meant("b: gone", "y")];
        assert!(!judge(&found, both(), true).unwrap().1);
        let idle = judge(&found[..1], both(), true).unwrap_err().to_string();
        assert_eq!(idle, "docs/api-breaks.toml: `b: gone` is no break (any more): take it out");
        assert!(!judge(&found[..1], both(), false).unwrap().1);
        for bad in [vec![meant("a: gone", " ")], vec![meant("a: gone", "x"), meant("a: gone", "y")]]
        {
            judge(&found, bad, true).unwrap_err();
        }
    }
}
