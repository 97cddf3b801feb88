//! One node with more and more installs of 200 plugins, each with a component of its own:
//! how soon `venn serve` answers, what it takes in memory, and what a run takes from the
//! event on. At each size the server is started anew.
//!
//! `bench_installs [--database sqlite|postgres] [--sizes 100,1000,10000] [--plugins N]
//! [--runs N] [--loads N]`, one JSON object a line; `runs` is how many are measured at each
//! size, one after the other, and `loads` how many plugins were run once before that. `ratio`
//! is the median run's time to that at the first size. The times are the server's own: of the
//! delivery, of its run's start and end. A second line compares the time to the start with a
//! commit of one row in the same database, made in turns with the runs: `latency`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::similar_names,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "a benchmark fails by panicking; what it shares with the tests it uses in part"
)]
mod shared;
#[path = "../it/support/mod.rs"]
mod support;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use shared::{argument, on_each_database, within};
use sqlx::{AnyConnection, Connection as _};
use support::{Actor, Data, World, guest, storm::manifest};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
};

/// Installs of one organization.
const OF_ONE: usize = 100;

/// Calls at once while installs are made.
const AT_ONCE: usize = 8;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    support::host::CALLS_A_MINUTE.set(1_000_000_000).unwrap();
    on_each_database(compare).await;
}

async fn compare(case: &str, data: Data) {
    let sizes: String = argument("--sizes", "100,1000,10000".to_owned());
    let sizes: Vec<usize> = sizes.split(',').map(|size| size.parse().unwrap()).collect();
    let runs: usize = argument("--runs", 1_000);
    let loads: usize = argument("--loads", 200);
    let node = Node::prepared(data, argument("--plugins", 200), sizes.iter().max().unwrap()).await;
    let mut installs = Vec::new();
    let mut first = None;
    for size in sizes {
        let process = Process::start(&node.data).await;
        node.grown(&process, &mut installs, size).await;
        process.stopped().await;
        let process = Process::start(&node.data).await;
        let at_rest = process.memory();
        // Each plugin once: it is loaded, and stays loaded.
        let mut loading = Runs::default();
        for install in installs.iter().take(loads) {
            node.run(&process, install, &mut loading).await;
        }
        let (mut warm, mut bare) = (Runs::default(), Bare::on(&node.data).await);
        for number in 0..runs {
            // Far from each other: 7,919 is a prime.
            node.run(&process, &installs[number * 7_919 % size], &mut warm).await;
            bare.commit().await;
        }
        let median = within(&mut warm.to_record, 500);
        let line = json!({
            "bench": "installs", "case": format!("{case}: {size}"),
            "ratio": median / *first.get_or_insert(median),
            "start_up_ms": process.start_up.as_secs_f64() * 1_000.0,
            "at_rest_mib": at_rest, "after_runs_mib": process.memory(),
            "run_p50_ms": median, "run_p99_ms": within(&mut warm.to_record, 990),
            "first_run_p50_ms": within(&mut loading.to_record, 500),
        });
        println!("{line}");
        let (start, bare) = (within(&mut warm.to_start, 500), within(&mut bare.took, 500));
        let line = json!({
            "bench": "latency", "case": format!("{case}: {size}"), "ratio": start / bare,
            "to_start_p50_ms": start, "to_start_p99_ms": within(&mut warm.to_start, 990),
            "bare_commit_p50_ms": bare,
        });
        println!("{line}");
        process.stopped().await;
    }
}

/// What is prepared once: organizations, plugins, nobody's installs.
struct Node {
    data: Data,
    tokens: Vec<(String, String)>,
    plugins: usize,
}

/// An install, and whose.
struct Installed {
    organization: usize,
    id: String,
}

/// Milliseconds from the event to the start of its run, and to its record.
#[derive(Default)]
struct Runs {
    to_start: Vec<f64>,
    to_record: Vec<f64>,
}

