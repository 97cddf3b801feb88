//! What a task says. Pure: overlaps go in, HubSpot's JSON comes out.
use std::collections::BTreeMap;

use serde_json::{Value, json};
use venn_sdk::overlaps::{Change, Overlap};

use crate::config::Config;

/// The task property that holds the overlap's id. It is unique, so an upsert
/// by it makes one task per overlap however often a run is repeated.
pub(crate) const OVERLAP_PROPERTY: &str = "venn_overlap";

/// An overlap that becomes a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) overlap: &'a Overlap,
    /// It is new, not just changed.
    pub(crate) added: bool,
}

/// The overlaps of a page that become tasks, each once: HubSpot refuses a
/// batch that names one task twice, and only the newest state counts.
pub(crate) fn wanted<'a>(changes: &'a [Change], config: &Config) -> Vec<Wanted<'a>> {
    let mut by_id: BTreeMap<&str, Wanted<'a>> = BTreeMap::new();
    for Change { kind, overlap } in changes {
        let id = overlap.id.as_str();
        if kind == "removed" || !config.min_confidence.accepts(&overlap.confidence) {
            by_id.remove(id);
            continue;
        }
        let added = kind == "added" || by_id.get(id).is_some_and(|before| before.added);
        by_id.insert(id, Wanted { overlap, added });
    }
    by_id.into_values().collect()
}

/// Names the batch, the same on every attempt: `tasks/<first>-<last>`.
pub(crate) fn operation(what: &str, wanted: &[Wanted<'_>]) -> String {
    let id =
        |wanted: Option<&Wanted<'_>>| wanted.map_or("", |wanted| &wanted.overlap.id).to_owned();
    format!("{what}/{}-{}", id(wanted.first()), id(wanted.last()))
}

/// One input of HubSpot's batch upsert. `known` says that the task exists: its
/// status then belongs to the people who work on it.
pub(crate) fn upsert_input(wanted: Wanted<'_>, known: bool, config: &Config) -> Value {
    let overlap = wanted.overlap;
    let mut properties = json!({
        OVERLAP_PROPERTY: overlap.id,
        "hs_task_subject": subject(overlap, &config.task_prefix),
        "hs_task_body": body(overlap),
        "hs_task_priority": config.task_priority,
        "hs_task_type": "TODO",
        // Due when the two were paired: a repeated run does not move it.
        "hs_timestamp": (overlap.paired_at / MICROS_PER_MILLI).to_string(),
    });
    if wanted.added
        && !known
        && let Some(properties) = properties.as_object_mut()
    {
        properties.insert("hs_task_status".into(), "NOT_STARTED".into());
    }
    json!({ "idProperty": OVERLAP_PROPERTY, "id": overlap.id, "properties": properties })
}

/// HubSpot counts milliseconds, Venn microseconds.
const MICROS_PER_MILLI: i64 = 1_000;

/// The task's title, for example `Overlap: Acme is known to Globex (ask Ann)`.
pub(crate) fn subject(overlap: &Overlap, prefix: &str) -> String {
    let name = first_of([&overlap.our_name, &overlap.their_name, &overlap.domain]);
    let partner = first_of([&overlap.partner, "a partner", ""]);
    let owner = overlap.their_owner.trim();
    let ask = if owner.is_empty() { String::new() } else { format!(" (ask {owner})") };
    format!("{prefix} {name} is known to {partner}{ask}").trim_start().to_owned()
}

fn body(overlap: &Overlap) -> String {
    let theirs = first_of([&overlap.their_name, &overlap.domain, ""]);
    let partner = first_of([&overlap.partner, "the partner", ""]);
    format!(
        "{theirs} is in {partner}'s list as \"{}\", in yours as \"{}\". Paired by {}.",
        overlap.their_population, overlap.our_population, overlap.evidence
    )
}

/// What a timeline entry says.
pub(crate) fn timeline_text(overlap: &Overlap) -> String {
    let partner = first_of([&overlap.partner, "a partner", ""]);
    format!("A task was made in HubSpot: this account is known to {partner}.")
}

fn first_of(texts: [&str; 3]) -> &str {
    texts.into_iter().map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
