//! What goes on by itself after a server's end, and after a clock was wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use venn_domain::lineage::Lineage;

use super::*;
use crate::{delivery::Leased, install::tests::World, run::Next};

/// The one delivery of this world, leased.
async fn leased(world: &World) -> Vec<Leased> {
    let until = world.test.now().plus_ms(limits::LEASE_MS.cast_signed());
    world.test.lease(1, until).await.unwrap()
}

async fn attempt(world: &World) -> u32 {
    leased(world).await.first().unwrap().attempt
}

#[tokio::test]
async fn an_attempt_that_ended_with_the_server_does_not_count_unless_it_ends_so_always() {
    let world = World::new().await;
    world.active().await;
    for _ in 0..retry::CUT_OFF {
        assert_eq!(attempt(&world).await, 1);
        assert_eq!(world.test.release_leases().await.unwrap(), 1);
    }
    for number in 1..4 {
        assert_eq!(attempt(&world).await, number);
        world.test.release_leases().await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_of_a_clock_that_was_wrong_holds_up_nobody() {
    let world = World::new().await;
    world.active().await;
    world.test.sql("UPDATE delivery SET not_before = 0").await;
    assert_eq!(leased(&world).await.len(), 1);
    world.test.clock.advance_ms(-limits::LEASE_MS.cast_signed());
    assert!(leased(&world).await.is_empty(), "put back a little, it is somebody's");
    world.test.clock.advance_ms(-1);
    assert_eq!(leased(&world).await.len(), 1);
}

#[tokio::test]
async fn what_a_wrong_clock_put_off_is_due_at_the_next_sweep() {
    let world = World::new().await;
    world.test.clock.advance_ms(retry::LONGEST_MS + 1);
    world.active().await;
    world.test.clock.advance_ms(-retry::LONGEST_MS - 1);
    assert!(leased(&world).await.is_empty());
    assert_eq!(world.test.sweep_put_off().await.unwrap(), 1);
    assert_eq!(leased(&world).await.len(), 1);
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_goes_on_waiting() {
    let world = World::new().await;
    world.active().await;
    let later = world.test.now().plus_ms(retry::LONGEST_MS).0;
    world.test.sql(&format!("UPDATE delivery SET not_before = {later}")).await;
    assert_eq!(world.test.sweep_put_off().await.unwrap(), 0);
    assert!(leased(&world).await.is_empty());
}

#[tokio::test]
async fn what_used_up_its_attempts_has_all_of_them_again_when_a_person_asks() {
    let world = World::new().await;
    world.active().await;
    for number in 1..=limits::DELIVERY_ATTEMPTS {
        assert_eq!(u64::from(attempt(&world).await), number);
        world.test.clock.advance_ms(limits::LEASE_MS.cast_signed() + 1);
    }
    let given_up = leased(&world).await.remove(0);
    world.test.sql("UPDATE delivery SET state = 'dead', lease_until = NULL").await;
    let redelivered = world.test.redeliver(&world.customer, &given_up.id, &world.admin).await;
    assert!(redelivered.unwrap());
    assert_eq!(attempt(&world).await, 1);
}

#[tokio::test]
async fn what_a_person_asks_for_again_is_nobodys_doing_any_more() {
    let world = World::new().await;
    let install = world.active().await;
    let own = crate::event::written(&Lineage::default().after(&install.id));
    world.test.sql(&format!("UPDATE event SET lineage = '{own}'")).await;
    let first = leased(&world).await.remove(0);
    assert_eq!(first.lineage.runs(), 1);
    let id = first.id.clone();
    world.ends(first, Next::Dead { reason: "its own doing".to_owned() }).await;
    assert!(world.test.redeliver(&world.customer, &id, &world.admin).await.unwrap());
    assert_eq!(leased(&world).await.remove(0).lineage, Lineage::default());
}
