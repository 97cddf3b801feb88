//! What may run now, and what has to wait for what.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::{id::DeliveryId, limits};

use crate::{
    delivery::{
        lane,
        queue::{self, Of},
    },
    install::{Install, tests::World},
};

/// What is leased now, as `install subject`, where `P` is the partnership.
async fn leased(world: &World, installs: &[&Install]) -> Vec<String> {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    let mut found = Vec::new();
    for leased in world.test.lease(10, until).await.unwrap() {
        let install = installs.iter().position(|install| install.id == leased.install).unwrap();
        let subject = if leased.event.subject.is_empty() { "-" } else { "P" };
        found
            .push(format!("{install} {subject} fence {} attempt {}", leased.fence, leased.attempt));
    }
    found.sort();
    found
}

async fn backfill(world: &World, install: &Install) -> DeliveryId {
    let (cursor, partnership) = ("c".to_owned(), &world.partnership);
    let started = world.test.start_backfill(install, partnership, cursor, &world.admin).await;
    started.unwrap().unwrap()
}

async fn set(world: &World, delivery: &DeliveryId, columns: &str) {
    written(world, &format!("UPDATE delivery SET {columns} WHERE id = '{delivery}'")).await;
}

/// Past every rule, and the queue told.
async fn written(world: &World, sql: &str) {
    world.test.sql(sql).await;
    told(world).await;
}

async fn told(world: &World) {
    let now = world.test.now();
    let told =
        world.test.write(move |connection| Box::pin(queue::changed(connection, now, Of::Everyone)));
    told.await.unwrap();
}

#[tokio::test]
async fn one_of_each_install_at_a_time_and_the_oldest_of_its_subject() {
    let world = World::new().await;
    let (first, second) = (world.active_as("first").await, world.active_as("second").await);
    let installs = [&first, &second];
    written(&world, "UPDATE delivery SET state = 'done'").await;
    let (older, newer) = (backfill(&world, &first).await, backfill(&world, &first).await);
    backfill(&world, &second).await;
    let both = ["0 P fence 1 attempt 1", "1 P fence 1 attempt 1"];
    assert_eq!(leased(&world, &installs).await, both);
    assert!(leased(&world, &installs).await.is_empty(), "an install runs one at a time");
    // What waits for a person, or for later, holds up the younger of its subject.
    set(&world, &older, "state = 'parked'").await;
    assert!(leased(&world, &installs).await.is_empty());
    set(&world, &older, "state = 'ready', not_before = 9223372036854775807").await;
    assert!(leased(&world, &installs).await.is_empty());
    set(&world, &older, "state = 'dead'").await;
    let ended = older.to_string();
    let over = world.test.write(|connection| Box::pin(lane::ended(connection, [ended])));
    over.await.unwrap();
    told(&world).await;
    assert_eq!(leased(&world, &installs).await, ["0 P fence 1 attempt 1"]);
    let state = format!("SELECT state FROM delivery WHERE id = '{newer}'");
    assert_eq!(world.test.text(&state).await, "leased");
    // One that is asked for again waits for what runs, and goes before what does not.
    let again = world.test.redeliver(&world.customer, &older, &world.admin).await;
    assert!(again.unwrap());
    assert!(leased(&world, &installs).await.is_empty());
    set(&world, &newer, "state = 'parked'").await;
    assert!(leased(&world, &installs).await.is_empty());
    assert!(world.test.redeliver(&world.customer, &newer, &world.admin).await.unwrap());
    assert_eq!(leased(&world, &installs).await, ["0 P fence 2 attempt 1"], "it begins anew");
}

#[tokio::test]
async fn another_subject_waits_only_while_its_install_runs() {
    let world = World::new().await;
    let install = world.active().await;
    backfill(&world, &install).await;
    assert_eq!(leased(&world, &[&install]).await, ["0 - fence 1 attempt 1"]);
    assert!(leased(&world, &[&install]).await.is_empty());
    written(&world, "UPDATE delivery SET state = 'parked' WHERE state = 'leased'").await;
    assert_eq!(leased(&world, &[&install]).await, ["0 P fence 1 attempt 1"]);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_again_under_a_new_fence() {
    let world = World::new().await;
    let install = world.active().await;
    assert_eq!(leased(&world, &[&install]).await, ["0 - fence 1 attempt 1"]);
    world.test.clock.advance_ms(limits::LEASE_MS.cast_signed());
    assert!(leased(&world, &[&install]).await.is_empty(), "it holds to its last moment");
    world.test.clock.advance_ms(1);
    assert_eq!(leased(&world, &[&install]).await, ["0 - fence 2 attempt 2"]);
}

#[tokio::test]
async fn no_more_are_leased_than_there_is_room_for() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.active_as(name).await;
    }
    let until = world.test.now().plus_ms(1);
    assert_eq!(world.test.lease(1, until).await.unwrap().len(), 1);
    assert_eq!(world.test.lease(10, until).await.unwrap().len(), 2);
    assert_eq!(world.test.release_leases().await.unwrap(), 3);
}

#[tokio::test]
async fn who_is_alone_leaves_as_much_room_as_it_takes() {
    let world = World::new().await;
    for number in 0..8 {
        world.active_as(&format!("number-{number}")).await;
    }
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    let first = world.test.lease(10, until).await.unwrap();
    assert_eq!(first.len(), 5);
    assert!(world.test.lease(5, until).await.unwrap().is_empty());
    // One of its runs ends, and there is room for another one.
    set(&world, &first[0].id, "state = 'done'").await;
    assert_eq!(world.test.lease(6, until).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_given_up_lets_the_next_go_and_a_run_is_left_alone() {
    let world = World::new().await;
    let install = world.active().await;
    written(&world, "UPDATE delivery SET state = 'done'").await;
    let (older, newer) = (backfill(&world, &install).await, backfill(&world, &install).await);
    let give_up = async |delivery| {
        world.test.discard(&world.customer, delivery, "twice", &world.admin).await.unwrap()
    };
    assert_eq!(leased(&world, &[&install]).await, ["0 P fence 1 attempt 1"]);
    assert!(!give_up(&older).await, "it runs");
    let unaware = world.test.discard(&world.partner, &newer, "theirs", &world.admin).await;
    assert!(!unaware.unwrap());
    set(&world, &older, "state = 'parked'").await;
    assert!(leased(&world, &[&install]).await.is_empty());
    assert!(give_up(&older).await);
    assert_eq!(leased(&world, &[&install]).await, ["0 P fence 1 attempt 1"]);
    let (dead, _) = world.test.delivery(&world.customer, &older).await.unwrap().unwrap();
    assert_eq!((dead.state.as_str(), dead.state_reason.as_str()), ("dead", "discarded: twice"));
    assert_eq!(dead.finished_at, Some(world.test.now()));
}
