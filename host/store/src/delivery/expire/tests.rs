//! What is given up for its age, and what never is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::{id::DeliveryId, limits};

use crate::{
    delivery::{Leased, queue::tests::came},
    install::{Install, tests::World},
    run::Next,
};

async fn world() -> (World, Install) {
    let world = World::new().await;
    let install = world.active().await;
    let installed = lease(&world).await.unwrap();
    world.ends(installed, Next::Done).await;
    (world, install)
}

/// The one that may run now, if there is one.
async fn lease(world: &World) -> Option<Leased> {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(10, until).await.unwrap().pop()
}

/// State and reason.
async fn stands(world: &World, delivery: &DeliveryId) -> (String, String) {
    let (found, _) = world.test.delivery(&world.customer, delivery).await.unwrap().unwrap();
    (found.state, found.state_reason)
}

fn parked() -> Next {
    Next::Parked { reason: "waits".to_owned() }
}

/// What the customer's inbox says, as kind and number.
async fn told(world: &World) -> Vec<(&'static str, String)> {
    let waiting = world.test.waiting(&world.customer, None, 10).await.unwrap();
    waiting.items.into_iter().map(|item| (item.kind.name(), item.detail)).collect()
}

#[tokio::test]
async fn a_call_is_given_up_after_its_age_and_the_next_one_goes_on() {
    let (world, install) = world().await;
    let old = came(&world, &install, "webhook", "shop").await;
    world.test.clock.advance_ms(1);
    let young = came(&world, &install, "webhook", "shop").await;
    let first = lease(&world).await.unwrap();
    assert_eq!(first.id, old);
    world.ends(first, parked()).await;
    world.test.clock.advance_ms(limits::EVENT_AGE_WEBHOOK_MS - 2);
    assert!(lease(&world).await.is_none());
    assert_eq!(stands(&world, &old).await.0, "parked");
    assert!(told(&world).await.is_empty());
    world.test.clock.advance_ms(1);
    let next = lease(&world).await.unwrap();
    assert_eq!(next.id, young, "what waited behind it");
    let sentence = "it waited longer than it is of use".to_owned();
    assert_eq!(stands(&world, &old).await, ("dead".to_owned(), sentence));
    assert_eq!(told(&world).await, [("events-expired", "1".to_owned())]);

    // It has begun in time: how long it takes is not its age.
    let again = Next::Again { continuation: "on".to_owned(), done: 1, total: 2 };
    world.ends(next, again).await;
    world.test.clock.advance_ms(limits::EVENT_AGE_WEBHOOK_MS);
    assert_eq!(lease(&world).await.unwrap().step, 1);
}

#[tokio::test]
async fn a_person_brings_it_all_the_same_or_takes_it_off_the_list() {
    let (world, install) = world().await;
    let calls = [
        came(&world, &install, "webhook", "one").await,
        came(&world, &install, "request", "two").await,
    ];
    world.test.clock.advance_ms(limits::EVENT_AGE_WEBHOOK_MS);
    assert!(lease(&world).await.is_none());
    assert_eq!(told(&world).await, [("events-expired", "2".to_owned())]);
    let (customer, admin) = (&world.customer, &world.admin);
    assert!(world.test.discard(customer, &calls[0], "old", admin).await.unwrap());
    assert_eq!(told(&world).await, [("events-expired", "1".to_owned())]);
    assert!(world.test.redeliver(customer, &calls[1], admin).await.unwrap());
    assert!(told(&world).await.is_empty());
    // Whoever asks for it now wants it, whenever it happened and however long it takes.
    world.test.clock.advance_ms(limits::EVENT_AGE_WEBHOOK_MS);
    let leased = lease(&world).await.unwrap();
    assert_eq!(leased.id, calls[1]);
    world.ends(leased, Next::Dead { reason: "no use".to_owned() }).await;
    assert!(told(&world).await.is_empty(), "that is another reason");
}

#[tokio::test]
async fn what_is_so_now_is_told_however_long_the_pause_was() {
    let (world, install) = world().await;
    for (kind, subject) in
        [("overlaps-changed", "p"), ("configured", ""), ("erase", "q"), ("upgraded", "u")]
    {
        let delivery = came(&world, &install, kind, subject).await;
        let leased = lease(&world).await.unwrap();
        world.ends(leased, parked()).await;
        world.test.clock.advance_ms(100 * 365 * 86_400_000);
        assert!(lease(&world).await.is_none());
        assert_eq!(stands(&world, &delivery).await.0, "parked", "{kind}");
    }
}

#[tokio::test]
async fn news_of_what_was_given_up_ends_after_a_week() {
    let (world, install) = world().await;
    came(&world, &install, "request", "one").await;
    world.test.clock.advance_ms(limits::EVENT_AGE_REQUEST_MS);
    assert!(lease(&world).await.is_none());
    world.test.clock.advance_ms(7 * 86_400_000 - 1);
    assert_eq!(told(&world).await.len(), 1);
    world.test.clock.advance_ms(1);
    assert!(told(&world).await.is_empty());
}

#[tokio::test]
async fn what_ends_otherwise_is_no_news_of_its_age() {
    let (world, install) = world().await;
    came(&world, &install, "webhook", "shop").await;
    let leased = lease(&world).await.unwrap();
    world.ends(leased, Next::Dead { reason: "no use".to_owned() }).await;
    assert!(told(&world).await.is_empty());
}

#[tokio::test]
async fn what_runs_is_not_given_up_for_its_age() {
    let (world, install) = world().await;
    let call = came(&world, &install, "webhook", "shop").await;
    let soon = world.test.now().plus_ms(1).0;
    world.test.sql(&format!("UPDATE delivery SET expires_at = {soon} WHERE id = '{call}'")).await;
    let leased = lease(&world).await.unwrap();
    world.test.clock.advance_ms(2);
    assert!(lease(&world).await.is_none());
    assert_eq!(stands(&world, &call).await.0, "leased");
    world.ends(leased, Next::Done).await;
    let (done, _) = world.test.delivery(&world.customer, &call).await.unwrap().unwrap();
    assert_eq!((done.state.as_str(), done.expires_at), ("done", None));
}
