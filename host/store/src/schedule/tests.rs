//! What a customer would notice: runs at their times, once, also after an outage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use serde_json::json;

use super::*;
use crate::{
    install::{Install, change::InstallChange, tests::World},
    release::Release,
    run::Next,
    testing::TestStore,
};

const HOUR_MS: i64 = 3_600_000;

/// A schedule on the hour, without spread; the tests' clock begins at 16:00.
fn hourly(name: &str, missed: &str) -> Schedule {
    let value = json!({
        "name": name, "title": "Looks for changes", "cron": "0 * * * *",
        "missed": missed, "spread_s": 0,
    });
    serde_json::from_value(value).unwrap()
}

async fn world(schedules: &[Schedule]) -> (World, Install) {
    let world = World::with_schedules(schedules.to_vec()).await;
    let install = world.active().await;
    (world, install)
}

/// What was made and has not begun: subject and time due, in hours after the start.
async fn made(store: &TestStore) -> Vec<(String, i64)> {
    let mut reader = store.read().await.unwrap();
    let rows = sqlx::query(
        "SELECT e.id, e.subject, e.payload FROM event e WHERE e.kind = 'schedule' ORDER BY e.id",
    )
    .fetch_all(&mut *reader)
    .await
    .unwrap();
    let read = |row| {
        let row = Row::new("event", row);
        let due: ScheduleDue = serde_json::from_str(&row.text("payload").unwrap()).unwrap();
        let hours = (due.due_at - crate::testing::START_US) / 1_000 / HOUR_MS;
        (row.text("subject").unwrap(), hours)
    };
    rows.iter().map(read).collect()
}

async fn begun(store: &TestStore) {
    store.sql("UPDATE delivery SET state = 'done'").await;
}

async fn take(store: &TestStore) -> u64 {
    store.take_schedules().await.unwrap()
}

#[tokio::test]
async fn each_hour_makes_one_event_and_nothing_before_it() {
    let (world, _) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    store.clock.advance_ms(HOUR_MS - 1);
    assert_eq!(take(store).await, 0);
    store.clock.advance_ms(1);
    assert_eq!((take(store).await, take(store).await), (1, 0));
    assert_eq!(made(store).await, [("look".to_owned(), 1)]);
    begun(store).await;
    store.clock.advance_ms(HOUR_MS);
    assert_eq!(take(store).await, 1);
    assert_eq!(made(store).await, [("look".to_owned(), 1), ("look".to_owned(), 2)]);
}

#[tokio::test]
async fn an_event_that_has_not_begun_stands_for_the_next_one_too() {
    let (world, install) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    for _ in 0..3 {
        store.clock.advance_ms(HOUR_MS);
        take(store).await;
    }
    assert_eq!(made(store).await.len(), 1);
    let planned = store.schedules(&install.id, world.release.manifest.clone()).await.unwrap();
    assert_eq!(planned[0].next_at, Some(store.now().plus_ms(HOUR_MS)));
}

#[tokio::test]
async fn what_was_missed_in_an_outage_is_one_event_or_none() {
    let (world, _) = world(&[hourly("once", "once"), hourly("skip", "skip")]).await;
    let store = &world.test;
    store.clock.advance_ms(5 * HOUR_MS + HOUR_MS / 2);
    assert_eq!(take(store).await, 2);
    assert_eq!(made(store).await, [("once".to_owned(), 5)]);
    begun(store).await;
    store.clock.advance_ms(HOUR_MS / 2);
    take(store).await;
    let after = made(store).await;
    assert_eq!(after[1..], [("once".to_owned(), 6), ("skip".to_owned(), 6)]);
}

#[tokio::test]
async fn a_paused_install_is_left_alone_and_goes_on_when_it_is_resumed() {
    let (world, install) = world(&[hourly("look", "skip")]).await;
    let store = &world.test;
    world.changed(&install, InstallChange::Pause).await;
    store.clock.advance_ms(3 * HOUR_MS + HOUR_MS / 2);
    assert_eq!(take(store).await, 0);
    let manifest = world.release.manifest.clone();
    let planned = store.schedules(&install.id, manifest.clone()).await.unwrap();
    assert_eq!((planned.len(), planned[0].next_at), (1, None));
    world.changed(&install, InstallChange::Resume).await;
    assert_eq!(take(store).await, 1);
    assert!(made(store).await.is_empty());
    let planned = store.schedules(&install.id, manifest).await.unwrap();
    assert_eq!(planned[0].next_at, Some(store.now().plus_ms(HOUR_MS / 2)));
    world.changed(&install, InstallChange::Uninstall).await;
    assert_eq!(store.number("SELECT COUNT(*) FROM schedule").await, 0);
}

