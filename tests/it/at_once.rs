//! Several runs of one install at once, where its manifest asks for that.
use serde_json::{Value, json};

use crate::{
    support::{World, guest},
    webhooks::{Shop, told},
};

/// Acme with an install of the guest `count`, and the senders of its four webhooks.
async fn counting(world: &World, concurrency: u64) -> (String, Vec<Shop>) {
    let mut manifest = World::manifest("count");
    let capabilities = manifest["capabilities"].as_array_mut().unwrap();
    capabilities.retain(|one| one["name"] != "accounts:write");
    manifest["events"].as_array_mut().unwrap().push(json!("webhook"));
    manifest["limits"] = json!({ "concurrency": concurrency });
    let webhook =
        |name: &str| json!({ "name": name, "title": "A shop", "signature": "standard-webhooks" });
    manifest["webhooks"] = ["a", "b", "c", "d"].map(webhook).into_iter().collect();
    world.listed(&manifest, guest("count")).await;
    let install = world.enabled("count", &world.grant(), &json!({})).await;
    world.runs(&install).await;
    let mut shops = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let path = world.acme.own(&format!("installs/{install}/webhooks/{name}/open"));
        let told = world.acme.post(&path, &json!({})).await.good();
        shops.push(Shop::of(&world.host.url, &told));
    }
    (install, shops)
}

/// The kinds of what is in this state, sorted.
async fn kinds(world: &World, install: &str, state: &str) -> Vec<String> {
    let found = world.acme.all(&format!("deliveries?install={install}&state={state}")).await;
    let kind = |one: &Value| one["event_kind"].as_str().unwrap().to_owned();
    let mut kinds: Vec<_> = found.iter().map(kind).collect();
    kinds.sort();
    kinds
}

/// What the runs that were kept counted, and how many others there were.
async fn counted(world: &World, install: &str) -> (Vec<u64>, usize) {
    let runs = told(world, install).await;
    let (others, kept): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|run| run["overtaken"] == true);
    for run in &others {
        assert_eq!((&run["ending"], &run["effects_dropped"]), (&json!("ok"), &json!(1)), "{run}");
    }
    let count = |run: &Value| run["summary"].as_str().unwrap().parse().unwrap();
    let mut counts: Vec<u64> = kept.iter().map(count).collect();
    counts.sort_unstable();
    (counts, others.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_count_at_once_count_every_call_once() {
    let world = World::start().await;
    let (install, shops) = counting(&world, 3).await;
    let hold = world.sim.hold("/crm/count");
    for (n, shop) in shops.iter().enumerate() {
        shop.tells(&world, &format!("msg_{n}"), b"{}").await;
    }
    hold.held(3).await;
    assert_eq!(kinds(&world, &install, "leased").await, ["webhook"; 3]);
    assert_eq!(kinds(&world, &install, "ready").await, ["webhook"], "a fourth is too many");
    // All three have read the same count; one of them may write it.
    hold.release();
    let (counts, overtaken) = counted(&world, &install).await;
    assert_eq!(counts, [1, 2, 3, 4]);
    assert!(overtaken >= 2, "{overtaken} were overtaken");
    let listing = world.acme.get("/v1/marketplace/plugins/count").await.good();
    assert_eq!(listing["concurrency"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_the_whole_install_runs_alone_and_in_its_turn() {
    let world = World::start().await;
    let (install, shops) = counting(&world, 4).await;
    let hold = world.sim.hold("/crm/count");
    for (n, shop) in shops.iter().take(2).enumerate() {
        shop.tells(&world, &format!("msg_{n}"), b"{}").await;
    }
    hold.held(2).await;
    let config = world.acme.own(&format!("installs/{install}/config"));
    world.acme.put(&config, &json!({ "changed": true })).await.good();
    world.host.clock.advance_ms(1);
    shops[2].tells(&world, "msg_2", b"{}").await;
    // There is room for it, and what came before it does not share.
    assert_eq!(kinds(&world, &install, "leased").await, ["webhook"; 2]);
    assert_eq!(kinds(&world, &install, "ready").await, ["configured", "webhook"]);
    hold.release();
    let (counts, _) = counted(&world, &install).await;
    assert_eq!(counts, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_is_what_nobody_asked_otherwise() {
    let world = World::start().await;
    let (install, shops) = counting(&world, 1).await;
    let hold = world.sim.hold("/crm/count");
    for (n, shop) in shops.iter().enumerate() {
        shop.tells(&world, &format!("msg_{n}"), b"{}").await;
    }
    hold.held(1).await;
    assert_eq!(kinds(&world, &install, "leased").await, ["webhook"]);
    assert_eq!(kinds(&world, &install, "ready").await, ["webhook"; 3]);
    hold.release();
    assert_eq!(counted(&world, &install).await, (vec![1, 2, 3, 4], 0));
}
