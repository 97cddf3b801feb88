//! What one organization's storm of events does to the others: from the commit of a
//! neighbour's event to the record of its run, while the storm is worked on and while it is
//! stopped, in turns.
//!
//! `bench_storm [--database sqlite|postgres] [--events N] [--installs N] [--neighbours N]
//! [--rounds N] [--each N]`, one JSON object a line; `events` is of the whole storm, `each` how
//! many a neighbour has in one turn. `ratio` is the 99th percentile of the neighbours in the
//! storm to that in the quiet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::needless_pass_by_value,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "a benchmark fails by panicking; what it shares with the tests it uses in part"
)]
mod shared;
#[path = "../it/support/mod.rs"]
mod support;

use futures::future::join_all;
use serde_json::json;
use shared::{argument, on_each_database, within};
use support::{
    Data, World,
    storm::{Crowd, rest, suspended},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    support::host::CALLS_A_MINUTE.set(1_000_000_000).unwrap();
    on_each_database(compare).await;
}

async fn compare(case: &str, data: Data) {
    let installs: usize = argument("--installs", 64);
    let of_each = argument("--events", 100_000_usize).div_ceil(installs);
    let rounds: usize = argument("--rounds", 5);
    let each: usize = argument("--each", 100);
    let world = World::start_on(data).await;
    let storm = Crowd::of(&world, &world.acme, "storm", installs).await;
    let mut neighbours = Vec::new();
    for number in 0..argument("--neighbours", 4_usize) {
        let name = format!("neighbour-{number}");
        let customer = world.host.organization(&name, true, false).await;
        neighbours.push(Crowd::of(&world, &customer, &name, 1).await);
    }
    suspended(&world, "storm", true).await;
    storm.storms(of_each).await;
    let (mut quiet, mut stormy) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // One of each install waits for the platform, the others for that one.
        rest(&world, installs as u64).await;
        quiet.extend(turn(&neighbours, each).await);
        suspended(&world, "storm", false).await;
        stormy.extend(turn(&neighbours, each).await);
        let waiting = world.host.app.store.backlog().await.unwrap().deliveries;
        assert!(waiting["ready"] > 0, "the storm was over before its neighbours: more --events");
        suspended(&world, "storm", true).await;
    }
    suspended(&world, "storm", false).await;
    rest(&world, 0).await;
    let dead = world.acme.all("deliveries?state=dead").await.len();
    assert_eq!(dead, 0, "events of the storm were lost");
    for (part, permille) in [("p99", 990), ("p50", 500)] {
        let (quiet_ms, storm_ms) = (within(&mut quiet, permille), within(&mut stormy, permille));
        let line = json!({
            "bench": "storm", "case": format!("{case}: {part}"), "ratio": storm_ms / quiet_ms,
            "storm_ms": storm_ms, "quiet_ms": quiet_ms, "events": of_each * installs,
            "neighbours_events": stormy.len(),
        });
        println!("{line}");
    }
}

/// So many events of each neighbour, one after the other, beside those of the others: what
/// they took. None of them fails.
async fn turn(neighbours: &[Crowd], each: usize) -> Vec<f64> {
    let calls = neighbours.iter().map(|neighbour| async move {
        let mut took = Vec::with_capacity(each);
        for _ in 0..each {
            let (one, state) = neighbour.one().await;
            assert_eq!(state, "done", "a neighbour's event failed");
            took.push(one.as_secs_f64() * 1_000.0);
        }
        took
    });
    join_all(calls).await.concat()
}
