//! More than can be done at once: the neighbours of a storm do not notice, what is too much
//! is told when to come again, and nothing that was taken is lost.
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    World,
    storm::{Crowd, rest, suspended},
};

/// More than the room for runs, so that it is exhausted.
const INSTALLS: usize = 48;

/// Of each of them.
const EVENTS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_one_organization_leaves_its_neighbours_unharmed() {
    let world = World::start().await;
    let storm = Crowd::of(&world, &world.acme, "storm", INSTALLS).await;
    let mut neighbours = Vec::new();
    for name in ["initech", "umbrella"] {
        let customer = world.host.organization(name, true, false).await;
        neighbours.push(Crowd::of(&world, &customer, &format!("of-{name}"), 1).await);
    }
    suspended(&world, "storm", true).await;
    storm.storms(EVENTS).await;
    rest(&world, INSTALLS as u64).await;
    suspended(&world, "storm", false).await;
    for _ in 0..10 {
        for (_, state) in join_all(neighbours.iter().map(Crowd::one)).await {
            assert_eq!(state, "done");
        }
    }
    let waiting = world.host.app.store.backlog().await.unwrap().deliveries;
    assert!(waiting["ready"] > 0, "the neighbours waited for all of it");

    rest(&world, 0).await;
    world.host.advance_ms(60_000);
    let runs = world.acme.all("runs?ending=ok").await;
    assert_eq!(runs.len(), INSTALLS * EVENTS, "each event once");
    assert_eq!(world.acme.all("deliveries?state=dead").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overload_of_calls_is_told_when_to_come_again_and_loses_nothing_taken() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let acme = &world.acme;
    let before = acme.all(&format!("deliveries?install={}", script.install)).await.len();
    let app = &world.host.app;
    let token = acme.get("/v1/me").await.good()["token_id"].as_str().unwrap().parse().unwrap();
    while app.rate.spend(&token, app.clock.now()).is_ok() {}
    // As long as ten calls of those that a minute has.
    world.host.advance_ms(10 * 60_000 / venn_domain::limits::API_CALLS.cast_signed());
    let path = acme.own(&format!("installs/{}/backfill", script.install));
    let body = json!({ "partnership": world.partnership });
    let call = || acme.send(acme.request(Method::POST, &path).json(&body));
    let (mut taken, mut refused) = (Vec::new(), 0);
    for answer in join_all((0..50).map(|_| call())).await {
        if answer.status == 202 {
            taken.push(answer.good()["delivery"].clone());
        } else {
            assert_eq!(answer.headers["retry-after"], "1");
            answer.refused(429, "too-many");
            refused += 1;
        }
    }
    assert_eq!((taken.len(), refused), (10, 40));
    // A run during which the clock jumps is begun anew when its lease has run out.
    rest(&world, 0).await;
    world.host.advance_ms(60_000);
    let deliveries = acme.all(&format!("deliveries?install={}", script.install)).await;
    assert_eq!(deliveries.len(), before + 10, "what was refused left nothing");
    for delivery in taken {
        let found = deliveries.iter().find(|one| one["id"] == delivery).unwrap();
        assert_eq!(found["state"], "done");
    }
}
