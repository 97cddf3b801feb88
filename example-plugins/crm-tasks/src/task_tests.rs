//! What people and HubSpot get to see of an overlap.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use super::*;
use crate::config::Confidence;

fn overlap(id: &str, confidence: &str) -> Overlap {
    let text = String::new;
    Overlap {
        id: id.into(),
        partnership: "pty_1".into(),
        partner: "Globex".into(),
        domain: "acme.com".into(),
        evidence: "host-and-name".into(),
        confidence: confidence.into(),
        paired_at: 1_700_000_000_123_456,
        our_account: "acc_1".into(),
        our_population: "prospects".into(),
        our_name: "Acme".into(),
        our_website: text(),
        our_owner: text(),
        our_stage: text(),
        our_amount: text(),
        our_created_on: text(),
        their_account: "acc_2".into(),
        their_population: "customers".into(),
        their_name: "Acme Inc.".into(),
        their_website: text(),
        their_owner: "Ann".into(),
        their_stage: text(),
        their_amount: text(),
        their_created_on: text(),
        extra: Vec::new(),
    }
}

fn change(kind: &str, id: &str, confidence: &str) -> Change {
    Change { kind: kind.into(), overlap: overlap(id, confidence) }
}

fn ids(changes: &[Change], config: &Config) -> Vec<(String, bool)> {
    wanted(changes, config).iter().map(|w| (w.overlap.id.clone(), w.added)).collect()
}

#[test]
fn a_page_names_each_task_once_and_keeps_that_it_is_new() {
    let changes = [
        change("added", "ovl_2", "sure"),
        change("changed", "ovl_2", "sure"),
        change("changed", "ovl_1", "sure"),
        change("added", "ovl_3", "sure"),
        change("removed", "ovl_3", "sure"),
    ];
    let expected = [("ovl_1".to_owned(), false), ("ovl_2".to_owned(), true)];
    assert_eq!(ids(&changes, &Config::default()), expected);
}

#[test]
fn likely_overlaps_become_tasks_only_if_wanted() {
    let changes = [change("added", "ovl_1", "likely")];
    assert_eq!(ids(&changes, &Config::default()), []);
    let config = Config { min_confidence: Confidence::Likely, ..Config::default() };
    assert_eq!(ids(&changes, &config), [("ovl_1".to_owned(), true)]);
}

#[test]
fn a_kind_of_change_that_is_not_known_counts_as_changed() {
    let changes = [change("merged", "ovl_1", "sure")];
    assert_eq!(ids(&changes, &Config::default()), [("ovl_1".to_owned(), false)]);
}

#[test]
fn a_new_task_is_not_started_and_an_existing_one_keeps_its_status() {
    let overlap = overlap("ovl_1", "sure");
    let status = |added, known| {
        let input = upsert_input(Wanted { overlap: &overlap, added }, known, &Config::default());
        input["properties"].get("hs_task_status").cloned()
    };
    assert_eq!(status(true, false), Some("NOT_STARTED".into()));
    assert_eq!(status(true, true), None);
    assert_eq!(status(false, false), None);
}

#[test]
fn the_upsert_is_by_the_unique_property() {
    let overlap = overlap("ovl_1", "sure");
    let input = upsert_input(Wanted { overlap: &overlap, added: true }, false, &Config::default());
    assert_eq!(input["idProperty"], "venn_overlap");
    assert_eq!(input["id"], "ovl_1");
    assert_eq!(input["properties"]["hs_timestamp"], "1700000000123");
    assert_eq!(input["properties"]["hs_task_priority"], "MEDIUM");
}

#[test]
fn a_title_says_less_where_a_field_was_withheld() {
    let mut overlap = overlap("ovl_1", "sure");
    assert_eq!(subject(&overlap, "Overlap:"), "Overlap: Acme is known to Globex (ask Ann)");
    overlap.their_owner.clear();
    assert_eq!(subject(&overlap, "Overlap:"), "Overlap: Acme is known to Globex");
    overlap.our_name.clear();
    overlap.their_name.clear();
    assert_eq!(subject(&overlap, ""), "acme.com is known to Globex");
}

#[test]
fn a_batch_has_the_same_name_on_every_attempt() {
    let (a, b) = (overlap("ovl_1", "sure"), overlap("ovl_9", "sure"));
    let batch = [Wanted { overlap: &a, added: true }, Wanted { overlap: &b, added: true }];
    assert_eq!(operation("tasks", &batch), "tasks/ovl_1-ovl_9");
}
