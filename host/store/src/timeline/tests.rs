//! An entry is one by its key, and at an account of the customer's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::install::{Install, tests::World};

async fn account(world: &World, owner: &OrganizationId) -> AccountId {
    let id = AccountId::make(world.test.ids());
    let sql = format!(
        "INSERT INTO account (id, organization_id, external_id, name, website, host, domain, name_key,
             owner, stage, amount, created_on, population, extra_json, rev, updated_at)
         VALUES ('{id}', '{owner}', 'x', 'Acme', '', '', '', '', '', '', '', '', '', '', X'01', 1)"
    );
    world.test.sql(&sql).await;
    id
}

fn entry(account: &AccountId, key: &str, text: &str) -> TimelineEntry {
    TimelineEntry {
        account: account.to_string(),
        key: key.to_owned(),
        kind: "task".to_owned(),
        text: text.to_owned(),
        at: Timestamp(1),
        partnership: None,
    }
}

/// A run writes these; how many are new.
async fn append_all(world: &World, install: &Install, entries: Vec<TimelineEntry>) -> usize {
    let (install, now) = (install.clone(), world.test.now());
    let run = RunId::make(world.test.ids());
    let written = world.test.write(move |connection| {
        Box::pin(async move {
            let writer = Writer {
                organization: &install.organization,
                install: &install.id,
                plugin: &install.plugin,
                run: &run,
                purpose: Purpose::View,
                lineage: Lineage::default(),
                now,
            };
            Ok(append(connection, &writer, &entries).await?.len())
        })
    });
    written.await.unwrap()
}

#[tokio::test]
async fn the_same_key_is_the_same_entry_and_others_accounts_get_none() {
    let world = World::new().await;
    let install = world.active().await;
    let ours = account(&world, &world.customer).await;
    let theirs = account(&world, &world.partner).await;
    let entries = vec![
        entry(&ours, "same", "first"),
        entry(&ours, "same", "again"),
        entry(&theirs, "other", "intruder"),
    ];
    assert_eq!(append_all(&world, &install, entries.clone()).await, 1);
    assert_eq!(append_all(&world, &install, entries).await, 0);
    let texts = "SELECT text FROM timeline";
    assert_eq!(world.test.texts(texts).await, "first");
    let of = async |organization, account| {
        let page = world.test.timeline(organization, account, None, 9).await.unwrap();
        page.items.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
    };
    assert_eq!(of(&world.customer, &ours).await, ["first"]);
    assert!(of(&world.partner, &theirs).await.is_empty());
    assert!(of(&world.partner, &ours).await.is_empty(), "it is not theirs to read");
    // Another install's key is another one.
    let other = world.active_as("other").await;
    assert_eq!(append_all(&world, &other, vec![entry(&ours, "same", "its own")]).await, 1);
}
