//! One attack: a world with a bystander, a quiet control before and after, what was
//! used, and the verdict as a line of JSON.
use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    pin::Pin,
    process::Command,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    bystander::{Bystander, Calls},
    process::{self, Use},
};
use crate::support::{World, world::CRM_TOKEN};

/// Set in the process of one attack.
const INSIDE: &str = "VENN_ATTACK_INSIDE";
/// A file to which every attack adds its line.
const LINES: &str = "VENN_ATTACKS";
/// How the line begins on the way out of that process.
const MARK: &str = "attack: ";
/// Calls of the quiet control, before and after.
const QUIET_CALLS: usize = 4;

/// What an attack works in.
pub struct Scene {
    pub world: World,
    pub bystander: Bystander,
}

/// Asserts what must hold, and tells how it ended.
pub type Attack = for<'s> fn(&'s Scene) -> Pin<Box<dyn Future<Output = String> + 's>>;

/// Tries an attack: in a process of its own, which is this test again.
pub fn tried(number: u16, name: &str, attack: Attack) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(inside(number, name, attack));
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([&format!("attacks::{name}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        // So that what is measured is what is held, and not what glibc keeps for later.
        .envs([("MALLOC_ARENA_MAX", "1"), ("MALLOC_TRIM_THRESHOLD_", "65536")])
        .env_remove(LINES)
        .output()
        .unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let line = said.lines().rev().find_map(|line| line.strip_prefix(MARK));
    let line = line.filter(|_| output.status.success()).map_or_else(
        || {
            let why = complained.lines().rev().take(30).collect::<Vec<_>>();
            let why: Vec<_> = why.into_iter().rev().collect();
            json!({ "case": number, "name": name, "status": "tested", "safe": false,
                    "bystander": false, "reason": why.join("\n") })
            .to_string()
        },
        str::to_owned,
    );
    if let Some(file) = env::var_os(LINES) {
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    assert!(output.status.success(), "{}: {said}\n{complained}", output.status);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn inside(number: u16, name: &str, attack: Attack) {
    let panics = process::panics();
    let world = World::start().await;
    let bystander = Bystander::join(&world).await;
    let scene = Scene { world, bystander };
    let mut quiet = scene.bystander.calls(QUIET_CALLS).await.unwrap();
    let before = Use::now();
    let (stop, calling) = scene.bystander.goes_on();
    let began = Instant::now();
    let outcome = attack(&scene).await;
    let took = began.elapsed();
    stop.cancel();
    let busy: Calls = calling.await.unwrap();
    let peak = process::memory_peak_bytes().saturating_sub(before.memory_bytes);
    let busy = busy.unwrap_or_else(|error| panic!("the bystander was harmed: {error}"));
    quiet.extend(scene.bystander.calls(QUIET_CALLS).await.unwrap());
    let left = before.settled().await.unwrap_or_else(|error| panic!("not given back: {error}"));
    assert_eq!(panics.load(Ordering::SeqCst), 0, "something panicked in the host");
    let kept = scene.world.host.data.places_with(CRM_TOKEN.as_bytes());
    assert!(kept.is_empty(), "a credential is in the clear: {kept:?}");
    let line = json!({
        "case": number, "name": name, "status": "tested", "safe": true, "bystander": true,
        "reason": outcome, "ms": u64::try_from(took.as_millis()).unwrap(),
        "memory_peak_mib": peak >> 20, "memory_left_mib": left >> 20,
        "bystander_calls": busy.len(), "bystander_ratio": ratio(busy, quiet),
    });
    println!("\n{MARK}{line}");
}

/// Of the medians, in hundredths.
fn ratio(mut busy: Vec<Duration>, mut quiet: Vec<Duration>) -> f64 {
    busy.sort_unstable();
    quiet.sort_unstable();
    let ratio = busy[busy.len() / 2].as_secs_f64() / quiet[quiet.len() / 2].as_secs_f64();
    (ratio * 100.0).round() / 100.0
}

/// A manifest whose plugin runs once, when it is enabled; with all the CPU time
/// that it can ask for.
pub fn once() -> Value {
    let mut manifest = World::manifest("hostile");
    manifest["events"] = json!(["installed"]);
    manifest["limits"] = json!({ "cpu_ms": 5_000, "wall_ms": 60_000 });
    manifest
}

impl Scene {
    /// Publishes, approves, installs and enables it; its one run.
    pub async fn run(&self, component: Vec<u8>) -> Value {
        self.run_as(&once(), component).await
    }

    /// The same under a manifest.
    pub async fn run_as(&self, manifest: &Value, component: Vec<u8>) -> Value {
        self.world.listed(manifest, component).await;
        let name = manifest["name"].as_str().unwrap();
        let install = self.world.enabled(name, &self.world.grant(), &json!({})).await;
        let mut runs = self.world.runs(&install).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// That it ends at this limit, and changes nothing.
    pub async fn limited(&self, component: Vec<u8>, limit: &str) -> String {
        at_limit(&self.run(component).await, limit)
    }

    /// That it ends in a trap of this code.
    pub async fn trapped(&self, component: Vec<u8>, code: &str) -> String {
        let run = self.run(component).await;
        let found = (&run["ending"], &run["ending_detail"]["code"]);
        assert_eq!(found, (&json!("trap"), &json!(code)), "{run}");
        format!("trap {code}")
    }

    /// That it is published and approved, and not enabled: why its check did not pass.
    pub async fn fails_its_check(&self, component: Vec<u8>) -> String {
        let world = &self.world;
        world.listed(&once(), component).await;
        let body = json!({ "plugin": "hostile", "name": "main", "grant": world.grant(), "config": {},
                           "connections": { "crm": world.connection().await } });
        let made = world.acme.post(&world.acme.own("installs"), &body).await.good();
        let enable = format!("installs/{}/enable", made["id"].as_str().unwrap());
        let refused = world.acme.post(&world.acme.own(&enable), &json!({})).await;
        let refused = refused.refused(409, "check-failed");
        refused["problems"][0]["reason"].as_str().unwrap().to_owned()
    }

    /// That the gate refuses it with this check.
    pub async fn refused(&self, component: Vec<u8>, check: &str) -> String {
        let refused = self.world.publisher.publish(&once(), component).await;
        let refused = refused.refused(422, "gate-failed");
        let problem = &refused["problems"][0];
        assert_eq!(problem["place"], check, "{refused}");
        let releases = self.world.publisher.all("plugins/hostile/releases").await;
        assert_eq!(releases, Vec::<Value>::new());
        format!("{check}: {}", problem["reason"].as_str().unwrap())
    }
}

/// The name of the limit that ended a run.
pub fn at_limit(run: &Value, limit: &str) -> String {
    let found = (&run["ending"], &run["ending_detail"]["limit"]);
    assert_eq!(found, (&json!("limit"), &json!(limit)), "{run}");
    format!("limit {limit}")
}
