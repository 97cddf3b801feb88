//! Who is told of entries, and of which; and that nothing of it stays where it must go.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    capability::{Capability, CapabilitySet},
    grant::Grant,
    id::{AccountId, RunId},
    limits,
    lineage::Lineage,
    manifest::CapabilityRequest,
    sharing::Purpose,
    time::Timestamp,
};

use super::*;
use crate::{
    install::{ConnectionMap, Install, NewInstall, change::InstallChange, tests::World},
    plugin::tests::manifest,
    run::Next,
    timeline::append,
};

/// One that writes, one that hears of it, and an account of their customer's.
struct Scene {
    world: World,
    writer: Install,
    hearer: Install,
    account: AccountId,
}

impl Scene {
    async fn new() -> Self {
        let mut manifest = manifest("crm-tasks", "1.0.0", &[TIMELINE_ADDED]);
        for name in [Capability::TimelineWrite, Capability::TimelineRead] {
            manifest.capabilities.push(CapabilityRequest { name, reason: "To know.".to_owned() });
        }
        let world = World::of(manifest).await;
        let account = account(&world, &world.customer).await;
        let (writer, hearer) = (world.active_as("writer").await, world.active_as("hearer").await);
        Self { world, writer, hearer, account }
    }

    fn entry(&self, key: &str, partnership: Option<&PartnershipId>) -> TimelineEntry {
        TimelineEntry {
            account: self.account.to_string(),
            kind: "call".to_owned(),
            text: "A call.".to_owned(),
            at: Timestamp(7),
            key: key.to_owned(),
            partnership: partnership.cloned(),
        }
    }

    /// One of no partnership, and one of theirs.
    fn both(&self, key: &str) -> Vec<TimelineEntry> {
        let of_theirs = format!("{key}-theirs");
        vec![self.entry(key, None), self.entry(&of_theirs, Some(&self.world.partnership))]
    }

    /// Adds these as a run of the writer does that nobody's run led to.
    async fn adds(&self, entries: Vec<TimelineEntry>) {
        self.adds_after(Lineage::default().after(&self.writer.id), entries).await;
    }

    /// The same of a run with this behind it.
    async fn adds_after(&self, lineage: Lineage, entries: Vec<TimelineEntry>) {
        let store = (*self.world.test).clone();
        let writer = self.writer.clone();
        let added = self.world.test.write(move |connection| {
            Box::pin(async move {
                let run = RunId::make(store.ids());
                let writer = Writer {
                    organization: &writer.organization,
                    install: &writer.id,
                    plugin: &writer.plugin,
                    run: &run,
                    purpose: Purpose::Egress,
                    lineage,
                    now: store.now(),
                };
                let added = append(connection, &writer, &entries).await?;
                tell(&store, connection, &writer, &added).await
            })
        });
        added.await.unwrap();
    }

    /// What an install was told, oldest first: subjects and keys.
    async fn told(&self, install: &Install) -> Vec<(String, Vec<String>)> {
        let mut reader = self.world.test.read().await.unwrap();
        let rows = sqlx::query(
            "SELECT e.id, e.subject, e.payload FROM event e JOIN delivery d ON d.event_id = e.id
             WHERE d.install_id = $1 AND e.kind = 'timeline-added' ORDER BY e.id",
        )
        .bind(install.id.to_string())
        .fetch_all(&mut *reader)
        .await
        .unwrap();
        let read = |row| {
            let row = Row::new("event", row);
            let told: TimelineAdded = row.json("payload").unwrap();
            let keys = told.entries.into_iter().map(|entry| entry.key).collect();
            (row.text("subject").unwrap(), keys)
        };
        rows.iter().map(read).collect()
    }

    /// Of the last entries that [`Scene::both`] made, which one the hearer is told of.
    async fn hears(&self, key: &str) -> [bool; 2] {
        self.adds(self.both(key)).await;
        let told = self.told(&self.hearer).await;
        let keys: Vec<_> = told.into_iter().flat_map(|(_, keys)| keys).collect();
        [key.to_owned(), format!("{key}-theirs")].map(|key| keys.contains(&key))
    }

