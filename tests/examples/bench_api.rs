//! Reading through the API against a bare axum handler that answers with the same
//! bytes: one page of overlaps and one run, under load, in turns.
//!
//! `bench_api [--overlaps N] [--seconds N] [--rounds N]`, one JSON object a line.
//! `ratio` is the bare handler's answers a second to ours. The load comes from
//! `wrk` (Debian's package), two threads and sixteen connections.
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

use std::process::Command;

use axum::{Router, http::header, routing::get};
use shared::argument;
use support::{Actor, World, world::rows};
use tokio::net::TcpListener;

/// Rows of one import: more than one file may have would only be split.
const ROWS_PER_IMPORT: usize = 50_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let overlaps: usize = argument("--overlaps", 100_000);
    let seconds: u32 = argument("--seconds", 5);
    let rounds: u32 = argument("--rounds", 5);
    support::host::CALLS_A_MINUTE.set(1_000_000_000).unwrap();
    let world = World::start().await;
    for from in (0..overlaps).step_by(ROWS_PER_IMPORT) {
        let numbers = from..overlaps.min(from + ROWS_PER_IMPORT);
        world.acme.import("merge", rows(numbers.clone(), "A")).await;
        world.globex.import("merge", rows(numbers, "G")).await;
    }
    world.share(&world.globex, "overlaps", &["name", "owner"], "egress").await;
    world.paired().await;
    let script = world.script(&world.grant()).await;
    let run = world.runs(&script.install).await[0]["id"].as_str().unwrap().to_owned();
    let page = format!("partnerships/{}/overlaps?limit=100", world.partnership);
    for (case, path) in [("overlaps-page", page), ("run", format!("runs/{run}"))] {
        compare(&world.acme, case, &world.acme.own(&path), seconds, rounds).await;
    }
}

/// Both sides in turns; the medians.
async fn compare(actor: &Actor, case: &str, path: &str, seconds: u32, rounds: u32) {
    let answer = actor.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let bytes = answer.text.len();
    let bare = bare(answer.text).await;
    let ours = format!("{}{path}", actor.url);
    let (mut ours_seen, mut bare_seen) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours_seen.push(load(&ours, &actor.token, seconds).await);
        bare_seen.push(load(&bare, &actor.token, seconds).await);
    }
    let (ours, bare) = (median(ours_seen), median(bare_seen));
    let line = serde_json::json!({
        "bench": "api", "case": case, "ratio": bare.per_s / ours.per_s, "bytes": bytes,
        "ours_per_s": ours.per_s, "bare_per_s": bare.per_s,
        "ours_p99_ms": ours.p99_ms, "bare_p99_ms": bare.p99_ms,
    });
    println!("{line}");
}

/// Answers with these bytes and does nothing else; returns its address.
async fn bare(body: String) -> String {
    let body = axum::body::Bytes::from(body);
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/")
}

/// What one side stood.
#[derive(Clone, Copy)]
struct Load {
    per_s: f64,
    p99_ms: f64,
}

async fn load(url: &str, token: &str, seconds: u32) -> Load {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t", "2", "-c", "16", "--latency", "-d"]).arg(format!("{seconds}s")).args([
        "-H",
        &format!("authorization: Bearer {token}"),
        url,
    ]);
    let said = tokio::task::spawn_blocking(move || wrk.output()).await.unwrap();
    let said = said.expect("wrk cannot be started: `apt-get install wrk`");
    let said = String::from_utf8(said.stdout).unwrap();
    let after = |word: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("wrk does not say {word}: {said}")).trim()
    };
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    Load { per_s: after("Requests/sec:").parse().unwrap(), p99_ms: milliseconds(after("99%")) }
}

/// `1.25ms`, `800.00us` or `1.02s`.
fn milliseconds(text: &str) -> f64 {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.trim_end_matches('s'), 1e3)
    };
    number.parse::<f64>().unwrap() * factor
}

/// Of rates and of tails, each by itself.
fn median(seen: Vec<Load>) -> Load {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Load {
        per_s: middle(seen.iter().map(|one| one.per_s).collect()),
        p99_ms: middle(seen.iter().map(|one| one.p99_ms).collect()),
    }
}
