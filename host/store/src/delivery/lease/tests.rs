//! What may run now, and what has to wait for what.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::{id::DeliveryId, limits, retry};

use crate::{
    delivery::{
        Leased, lane,
        queue::{self, Of, tests::came},
    },
    install::{Install, change::InstallChange, tests::World},
    run::Next,
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
    let again = async |organization, delivery| {
        world.test.redeliver(organization, delivery, &world.admin).await.unwrap()
    };
    assert!(!again(&world.customer, &older).await, "it runs");
    let unaware = world.test.discard(&world.partner, &newer, "theirs", &world.admin).await;
    assert!(!unaware.unwrap());
    set(&world, &older, "state = 'parked'").await;
    assert!(leased(&world, &[&install]).await.is_empty());
    assert!(!again(&world.partner, &older).await, "it is not theirs");
    assert!(give_up(&older).await);
    assert_eq!(leased(&world, &[&install]).await, ["0 P fence 1 attempt 1"]);
    let (dead, _) = world.test.delivery(&world.customer, &older).await.unwrap().unwrap();
    assert_eq!((dead.state.as_str(), dead.state_reason.as_str()), ("dead", "discarded: twice"));
    assert_eq!(dead.finished_at, Some(world.test.now()));
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_is_due_when_a_person_acts_and_keeps_its_attempts() {
    let world = World::new().await;
    let install = world.active().await;
    written(&world, "UPDATE delivery SET state = 'done'").await;
    let delivery = backfill(&world, &install).await;
    let later = async || {
        let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
        let leased = world.test.lease(1, until).await.unwrap().remove(0);
        world.ends(leased, Next::Retry { at: world.test.now().plus_ms(3_600_000) }).await;
    };
    later().await;
    assert!(leased(&world, &[&install]).await.is_empty());
    let (customer, admin) = (&world.customer, &world.admin);
    assert!(world.test.redeliver(customer, &delivery, admin).await.unwrap());
    assert!(!world.test.redeliver(customer, &delivery, admin).await.unwrap(), "it is due");
    later().await;
    assert!(leased(&world, &[&install]).await.is_empty());
    let config = serde_json::json!({ "prefix": "B" });
    world.changed(&install, InstallChange::Config(config)).await;
    assert_eq!(leased(&world, &[&install]).await, ["0 P fence 3 attempt 3"]);
}

async fn one(world: &World) -> Leased {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(10, until).await.unwrap().remove(0)
}

fn again() -> Next {
    Next::Again { continuation: "on".to_owned(), done: 1, total: 2 }
}

#[tokio::test]
async fn each_step_has_attempts_of_its_own_and_deaths_of_its_own() {
    let world = World::new().await;
    world.active().await;
    let first = one(&world).await;
    world.ends(first, Next::Retry { at: world.test.now() }).await;
    let second = one(&world).await;
    assert_eq!((second.step, second.attempt), (0, 2));
    world.test.sql(&format!("UPDATE delivery SET cut_off = {}", retry::CUT_OFF)).await;
    world.ends(second, again()).await;
    for _ in 0..2 {
        let next = one(&world).await;
        assert_eq!((next.step, next.attempt), (1, 1));
        world.test.release_leases().await.unwrap();
    }
}

#[tokio::test]
async fn a_chain_lets_what_came_meanwhile_go_before_its_next_step() {
    let world = World::new().await;
    let install = world.active().await;
    let chain = one(&world).await;
    let id = chain.id.clone();
    world.test.clock.advance_ms(1);
    let other = came(&world, &install, "webhook", "other").await;
    world.test.clock.advance_ms(1);
    world.ends(chain, again()).await;
    let next = one(&world).await;
    assert_eq!(next.id, other);
    world.ends(next, Next::Done).await;
    assert_eq!(one(&world).await.id, id);
}

#[tokio::test]
async fn a_step_that_ran_alone_since_it_was_overtaken_is_followed_by_one_beside_others() {
    let world = World::new().await;
    let install = world.active().await;
    world.test.sql("UPDATE release SET concurrency = 2").await;
    world.ends(one(&world).await, Next::Done).await;
    came(&world, &install, "webhook", "a").await;
    world.test.sql("UPDATE delivery SET alone = 1").await;
    world.ends(one(&world).await, again()).await;
    came(&world, &install, "webhook", "b").await;
    let both = [one(&world).await, one(&world).await];
    assert_ne!(both[0].event.subject, both[1].event.subject);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_given_up_and_holds_up_nobody() {
    let world = World::new().await;
    let (first, second) = (world.active_as("first").await, world.active_as("second").await);
    let installs = [&first, &second];
    written(&world, "UPDATE delivery SET state = 'done'").await;
    let bad = backfill(&world, &first).await;
    let (_, next) = (backfill(&world, &second).await, backfill(&world, &first).await);
    set(&world, &bad, "progress_done = -1, progress_total = -1").await;
    assert_eq!(leased(&world, &installs).await, ["1 P fence 1 attempt 1"]);
    let (told, _) = world.test.delivery(&world.customer, &bad).await.unwrap().unwrap();
    assert_eq!(told.state_reason, "its row cannot be read: the server's log says why");
    assert_eq!(leased(&world, &installs).await, ["0 P fence 1 attempt 1"]);
    let (gone_on, _) = world.test.delivery(&world.customer, &next).await.unwrap().unwrap();
    assert_eq!(gone_on.state, "leased");
}
