//! From a committed event to a committed outcome: lease, decide, run, record, on
//! SQLite with a full sync per commit; against raw wasmtime alone with the same
//! guest, and against bare group commits of the same rows; in turns.
//!
//! `bench_durable [--installs N] [--events N] [--rounds N]`, one JSON object a line;
//! `events` is per install. `ratio` is our rate to the lower of the two others.
//! `VENN_BENCH_RUN` names the program `bench_run`, which is the raw side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::needless_pass_by_value,
    clippy::cast_precision_loss,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "a benchmark fails by panicking; what it shares with the tests it uses in part"
)]
#[path = "../it/support/mod.rs"]
mod support;

use std::{
    process::Command,
    str::FromStr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};
use support::{World, guest, world::CRM_TOKEN};

/// Writes in one of the bare commits: as many deliveries as one look leases.
const GROUP: usize = 32;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let installs: usize = argument("--installs", 64);
    let events: usize = argument("--events", 16);
    let rounds: usize = argument("--rounds", 5);
    let world = World::with_overlaps(4).await;
    let manifest = World::manifest("bench-overlaps");
    world.listed(&manifest, guest("bench_overlaps")).await;
    let installs = enabled(&world, installs).await;
    let count = installs.len() * events;
    let (mut ours, mut raw, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(round(&world, &installs, events).await);
        raw.push(raw_alone(count).await);
        bare.push(bare_commits(&world, count).await);
    }
    let (ours, raw, bare) = (median(ours), median(raw), median(bare));
    let line = json!({
        "bench": "durable", "case": "sqlite", "ratio": ours / raw.min(bare),
        "ours_per_s": ours, "raw_per_s": raw, "bare_commits_per_s": bare,
        "ratio_to_raw": ours / raw, "ratio_to_bare_commits": ours / bare,
    });
    println!("{line}");
    for line in where_the_time_goes(&world) {
        println!("{line}");
    }
}

/// So many installs of the guest, one delivery each at a time.
async fn enabled(world: &World, count: usize) -> Vec<String> {
    let acme = &world.acme;
    let body = json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": CRM_TOKEN });
    let connection = acme.post(&acme.own("connections"), &body).await.good()["id"].clone();
    let mut installs = Vec::new();
    for number in 0..count {
        let body = json!({
            "plugin": "bench-overlaps", "name": format!("bench-{number}"), "grant": world.grant(),
            "config": {}, "connections": { "crm": connection },
        });
        let made = acme.post(&acme.own("installs"), &body).await.good();
        let install = made["id"].as_str().unwrap().to_owned();
        acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
        installs.push(install);
    }
    rest(world, 0).await;
    installs
}

/// Commits the events while the plugin is suspended, then lets go; deliveries a second.
async fn round(world: &World, installs: &[String], events: usize) -> f64 {
    let platform = &world.host.platform;
    let place = |what: &str| format!("/v1/review/plugins/bench-overlaps/{what}");
    platform.post(&place("suspend"), &json!({ "reason": "A bench." })).await.good();
    let body = json!({ "partnership": world.partnership });
    for install in installs {
        let path = world.acme.own(&format!("installs/{install}/backfill"));
        for _ in 0..events {
            world.acme.post(&path, &body).await.good();
        }
    }
    // One of each install waits for the platform, the others for that one.
    rest(world, installs.len() as u64).await;
    let began = Instant::now();
    platform.post(&place("resume"), &json!({})).await.good();
    while world.host.app.store.backlog().await.unwrap().deliveries.values().sum::<u64>() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (installs.len() * events) as f64 / began.elapsed().as_secs_f64()
}

/// Waits until nothing runs and so many are parked.
async fn rest(world: &World, parked: u64) {
    loop {
        let waiting = world.host.app.store.backlog().await.unwrap().deliveries;
        let done = waiting["leased"] == 0 && waiting["parked"] == parked;
        if done && (parked > 0 || waiting["ready"] == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The same guest in raw wasmtime, in a process of its own.
async fn raw_alone(calls: usize) -> f64 {
    let mut program = Command::new(std::env::var("VENN_BENCH_RUN").expect("VENN_BENCH_RUN"));
    let guests = std::env::var("VENN_GUESTS").expect("VENN_GUESTS");
    program.arg(format!("{guests}/bench_overlaps.wasm")).arg("--raw").arg(calls.to_string());
    let said = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    said["per_s"].as_f64().unwrap()
}

/// The newest rows of runs, tapes and deliveries, copied in groups with a full
/// sync each and nothing else: no index, no check, no lease.
async fn bare_commits(world: &World, count: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("bare.db").display());
    let mut to = AnyConnection::connect(&url).await.unwrap();
    let from = world.host.data.path().join("venn.db");
    let set_up = [
        "PRAGMA journal_mode = WAL".to_owned(),
        "PRAGMA synchronous = FULL".to_owned(),
        format!("ATTACH '{}' AS src", from.display()),
        "CREATE TABLE run AS SELECT * FROM src.run WHERE 0".to_owned(),
        "CREATE TABLE tape AS SELECT * FROM src.tape WHERE 0".to_owned(),
        "CREATE TABLE delivery AS SELECT * FROM src.delivery WHERE 0".to_owned(),
    ];
    for sql in set_up {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut to).await.unwrap();
    }
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT id, delivery_id FROM src.run WHERE ending = 'ok' ORDER BY id DESC LIMIT {count}"
    )))
    .fetch_all(&mut to)
    .await
    .unwrap();
    assert_eq!(rows.len(), count, "not all of them ended well");
    let copies = [
        ("INSERT INTO main.run SELECT * FROM src.run WHERE id = $1", 0),
        ("INSERT INTO main.tape SELECT * FROM src.tape WHERE run_id = $1", 0),
        ("INSERT INTO main.delivery SELECT * FROM src.delivery WHERE id = $1", 1),
    ];
    let began = Instant::now();
    for group in rows.chunks(GROUP) {
        let mut transaction = to.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for row in group {
            for (sql, column) in copies {
                let id: String = row.get(column);
                sqlx::query(sql).bind(id).execute(&mut *transaction).await.unwrap();
            }
        }
        transaction.commit().await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

/// Sums of the server's own figures: runs, commits, and the size of groups.
fn where_the_time_goes(world: &World) -> Vec<Value> {
    let figures = world.host.app.metrics.text().unwrap();
    let sum = |name: &str| -> f64 {
        let lines = figures.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    let commits = sum("venn_store_commit_duration_seconds_count");
    [
        ("runs, wall s", sum("venn_run_duration_seconds_sum")),
        ("runs, CPU s", sum("venn_run_cpu_seconds_total")),
        ("commits, s", sum("venn_store_commit_duration_seconds_sum")),
        ("commits", commits),
        ("writes a commit", sum("venn_store_group_size_sum") / commits),
    ]
    .map(|(what, value)| json!({ "bench": "durable-part", "case": what, "value": value }))
    .into()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The number after `name`, or what is usual.
fn argument<T: FromStr<Err: std::fmt::Debug>>(name: &str, usual: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(usual, |text| text.parse().unwrap())
}