    async fn regrant(&self, grant: Grant) {
        self.world.changed(&self.hearer, InstallChange::Grant(grant)).await;
    }
}

async fn account(world: &World, owner: &OrganizationId) -> AccountId {
    let id = AccountId::make(world.test.ids());
    world
        .test
        .sql(&format!(
            "INSERT INTO account (id, organization_id, external_id, name, website, host, domain,
                 name_key, owner, stage, amount, created_on, population, extra_json, rev, updated_at)
             VALUES ('{id}', '{owner}', '{id}', 'A', '', '', '', 'a', '', '', '', '', 'customers',
                 '[]', X'01', 0)"
        ))
        .await;
    id
}

#[tokio::test]
async fn another_install_hears_of_what_is_new_and_the_writer_does_not() {
    let scene = Scene::new().await;
    let theirs = scene.world.partnership.to_string();
    scene.adds(scene.both("one")).await;
    let expected =
        [(String::new(), vec!["one".to_owned()]), (theirs, vec!["one-theirs".to_owned()])];
    assert_eq!(scene.told(&scene.hearer).await, expected);
    assert_eq!(scene.told(&scene.writer).await, []);
    let payload = "SELECT payload FROM event ORDER BY id LIMIT 1";
    assert_eq!(
        scene.world.test.text(payload).await,
        format!(
            r#"{{"entries":[{{"plugin":"crm-tasks","account":"{}","key":"one","kind":"call","text":"A call.","at":7}}]}}"#,
            scene.account
        )
    );
    // The same keys again are the same entries, and others' accounts have none.
    scene.adds(scene.both("one")).await;
    let account = account(&scene.world, &scene.world.partner).await.to_string();
    scene.adds(vec![TimelineEntry { account, ..scene.entry("two", None) }]).await;
    assert_eq!(scene.told(&scene.hearer).await, expected);
}

#[tokio::test]
async fn an_event_knows_whose_run_led_to_it_and_many_entries_are_several_in_order() {
    let scene = Scene::new().await;
    let most = limits::EVENT_ENTRIES;
    let entries = (0..=2 * most).map(|key| scene.entry(&key.to_string(), None));
    scene.adds(entries.collect()).await;
    let told = scene.told(&scene.hearer).await;
    let sizes: Vec<_> = told.iter().map(|(_, keys)| keys.len()).collect();
    assert_eq!(sizes, [most, most, 1]);
    let keys = told.into_iter().flat_map(|(_, keys)| keys);
    assert!(keys.eq((0..=2 * most).map(|key| key.to_string())));
    let until = scene.world.test.now().plus_ms(1_000);
    let leased = scene.world.test.lease(10, until).await.unwrap();
    assert_eq!(leased.len(), 1, "one lane: in order");
    assert_eq!(leased[0].lineage, Lineage::default().after(&scene.writer.id));
}

#[tokio::test]
async fn answers_are_one_event_while_they_wait_and_know_all_that_led_to_them() {
    let scene = Scene::new().await;
    let (writer, hearer) = (&scene.writer.id, &scene.hearer.id);
    let first = Lineage::default().after(writer);
    let (answer, other) = (first.after(hearer).after(writer), first.after(writer).after(writer));
    let adds = async |key: &str, lineage: &Lineage| {
        scene.adds_after(lineage.clone(), vec![scene.entry(key, None)]).await;
    };
    // What begins something is an event of its own, also beside answers.
    for (key, lineage) in [("a", &first), ("b", &first), ("c", &answer), ("d", &other)] {
        adds(key, lineage).await;
    }
    let told = async || -> Vec<Vec<String>> {
        scene.told(&scene.hearer).await.into_iter().map(|(_, keys)| keys).collect()
    };
    assert_eq!(told().await, [vec!["a"], vec!["b"], vec!["c", "d"]]);
    let bytes = "SELECT MAX(told_bytes) FROM delivery";
    let payload = "SELECT MAX(LENGTH(payload)) FROM event";
    assert_eq!(scene.world.test.number(bytes).await, scene.world.test.number(payload).await);
    let until = scene.world.test.now().plus_ms(1_000);
    for _ in ["a", "b"] {
        let begun = scene.world.test.lease(1, until).await.unwrap().remove(0);
        scene.world.ends(begun, Next::Done).await;
    }
    let begun = scene.world.test.lease(1, until).await.unwrap().remove(0);
    assert_eq!(begun.lineage, answer.with(&other));
    // What has begun stays as it is; and as much is one event as is told in one.
    adds("e", &answer).await;
    let many = (1..limits::EVENT_ENTRIES).map(|key| scene.entry(&key.to_string(), None));
    scene.adds_after(answer.clone(), many.collect()).await;
    adds("f", &answer).await;
    let sizes: Vec<_> = told().await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 1, 2, limits::EVENT_ENTRIES, 1]);
}