impl Node {
    async fn prepared(data: Data, plugins: usize, most: &usize) -> Self {
        // The server has the machine's clock: tokens must not be expired.
        let now = jiff::Timestamp::now().as_microsecond();
        let world = World::start_on_at(data, now).await;
        let component = guest("script");
        for number in 0..plugins {
            let name = name(number);
            let mut own = component.clone();
            own.extend(custom_section(&name));
            world.listed(&manifest(&name), own).await;
        }
        let mut tokens = Vec::new();
        for number in 0..most.div_ceil(OF_ONE) {
            let slug = format!("customer-{number}");
            let actor = world.host.organization(&slug, true, false).await;
            tokens.push((slug, actor.token));
        }
        Self { data: world.host.stop().await, tokens, plugins }
    }

    fn actor(&self, process: &Process, organization: usize) -> Actor {
        let (slug, token) = &self.tokens[organization];
        Actor::new(&process.url, slug, token)
    }

    /// Makes and enables installs until there are so many.
    async fn grown(&self, process: &Process, installs: &mut Vec<Installed>, size: usize) {
        let made = stream::iter(installs.len()..size).map(|number| async move {
            let organization = number / OF_ONE;
            let actor = self.actor(process, organization);
            let body = json!({
                "plugin": name(number % self.plugins), "name": format!("number-{number}"),
                "config": {}, "connections": {},
                "grant": { "capabilities": ["state"], "partnerships": [], "populations": [],
                           "fields": [], "egress_hosts": [] },
            });
            let made = actor.post(&actor.own("installs"), &body).await.good();
            let id = made["id"].as_str().unwrap().to_owned();
            let path = actor.own(&format!("installs/{id}/enable"));
            actor.post(&path, &json!({})).await.good();
            Installed { organization, id }
        });
        installs.extend(made.buffered(AT_ONCE).collect::<Vec<_>>().await);
    }

    async fn run(&self, process: &Process, install: &Installed, runs: &mut Runs) {
        let actor = self.actor(process, install.organization);
        let path = actor.own(&format!("installs/{}/run", install.id));
        let asked = actor.post(&path, &json!({})).await.good();
        let delivery = actor.own(&format!("deliveries/{}", asked["delivery"].as_str().unwrap()));
        let done = actor.until(&delivery, |one| one["state"] == "done").await;
        let run = actor.own(&format!("runs/{}", done["runs"][0].as_str().unwrap()));
        let run = actor.get(&run).await.good();
        let since = |moment: &Value| {
            let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            at(moment).duration_since(at(&done["created_at"])).as_secs_f64() * 1_000.0
        };
        runs.to_start.push(since(&run["started_at"]));
        runs.to_record.push(since(&run["ended_at"]));
    }
}

/// Commits of a row, each on the disk, beside the server's own: in a file beside its own, or
/// in another schema of the same server of PostgreSQL.
struct Bare {
    connection: AnyConnection,
    took: Vec<f64>,
}

impl Bare {
    async fn on(data: &Data) -> Self {
        let file = format!("sqlite://{}?mode=rwc", data.path().join("bare.db").display());
        let url = data.postgres().unwrap_or(file);
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        let before = if data.postgres().is_some() {
            ["CREATE SCHEMA IF NOT EXISTS bare", "SET search_path = bare"]
        } else {
            ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"]
        };
        for sql in before.into_iter().chain(["CREATE TABLE IF NOT EXISTS event (payload TEXT)"]) {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        Self { connection, took: Vec::new() }
    }

    async fn commit(&mut self) {
        let began = Instant::now();
        let row = sqlx::query("INSERT INTO event (payload) VALUES ('{}')");
        row.execute(&mut self.connection).await.unwrap();
        self.took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
}

fn name(number: usize) -> String {
    format!("plugin-{number}")
}

/// What makes a component another one, and does nothing.
fn custom_section(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    assert!(length < 64, "a length of one byte");
    [&[0, length + 1, length], name.as_bytes()].concat()
}

/// `venn serve`.
struct Process {
    child: Child,
    url: String,
    /// Until it answered.
    start_up: Duration,
}

impl Process {
    async fn start(data: &Data) -> Self {
        let mut command = data.venn(&["--json", "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--calls-a-minute", "1000000000"]).env("VENN_LOG", "off");
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        while reqwest::get(format!("{url}/healthz")).await.is_err() {}
        Self { child, url, start_up: began.elapsed() }
    }

    /// What it holds of the machine's memory for itself, in MiB.
    fn memory(&self) -> f64 {
        let file = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(file).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib / 1_024.0
    }

    async fn stopped(mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().await.unwrap().success());
    }
}
