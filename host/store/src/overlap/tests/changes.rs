#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
//! Changes since a cursor: in order, each once, nothing left out; and cursors
//! that open only where they were given out.
use venn_domain::{
    capability::OverlapFields,
    id::InstallId,
    overlap::{ChangeKind, ChangePage},
    sharing::Purpose,
};

use super::{CUSTOMERS, query};
use crate::{
    overlap::{CursorError, ReadError},
    pairing::fixture::Two,
};

/// `added acme0.com`, … of one page.
fn said(page: &ChangePage) -> Vec<String> {
    let word = |kind| match kind {
        ChangeKind::Added => "added",
        ChangeKind::Changed => "changed",
        ChangeKind::Removed => "removed",
    };
    page.items.iter().map(|item| format!("{} {}", word(item.kind), item.overlap.domain)).collect()
}

async fn changes(two: &Two, install: &InstallId, cursor: Option<&str>, limit: u32) -> ChangePage {
    let scope = two.scope(&two.left, install, Purpose::Plugins);
    let fields = OverlapFields::core();
    let page = two.store.plugin_changes(&scope, &two.id, cursor, &fields, limit).await;
    page.unwrap().expect("active and granted")
}

#[tokio::test]
async fn changes_tell_what_became_of_each_overlap() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    two.both("before", "before.com", CUSTOMERS).await;
    two.pair().await;
    let install = two.install(&two.left, "").await;
    let start = changes(&two, &install, None, 10).await;
    assert!(start.items.is_empty() && !start.more && start.remaining == 0);
    let [_, right] = two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    let added = changes(&two, &install, Some(&start.cursor), 10).await;
    assert_eq!(said(&added), ["added acme.com"]);
    two.change(&right, "acme.com", "amount = '17'").await;
    two.pair().await;
    let changed = changes(&two, &install, Some(&added.cursor), 10).await;
    assert_eq!(said(&changed), ["changed acme.com"]);
    assert_eq!(changed.items[0].overlap.their_amount, "17");
    assert_eq!(said(&changes(&two, &install, Some(&start.cursor), 10).await), ["added acme.com"]);
    two.change(&right, "acme.com", "name = 'another'").await;
    two.pair().await;
    let removed = changes(&two, &install, Some(&changed.cursor), 10).await;
    assert_eq!(said(&removed), ["removed acme.com"]);
    let gone = &removed.items[0].overlap;
    assert_eq!((gone.our_name.as_str(), gone.their_name.as_str()), ("", ""));
    assert_eq!(
        (gone.our_population.as_str(), gone.their_population.as_str()),
        ("customers", "customers")
    );
    two.change(&right, "acme.com", "name = 'acme'").await;
    two.pair().await;
    let revived = changes(&two, &install, Some(&removed.cursor), 10).await;
    assert_eq!(said(&revived), ["added acme.com"]);
    assert_eq!(revived.items[0].overlap.id, added.items[0].overlap.id);
    two.remove(&right, "acme.com").await;
    two.pair().await;
    let gone = changes(&two, &install, Some(&revived.cursor), 10).await;
    assert_eq!(said(&gone), ["removed acme.com"]);
    assert!(changes(&two, &install, Some(&gone.cursor), 10).await.items.is_empty());
    // A removed overlap of a population that is hidden now is not told.
    two.share(&two.right, vec![]).await;
    assert!(changes(&two, &install, Some(&revived.cursor), 10).await.items.is_empty());
}

#[tokio::test]
async fn pages_of_changes_leave_nothing_out_while_more_comes_in() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    let install = two.install(&two.left, "").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(two.both("acme", &format!("acme{n}.com"), CUSTOMERS).await);
    }
    two.pair().await;
    let first = changes(&two, &install, None, 2).await;
    assert_eq!((first.items.len(), first.more, first.remaining), (2, true, 3));
    // Meanwhile one that was read changes, one that was not read changes, one is new.
    two.change(&ids[0][1], "acme0.com", "amount = '1'").await;
    two.change(&ids[4][1], "acme4.com", "amount = '2'").await;
    two.both("late", "late.com", CUSTOMERS).await;
    two.pair().await;
    let second = changes(&two, &install, Some(&first.cursor), 2).await;
    assert_eq!(said(&second), ["added acme2.com", "added acme3.com"]);
    let third = changes(&two, &install, Some(&second.cursor), 10).await;
    let mut all = said(&third);
    all.sort();
    assert_eq!(all, ["added acme4.com", "added late.com", "changed acme0.com"]);
    assert_eq!((third.more, third.remaining), (false, 0));
}