#[tokio::test]
async fn nobody_hears_without_the_capability_the_kind_or_in_another_organization() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let admin = world.test.member(&world.partner, "admin").await;
    let theirs = NewInstall {
        organization: world.partner.clone(),
        connections: ConnectionMap::new(),
        actor: admin,
        ..world.new_install("theirs")
    };
    let theirs = world.enabled(theirs).await;
    assert_eq!(scene.hears("one").await, [true, true]);
    assert_eq!(scene.told(&theirs).await, []);
    let capabilities: CapabilitySet =
        world.grant().capabilities.iter().filter(|one| *one != Capability::TimelineRead).collect();
    scene.regrant(Grant { capabilities, ..world.grant() }).await;
    assert_eq!(scene.hears("two").await, [false, false]);
    scene.regrant(world.grant()).await;
    assert_eq!(scene.hears("three").await, [true, true]);
    let silent = r#"UPDATE release SET manifest_json = REPLACE(manifest_json, '"timeline-added"', '"schedule"')"#;
    world.test.sql(silent).await;
    assert_eq!(scene.hears("four").await, [false, false]);
}

#[tokio::test]
async fn a_partners_is_heard_of_only_where_the_partnership_may_be_read_for_the_purpose() {
    let scene = Scene::new().await;
    let world = &scene.world;
    assert_eq!(scene.hears("one").await, [true, true]);
    world.test.sql("UPDATE sharing_rule SET purpose = 'plugins'").await;
    assert_eq!(scene.hears("two").await, [true, false], "it sends data elsewhere");
    let stays = world.grant().capabilities.iter().filter(|one| *one != Capability::HttpEgress);
    scene.regrant(Grant { capabilities: stays.collect(), ..world.grant() }).await;
    assert_eq!(scene.hears("three").await, [true, true]);
    scene.regrant(world.grant()).await;
    world.test.sql("UPDATE sharing_rule SET purpose = 'egress'").await;
    world.rule("prospects", "overlaps", "plugins").await;
    assert_eq!(scene.hears("four").await, [true, false], "the text may be of prospects");
    world.test.sql("UPDATE sharing_rule SET purpose = 'egress'").await;
    scene.regrant(Grant { partnerships: Vec::new(), ..world.grant() }).await;
    assert_eq!(scene.hears("five").await, [true, false]);
}

#[tokio::test]
async fn who_is_paused_is_told_and_who_is_gone_is_not() {
    let scene = Scene::new().await;
    scene.world.changed(&scene.hearer, InstallChange::Pause).await;
    assert_eq!(scene.hears("one").await, [true, true]);
    scene.world.changed(&scene.hearer, InstallChange::Uninstall).await;
    assert_eq!(scene.hears("two").await, [false, false]);
}