#[tokio::test]
async fn another_release_keeps_the_times_of_what_it_says_alike() {
    let (world, install) = world(&[hourly("kept", "once"), hourly("gone", "once")]).await;
    let store = &world.test;
    // Both have come, and nobody has looked yet.
    store.clock.advance_ms(HOUR_MS + HOUR_MS / 2);
    let other = Schedule { cron: "45 * * * *".to_owned(), ..hourly("new", "once") };
    let release: Release = world.another_release(vec![hourly("kept", "once"), other]).await;
    world.changed(&install, InstallChange::Upgrade(release.id.into())).await;
    let planned = store.schedules(&install.id, release.manifest).await.unwrap();
    let told: Vec<_> = planned
        .iter()
        .map(|one| (one.schedule.name.as_str(), one.next_at.unwrap().ms_since(store.now())))
        .collect();
    assert_eq!(told, [("kept", -HOUR_MS / 2), ("new", HOUR_MS / 4)]);
    assert_eq!(store.number("SELECT COUNT(*) FROM schedule").await, 2);
    assert_eq!(take(store).await, 1);
    assert_eq!(made(store).await, [("kept".to_owned(), 1)]);
}

#[tokio::test]
async fn an_install_runs_later_by_what_is_its_own_and_hears_the_time_that_was_said() {
    let wide = Schedule { spread_s: 3_600, ..hourly("look", "once") };
    let (world, install) = world(std::slice::from_ref(&wide)).await;
    let store = &world.test;
    let shift_ms = wide.shift_ms(&install.id);
    store.clock.advance_ms(HOUR_MS + shift_ms - 1);
    assert_eq!(take(store).await, 0);
    store.clock.advance_ms(1);
    assert_eq!(take(store).await, 1);
    assert_eq!(made(store).await, [("look".to_owned(), 1)]);
}

/// When the one that waits is given up, in hours after the start.
async fn given_up_after(store: &TestStore) -> i64 {
    let until = store.number("SELECT expires_at FROM delivery WHERE state <> 'dead'").await;
    (until - crate::testing::START_US) / 1_000 / HOUR_MS
}

#[tokio::test]
async fn one_that_stands_for_a_later_time_too_is_of_use_for_longer() {
    let (world, install) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    store.clock.advance_ms(HOUR_MS);
    take(store).await;
    assert_eq!(given_up_after(store).await, 2 + 24, "a day after the next one");
    store.clock.advance_ms(HOUR_MS);
    take(store).await;
    assert_eq!(made(store).await.len(), 1);
    assert_eq!(given_up_after(store).await, 3 + 24);
    // What a person asks for has no next time, and asking again makes it newer.
    begun(store).await;
    store.sql("UPDATE delivery SET expires_at = NULL, state = 'dead'").await;
    for hours in [26, 27] {
        let asked = store.run_now(&install, &world.admin).await.unwrap();
        assert_eq!(asked.unwrap().waited_already, hours == 27);
        assert_eq!(given_up_after(store).await, hours);
        store.clock.advance_ms(HOUR_MS);
    }
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_silences_nobody_for_years() {
    let (world, install) = world(&[hourly("look", "skip")]).await;
    let store = &world.test;
    let years_ms = 10 * 365 * 24 * HOUR_MS;
    store.clock.advance_ms(years_ms);
    assert_eq!(take(store).await, 1);
    store.clock.advance_ms(-years_ms);
    // What the wrong clock had reckoned is reckoned anew, and nothing else is done.
    assert_eq!((take(store).await, take(store).await), (1, 0));
    let planned = store.schedules(&install.id, world.release.manifest.clone()).await.unwrap();
    assert_eq!(planned[0].next_at, Some(store.now().plus_ms(HOUR_MS)));
    let before = made(store).await.len();
    begun(store).await;
    store.clock.advance_ms(HOUR_MS);
    assert_eq!(take(store).await, 1);
    assert_eq!(made(store).await.len(), before + 1);
}

#[tokio::test]
async fn who_asks_again_has_what_waits_at_once() {
    let (world, install) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    let asked = store.run_now(&install, &world.admin).await.unwrap().unwrap();
    let lease = async || store.lease(1, store.now().plus_ms(60_000)).await.unwrap().pop();
    let first = lease().await.unwrap();
    assert_eq!(first.id, asked.delivery);
    world.ends(first, Next::Retry { at: store.now().plus_ms(HOUR_MS) }).await;
    assert_eq!(lease().await, None);
    let again = store.run_now(&install, &world.admin).await.unwrap().unwrap();
    assert_eq!((&again.delivery, again.waited_already), (&asked.delivery, true));
    assert_eq!(lease().await.unwrap().id, asked.delivery);
}

#[tokio::test]
async fn what_is_under_way_stands_for_no_later_time() {
    let (world, _) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    store.clock.advance_ms(HOUR_MS);
    take(store).await;
    let step = store.lease(1, store.now().plus_ms(60_000)).await.unwrap().remove(0);
    let again = Next::Again { continuation: "page-2".to_owned(), done: 1, total: 2 };
    world.ends(step, again).await;
    store.clock.advance_ms(HOUR_MS);
    take(store).await;
    assert_eq!(made(store).await, [("look".to_owned(), 1), ("look".to_owned(), 2)]);
}

#[tokio::test]
async fn a_time_of_what_the_release_does_not_have_is_dropped() {
    let (world, _) = world(&[hourly("look", "once")]).await;
    let store = &world.test;
    store.sql("UPDATE schedule SET name = 'of-before'").await;
    store.clock.advance_ms(HOUR_MS);
    assert_eq!((take(store).await, take(store).await), (1, 0));
    assert!(made(store).await.is_empty());
}