#[tokio::test]
async fn a_cursor_never_passes_a_batch_that_commits_late() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    let install = two.install(&two.left, "").await;
    // A batch is read, and lies there while another partnership's work and a
    // change of rules commit, and a plugin reads to the end.
    two.both("slow", "slow.com", CUSTOMERS).await;
    two.store.take_pairing(&two.id, 10).await.unwrap();
    let slow = two.store.pairing_batch(&two.id).await.unwrap().unwrap();
    two.both("fast", "fast.com", CUSTOMERS).await;
    two.share(&two.right, vec![]).await;
    two.share_all(&two.right).await;
    let read = changes(&two, &install, None, 10).await;
    assert!(read.items.is_empty());
    let pair = crate::pairing::FoundPair {
        left: slow.left[0].id.clone(),
        right: slow.right[0].id.clone(),
        evidence: "name",
        confidence: "sure",
    };
    let found = crate::pairing::Found { pairs: vec![pair], unpaired: vec![] };
    two.store.write_pairing(slow, found).await.unwrap();
    let late = changes(&two, &install, Some(&read.cursor), 10).await;
    assert_eq!(said(&late), ["added slow.com"]);
    two.pair().await;
    assert_eq!(said(&changes(&two, &install, Some(&late.cursor), 10).await), ["added fast.com"]);
}

#[tokio::test]
async fn a_row_that_becomes_readable_is_a_change() {
    let two = Two::agreed().await;
    let install = two.install(&two.left, "").await;
    two.both("acme", "acme.com", CUSTOMERS).await;
    two.pair().await;
    let hidden = changes(&two, &install, None, 10).await;
    assert!(hidden.items.is_empty());
    two.share_all(&two.right).await;
    let shown = changes(&two, &install, Some(&hidden.cursor), 10).await;
    assert_eq!(said(&shown), ["changed acme.com"]);
    let start = two.store.change_cursor_start(&install, &two.id, true, &[7; 32]).await.unwrap();
    let all = changes(&two, &install, start.as_deref(), 10).await;
    assert_eq!(said(&all), ["added acme.com"], "a backfill reads from the first change");
}

#[tokio::test]
async fn a_cursor_opens_only_where_it_was_given_out() {
    let two = Two::agreed().await;
    two.share_all(&two.right).await;
    for n in 0..3 {
        two.both("acme", &format!("acme{n}.com"), CUSTOMERS).await;
    }
    two.pair().await;
    let install = two.install(&two.left, "").await;
    let other = two.install(&two.left, "").await;
    let scope = two.scope(&two.left, &install, Purpose::Plugins);
    let fields = OverlapFields::core();
    let find = two.store.plugin_overlaps(&scope, &query(1, None), &fields).await.unwrap();
    let find = find.cursor.unwrap();
    let start =
        two.store.change_cursor_start(&install, &two.id, true, &[7; 32]).await.unwrap().unwrap();
    let refused = |result: Result<(), ReadError>| {
        assert!(matches!(result, Err(ReadError::Cursor(CursorError::NotOurs))), "{result:?}");
    };
    let mut forged: Vec<String> = ["", "x", "00", "é", &find[2..], &find[..find.len() - 2], &start]
        .map(ToOwned::to_owned)
        .to_vec();
    // Every single character matters.
    for at in 0..find.len() {
        let digit = if &find[at..=at] == "0" { "1" } else { "0" };
        forged.push(format!("{}{digit}{}", &find[..at], &find[at + 1..]));
    }
    for cursor in forged {
        let page = two.store.plugin_overlaps(&scope, &query(1, Some(cursor)), &fields).await;
        refused(page.map(|_| ()));
    }
    let mut foreign = two.scope(&two.left, &other, Purpose::Plugins);
    let given = Some(find.clone());
    refused(two.store.plugin_overlaps(&foreign, &query(1, given), &fields).await.map(|_| ()));
    foreign.cursor_key = [8; 32];
    foreign.install = install.clone();
    let given = Some(find.clone());
    refused(two.store.plugin_overlaps(&foreign, &query(1, given), &fields).await.map(|_| ()));
    let mut another = query(1, Some(find.clone()));
    another.their_populations = vec!["customers".to_owned()];
    refused(two.store.plugin_overlaps(&scope, &another, &fields).await.map(|_| ()));
    let changes = two.store.plugin_changes(&scope, &two.id, Some(&find), &fields, 1).await;
    refused(changes.map(|_| ()));
    let stranger = "pty_00000000000000000000000000".parse().unwrap();
    let changes = two.store.plugin_changes(&scope, &stranger, Some(&start), &fields, 1).await;
    refused(changes.map(|_| ()));
    // Where it was given out it opens, whatever the page size.
    let page = two.store.plugin_overlaps(&scope, &query(9, Some(find)), &fields).await.unwrap();
    assert_eq!(page.items.len(), 2);
}