#[tokio::test]
async fn who_works_off_nothing_is_not_told_of_more_and_its_customer_is() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let inbox = async || {
        let page = world.test.waiting(&world.customer, None, 10).await.unwrap();
        let items = page.items.into_iter().map(|item| (item.kind.name(), item.name, item.detail));
        items.collect::<Vec<_>>()
    };
    let untold =
        |entries: &str| [("entries-untold", "hearer".to_owned(), entries.to_owned())].to_vec();
    assert_eq!(scene.hears("one").await, [true, true]);
    let half = limits::EVENT_WAITING_BYTES / 2;
    let fill = format!("UPDATE delivery SET told_bytes = {half} WHERE told_bytes > 0");
    world.test.sql(&fill).await;
    assert_eq!(inbox().await, []);
    assert_eq!(scene.hears("two").await, [false, false]);
    assert_eq!(scene.hears("three").await, [false, false]);
    assert_eq!(inbox().await, untold("4"));

    // Half of it is worked off.
    let done = format!(
        "UPDATE delivery SET state = 'done' WHERE told_bytes > 0 AND subject = '{}'",
        world.partnership
    );
    world.test.sql(&done).await;
    assert_eq!(scene.hears("four").await, [true, true]);
    assert_eq!(inbox().await, untold("4"), "that it missed some is known for a week");
    world.test.clock.advance_ms(7 * 86_400_000);
    assert_eq!(inbox().await, []);
    world.test.sql(&fill).await;
    assert_eq!(scene.hears("five").await, [false, false]);
    assert_eq!(inbox().await, untold("2"), "those of before are no news");
}

#[tokio::test]
async fn no_more_events_wait_than_may_and_what_comes_after_a_gap_is_left_out_too() {
    let scene = Scene::new().await;
    let world = &scene.world;
    scene.adds(vec![scene.entry("first", None)]).await;
    let more = limits::EVENT_WAITING - 2;
    world
        .test
        .sql(&format!(
            "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
                 state_reason, attempt, step, not_before, fence, progress_done, progress_total,
                 created_at, is_next, told_bytes)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more})
             SELECT d.id || CAST(n.i AS text), d.event_id, d.install_id, d.organization_id,
                 d.subject, 'parked', '', 0, 0, 0, 0, 0, 0, 0, 0, 1
             FROM n, (SELECT * FROM delivery WHERE told_bytes > 0 ORDER BY id LIMIT 1) d"
        ))
        .await;
    let most = limits::EVENT_ENTRIES;
    let entries = (0..=2 * most).map(|key| scene.entry(&key.to_string(), None));
    scene.adds(entries.collect()).await;
    let waits = "SELECT CAST(COUNT(*) AS text) FROM delivery WHERE told_bytes > 0";
    assert_eq!(world.test.text(waits).await, limits::EVENT_WAITING.to_string());
    let untold = "SELECT CAST(untold AS text) FROM install WHERE untold > 0";
    assert_eq!(world.test.text(untold).await, (most + 1).to_string());
}

#[tokio::test]
async fn what_is_erased_for_an_install_is_taken_out_of_what_it_was_told() {
    let scene = Scene::new().await;
    let world = &scene.world;
    scene.adds(scene.both("one")).await;
    scene.regrant(Grant { partnerships: Vec::new(), ..world.grant() }).await;
    let of_none = (String::new(), vec!["one".to_owned()]);
    let emptied = (world.partnership.to_string(), Vec::new());
    assert_eq!(scene.told(&scene.hearer).await, [of_none.clone(), emptied.clone()]);
    scene.world.changed(&scene.hearer, InstallChange::Uninstall).await;
    assert_eq!(scene.told(&scene.hearer).await, [(String::new(), Vec::new()), emptied]);
}

#[tokio::test]
async fn an_organization_that_is_erased_is_not_in_what_partners_were_told() {
    let scene = Scene::new().await;
    scene.adds(scene.both("one")).await;
    scene.world.test.erase_organization(&scene.world.partner).await.unwrap();
    let emptied = (scene.world.partnership.to_string(), Vec::new());
    let expected = [(String::new(), vec!["one".to_owned()]), emptied];
    assert_eq!(scene.told(&scene.hearer).await, expected);
}
