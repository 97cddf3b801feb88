//! From a committed event to a committed outcome: lease, decide, run, record, with
//! every commit on the disk; against raw wasmtime alone with the same guest, and
//! against bare group commits of the same rows; in turns.
//!
//! `bench_durable [--database sqlite|postgres] [--installs N] [--events N] [--rounds N]
//! [--only-ours yes]`, one JSON object a line; `events` is per install. `ratio` is our
//! rate to the lower of the two others. `VENN_BENCH_RUN` names the program `bench_run`,
//! which is the raw side; `VENN_BENCH_PERF` a pipe to `perf record --control`, which
//! then sees nothing but what is measured.
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
mod shared;
#[path = "../it/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::Command,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use shared::{argument, median, on_each_database};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};
use support::{Data, World, guest, storm::rest, world::CRM_TOKEN};

/// Writes in one of the bare commits.
const GROUP: usize = 32;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    on_each_database(compare).await;
}

async fn compare(case: &str, data: Data) {
    let installs: usize = argument("--installs", 64);
    let events: usize = argument("--events", 32);
    let rounds: usize = argument("--rounds", 5);
    let only_ours = argument("--only-ours", String::new()) == "yes";
    let world = World::with_overlaps_on(data, 4).await;
    let manifest = World::manifest("bench-overlaps");
    world.listed(&manifest, guest("bench_overlaps")).await;
    let installs = enabled(&world, installs).await;
    let count = installs.len() * events;
    let (mut ours, mut raw, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut spent = Spent::default();
    for _ in 0..rounds {
        ours.push(round(&world, &installs, events, &mut spent).await);
        if !only_ours {
            raw.push(raw_alone(count).await);
            bare.push(bare_commits(&world, count).await);
        }
    }
    if only_ours {
        println!("{}", json!({ "bench": "durable", "case": case, "ours_per_s": median(ours) }));
    } else {
        let (ours, raw, bare) = (median(ours), median(raw), median(bare));
        let line = json!({
            "bench": "durable", "case": case, "ratio": ours / raw.min(bare),
            "ours_per_s": ours, "raw_per_s": raw, "bare_commits_per_s": bare,
            "ratio_to_raw": ours / raw, "ratio_to_bare_commits": ours / bare,
        });
        println!("{line}");
    }
    for line in spent.lines(case, (count * rounds) as f64) {
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
async fn round(world: &World, installs: &[String], events: usize, spent: &mut Spent) -> f64 {
    // One token may call only so often in a minute.
    world.host.advance_ms(60_000);
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
    perf("enable");
    let before = Spent::so_far(world);
    let began = Instant::now();
    platform.post(&place("resume"), &json!({})).await.good();
    while world.host.app.store.backlog().await.unwrap().deliveries.values().sum::<u64>() > 0 {
        // A look has its price: one in so long moves the end by a hundredth.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    spent.add(&before, &Spent::so_far(world), took);
    perf("disable");
    (installs.len() * events) as f64 / took.as_secs_f64()
}

/// Tells `perf record` to begin or to stop looking, where it does.
fn perf(word: &str) {
    if let Some(pipe) = std::env::var_os("VENN_BENCH_PERF") {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).unwrap();
        writeln!(pipe, "{word}").unwrap();
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

/// The newest rows of runs, tapes and deliveries, copied in groups, each on the disk
/// before the next, and nothing else: no index, no check, no lease. These are all the
/// rows that a record of these runs writes: they read no partner's accounts and are
/// denied nothing, so that there is nothing for the audit.
async fn bare_commits(world: &World, count: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (mut connection, from, to) = bare_tables(world, folder.path()).await;
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT id, delivery_id FROM {from}.run WHERE ending = 'ok' ORDER BY id DESC LIMIT {count}"
    )))
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(rows.len(), count, "not all of them ended well");
    let copies = [("run", "id", 0), ("tape", "run_id", 0), ("delivery", "id", 1)].map(
        |(table, key, column)| {
            let copy =
                format!("INSERT INTO {to}.{table} SELECT * FROM {from}.{table} WHERE {key} = $1");
            (copy, column)
        },
    );
    let began = Instant::now();
    for group in rows.chunks(GROUP) {
        let mut transaction = connection.begin().await.unwrap();
        for row in group {
            for (sql, column) in &copies {
                let id: String = row.get(column);
                let copy = sqlx::query(AssertSqlSafe(sql.clone())).bind(id);
                copy.execute(&mut *transaction).await.unwrap();
            }
        }
        transaction.commit().await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

/// Empty tables: a connection, and the schemas of the full ones and of these.
async fn bare_tables(
    world: &World,
    folder: &std::path::Path,
) -> (AnyConnection, &'static str, &'static str) {
    let database = world.host.data.postgres();
    let (url, from, to) = match &database {
        Some(url) => (url.clone(), "public", "bare"),
        None => (format!("sqlite://{}?mode=rwc", folder.join("bare.db").display()), "src", "main"),
    };
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let before = if database.is_some() {
        vec!["DROP SCHEMA IF EXISTS bare CASCADE".to_owned(), "CREATE SCHEMA bare".to_owned()]
    } else {
        let from = world.host.data.path().join("venn.db");
        vec![
            "PRAGMA journal_mode = WAL".to_owned(),
            "PRAGMA synchronous = FULL".to_owned(),
            format!("ATTACH '{}' AS src", from.display()),
        ]
    };
    let tables = ["run", "tape", "delivery"].map(|table| {
        format!("CREATE TABLE {to}.{table} AS SELECT * FROM {from}.{table} WHERE 1 = 0")
    });
    for sql in before.into_iter().chain(tables) {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    (connection, from, to)
}

/// The server's own figures and the process's time, over what is measured.
#[derive(Default)]
struct Spent(BTreeMap<&'static str, f64>);

impl Spent {
    fn so_far(world: &World) -> Self {
        let figures = world.host.app.metrics.text().unwrap();
        let sum = |name: &str| -> f64 {
            let lines = figures.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
        };
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self(BTreeMap::from([
            ("process CPU", Duration::try_from(cpu).unwrap().as_secs_f64()),
            ("guest CPU", sum("venn_run_cpu_seconds_total")),
            ("runs", sum("venn_run_duration_seconds_sum")),
            ("writer", sum("venn_store_commit_duration_seconds_sum")),
            ("commits", sum("venn_store_commit_duration_seconds_count")),
        ]))
    }

    fn add(&mut self, before: &Self, after: &Self, took: Duration) {
        *self.0.entry("wall").or_default() += took.as_secs_f64();
        for (what, value) in &after.0 {
            *self.0.entry(*what).or_default() += value - before.0[what];
        }
    }

    /// Microseconds a delivery, and deliveries a commit.
    fn lines(&self, case: &str, deliveries: f64) -> Vec<Value> {
        let each = |what: &str| self.0[what] / deliveries * 1e6;
        [
            ("wall, us a delivery", each("wall")),
            ("CPU of the whole process, us a delivery", each("process CPU")),
            ("CPU of the guest, us a delivery", each("guest CPU")),
            ("a run from start to outcome, us", each("runs")),
            ("the writer at work, us a delivery", each("writer")),
            ("deliveries a commit", deliveries / self.0["commits"]),
        ]
        .map(|(what, value)| {
            json!({ "bench": "durable-part", "case": format!("{case}: {what}"), "value": value })
        })
        .into()
    }
}
