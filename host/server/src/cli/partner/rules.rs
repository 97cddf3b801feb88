//! `venn partner rules`: both sides' sharing rules; setting replaces ours as a
//! whole, because a rule left over would show what nobody wants shown.
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::{
    input,
    output::{failure::Failure, table::Column, value::list},
    session::Session,
};

/// Shows or sets sharing rules
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// The partner's slug, or the partnership's id
    partner: String,
    /// Replaces all of ours, for example
    /// customers:overlaps:egress:name,website (repeatable).
    /// Levels: hidden, counts, overlaps, all. Purposes: view, plugins, egress.
    /// Fields: name, website, owner, stage, amount, created-on, and further
    /// values that an account has (extra.NAME if no list brought it yet)
    #[arg(long, value_name = "POPULATION:LEVEL[:PURPOSE[:FIELD,…]]", value_parser = rule)]
    set: Vec<Value>,
    /// Replaces all of ours by this file: JSON, a list of rules
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    file: Option<PathBuf>,
}

const RULES: &[Column] = &[
    Column::whole("POPULATION", "population"),
    Column::text("LEVEL", "level"),
    Column::text("PURPOSE", "purpose"),
    Column::text("FIELDS", "fields"),
];

fn rule(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (population, level, purpose, fields) = match *parts.as_slice() {
        [population, level] => (population, level, "view", ""),
        [population, level, purpose] => (population, level, purpose, ""),
        [population, level, purpose, fields] => (population, level, purpose, fields),
        _ => return Err("expected POPULATION:LEVEL[:PURPOSE[:FIELD,…]]".to_owned()),
    };
    let known = |value: &str, names: [&str; 4]| names.contains(&value);
    if !known(level, ["hidden", "counts", "overlaps", "all"]) {
        return Err(format!("`{level}` is not a level: hidden, counts, overlaps or all"));
    }
    if !known(purpose, ["view", "plugins", "egress", "egress"]) {
        return Err(format!("`{purpose}` is not a purpose: view, plugins or egress"));
    }
    let fields: Vec<&str> = fields.split(',').filter(|field| !field.is_empty()).collect();
    Ok(json!({ "population": population, "level": level, "fields": fields, "purpose": purpose }))
}

pub(super) fn run(session: &Session, org: &str, args: &RulesArgs) -> Result<(), Failure> {
    let id = input::partnership(session, &args.partner)?;
    let segments = ["organizations", org, "partnerships", &id, "sharing-rules"];
    let rules = match &args.file {
        Some(path) => {
            let file = input::json_file(path, "The file")?;
            // The answer of the same call has the rules under a key; both will do.
            Some(file.get("rules").cloned().unwrap_or(file))
        }
        None if args.set.is_empty() => None,
        None => Some(Value::from(args.set.clone())),
    };
    let reply = match rules {
        Some(rules) => session.put(&segments, &json!({ "rules": rules }))?,
        None => session.get(&segments)?,
    };
    session.show(&reply, |value| {
        let table = |rules: &[Value]| {
            if rules.is_empty() {
                "  nothing\n".to_owned()
            } else {
                session.out.table(rules, RULES)
            }
        };
        let ours = table(list(value, "ours"));
        let theirs = table(list(value, "theirs"));
        format!("What you show them:\n{ours}\nWhat they show you:\n{theirs}")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_in_one_word_and_least_is_the_default() {
        assert_eq!(
            rule("customers:overlaps").unwrap(),
            json!({"population": "customers", "level": "overlaps", "fields": [], "purpose": "view"})
        );
        assert_eq!(
            rule("customers:all:egress:name,owner").unwrap(),
            json!({"population": "customers", "level": "all", "fields": ["name", "owner"], "purpose": "egress"})
        );
    }

    #[test]
    fn a_rule_that_is_none_is_refused_with_what_there_is() {
        assert_eq!(rule("customers").unwrap_err(), "expected POPULATION:LEVEL[:PURPOSE[:FIELD,…]]");
        assert_eq!(
            rule("a:overlap").unwrap_err(),
            "`overlap` is not a level: hidden, counts, overlaps or all"
        );
        assert_eq!(
            rule("a:all:any").unwrap_err(),
            "`any` is not a purpose: view, plugins or egress"
        );
    }
}
