//! What the account mapping found with one partner: the matrix, the overlaps,
//! the leftovers, and "why not?".
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use venn_domain::count::counted;

use crate::cli::{
    client::{Call, Send},
    input,
    output::{
        failure::Failure,
        put,
        table::{Column, Field},
        value::{is_true, list, number, text},
    },
    session::{Page, Session},
};

/// Lists overlaps
#[derive(Debug, Args)]
pub(crate) struct OverlapsArgs {
    /// The partner's slug, or the partnership's id
    partner: String,
    /// Only this population of ours
    #[arg(long, value_name = "KEY")]
    our_population: Option<String>,
    /// Only this population of theirs
    #[arg(long, value_name = "KEY")]
    their_population: Option<String>,
    /// Only this registrable domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only sure or likely ones
    #[arg(long, value_name = "sure|likely", value_parser = ["sure", "likely"])]
    confidence: Option<String>,
    #[command(flatten)]
    page: Page,
}

const MATRIX: &[Column] = &[
    Column::whole("OURS", "our_population"),
    Column::whole("THEIRS", "their_population"),
    Column::number("OVERLAPS", "shown"),
];

const OVERLAPS: &[Column] = &[
    Column::text("DOMAIN", "domain"),
    Column::text("OURS", "our_name"),
    Column::text("POPULATION", "our_population"),
    Column::text("THEIRS", "their_name"),
    Column::text("POPULATION", "their_population"),
    Column::text("SURE?", "confidence"),
    Column::text("EVIDENCE", "evidence"),
];

const OVERLAP: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Domain", "domain"),
    Field::text("Sure?", "confidence"),
    Field::text("Evidence", "evidence"),
    Field::moment("Paired", "paired_at"),
    Field::whole("Our account", "our_account"),
    Field::text("Our population", "our_population"),
    Field::text("Our name", "our_name"),
    Field::text("Our owner", "our_owner"),
    Field::whole("Their account", "their_account"),
    Field::text("Their population", "their_population"),
    Field::text("Their name", "their_name"),
    Field::text("Their owner", "their_owner"),
    Field::text("Further fields", "extra"),
];

const UNPAIRED: &[Column] = &[
    Column::whole("ACCOUNT", "account"),
    Column::text("SIDE", "side"),
    Column::text("NAME", "name"),
    Column::text("DOMAIN", "domain"),
];

pub(super) fn matrix(session: &Session, org: &str, partner: &str) -> Result<(), Failure> {
    let id = input::partnership(session, partner)?;
    let reply = session.get(&["organizations", org, "partnerships", &id, "matrix"])?;
    session.show(&reply, |matrix| {
        let cells: Vec<Value> = list(matrix, "cells").iter().map(shown).collect();
        if cells.is_empty() {
            return "No overlaps, or none that the sharing rules show.".to_owned();
        }
        format!(
            "{}\n{}\n",
            session.out.table(&cells, MATRIX),
            counted(number(matrix, "overlaps"), "overlap", "overlaps")
        )
    })
}

/// A small count that a rule does not tell is not the same as none.
fn shown(cell: &Value) -> Value {
    let mut cell = cell.clone();
    let count = if is_true(&cell, "suppressed") { "few".to_owned() } else { text(&cell, "count") };
    if let Some(cell) = cell.as_object_mut() {
        cell.insert("shown".to_owned(), count.into());
    }
    cell
}

pub(super) fn overlaps(session: &Session, org: &str, args: &OverlapsArgs) -> Result<(), Failure> {
    let id = input::partnership(session, &args.partner)?;
    let segments = ["organizations", org, "partnerships", &id, "overlaps"];
    let call = Call::new(Method::GET, &segments)
        .with("our_population", args.our_population.as_ref())
        .with("their_population", args.their_population.as_ref())
        .with("domain", args.domain.as_ref())
        .with("confidence", args.confidence.as_ref());
    session.listing(
        &call,
        &args.page,
        OVERLAPS,
        "No overlaps, or none that the sharing rules show.",
    )
}

pub(super) fn overlap(
    session: &Session,
    org: &str,
    partner: &str,
    overlap: &str,
) -> Result<(), Failure> {
    let id = input::partnership(session, partner)?;
    let reply = session.get(&["organizations", org, "partnerships", &id, "overlaps", overlap])?;
    session.show(&reply, |it| session.out.fields(it, OVERLAP))
}

pub(super) fn unpaired(
    session: &Session,
    org: &str,
    partner: &str,
    page: &Page,
) -> Result<(), Failure> {
    let id = input::partnership(session, partner)?;
    let segments = ["organizations", org, "partnerships", &id, "unpaired"];
    session.listing(&Call::new(Method::GET, &segments), page, UNPAIRED, "Nothing is left over.")
}

pub(super) fn why_not(
    session: &Session,
    org: &str,
    partner: &str,
    account: &str,
) -> Result<(), Failure> {
    let id = input::partnership(session, partner)?;
    let segments = ["organizations", org, "accounts", account, "why-not"];
    let call = Call::new(Method::GET, &segments).with("partnership", Some(id));
    let reply = session.call(&call, &Send::Nothing)?;
    session.show(&reply, |answer| {
        let mut out = format!("{}\n", text(answer, "answer"));
        for detail in list(answer, "details") {
            put!(out, "  - {}\n", text(detail, "text"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::output::{Paint, table};

    #[test]
    fn a_suppressed_count_is_not_shown_as_none() {
        let cells = [
            json!({"our_population": "customers", "their_population": "prospects", "count": 12, "suppressed": false}),
            json!({"our_population": "customers", "their_population": "customers", "count": null, "suppressed": true}),
        ];
        let cells: Vec<Value> = cells.iter().map(shown).collect();
        assert_eq!(
            table::render(&cells, MATRIX, None, Paint(false)),
            "OURS       THEIRS     OVERLAPS\n\
             customers  prospects        12\n\
             customers  customers       few\n"
        );
    }
}
