//! `cargo xtask crash`: a server that is killed at random and at kill points, again and
//! again, while customers work; then everything is let come to rest, and an oracle that
//! lives in this process, and not in the server's, says what is lost, doubled or stuck
//! (`docs/crash.md`).
//!
//! - [`customers`]: who works, and what they were told
//! - [`outage`]: a minute without the database, or without room on the disk
//! - [`vendor`]: what came in outside
//! - [`oracle`]: what must be there
//!
//! What happens is drawn from a seed; when it happens is the machine's, so that a seed gives
//! the same plan and not the same run.
use std::{fs, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{process::Command, time};
use venn_testkit::{Options, Simulator};

use super::{PUBLIC, Process, Scene, finished};
use crate::{model::chance::Chance, support::World};

mod customers;
mod oracle;
mod outage;
mod vendor;

use customers::{Customers, Listener};
use oracle::Verdict;
use vendor::Vendor;

/// Of the smoke test: small, and the same for ever.
const SEED: u64 = 1;
const SMOKE: u64 = 12;

/// How long a server lives before it is killed, at most; and one that is to die at a kill
/// point, if it does not come by.
const LIFE_MS: usize = 1_200;
const ARMED_MS: u64 = 3_000;

/// What the customers come by: the others have walks of their own.
const COME_BY: [&str; 12] = [
    "start", "import", "pairing", "lease", "deliver", "record", "install", "backfill", "schedule",
    "webhook", "audit", "sweep",
];

/// A start that takes longer hangs.
const START: Duration = Duration::from_mins(2);

/// Runs of each event.
const STEPS: u64 = 2;

/// A manifest of the guest `ledger`: it is called, and runs each minute.
pub fn manifest() -> Value {
    let mut manifest = World::manifest("ledger");
    manifest["events"] = json!(["schedule", "webhook", "configured"]);
    manifest["webhooks"] =
        json!([{ "name": "shop", "title": "Orders", "signature": "standard-webhooks" }]);
    manifest["schedules"] = json!([{
        "name": "minutely", "title": "Looks for changes", "cron": "* * * * *", "spread_s": 0,
    }]);
    manifest["connections"] = json!([]);
    manifest["egress"] = json!([{ "host": vendor::HOST, "methods": ["POST"], "paths": ["/ledger"],
        "reason": "To be tested.", "data": "Test data.", "retention": "None." }]);
    manifest
}

/// The whole grant for it.
pub fn grant() -> Value {
    json!({ "capabilities": ["timeline:write", "state", "http:egress"], "partnerships": [],
        "populations": [], "fields": [], "egress_hosts": [vendor::HOST] })
}

/// What is told of a campaign; `cargo xtask crash` sets it.
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// The scene, who works in it, and the vendor that they call.
struct Campaign {
    scene: Scene,
    vendor: Vendor,
    simulator: Simulator,
    customers: Arc<Customers>,
}

impl Campaign {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let vendor = Vendor::default();
        let options = Options::new(vendor.clone()).authority(&scene.authority);
        let simulator = Simulator::start(options).await.unwrap();
        let tasks = scene.enable().await;
        let customers = Arc::new(Customers::new(tasks, vendor.clone()));
        let campaign = Self { scene, vendor, simulator, customers };
        let (mut process, acme, _) = campaign.scene.start_as(campaign.set_up(None)).await;
        let account = acme.all("accounts").await[0]["id"].clone();
        let mut listeners = Vec::new();
        for name in ["a", "b"] {
            let mut config = json!({ "ledger": name, "steps": STEPS });
            if name == "a" {
                config["account"] = account.clone();
            }
            let more = json!({ "grant": grant(), "config": config, "connections": {} });
            let install = campaign.scene.enabled(&acme, name, "ledger", more).await;
            let path = acme.own(&format!("installs/{install}/webhooks/shop/open"));
            let told = acme.post(&path, &json!({})).await.good();
            listeners.push(Listener::new(name, install, config, told));
        }
        campaign.customers.listen(listeners);
        finished(&acme).await;
        process.child.kill().await.unwrap();
        campaign
    }

    /// How its server is started.
    fn set_up(&self, crash_at: Option<String>) -> impl FnOnce(&mut Command) {
        let vendor = format!("{}={}", vendor::HOST, self.simulator.addr);
        move |command| {
            command.arg("--override").arg(vendor).env(PUBLIC.0, PUBLIC.1);
            // The oracle asks more than people do.
            command.args(["--calls-a-minute", "1000000"]);
            if let Some(point) = crash_at {
                command.env("VENN_CRASH_AT", point);
            }
        }
    }

    /// One life of the server, until it is killed: at a kill point or by us. Whether it was
    /// at the point.
    async fn life(&self, chance: &mut Chance) -> bool {
        let come_by = |point: &&&str| COME_BY.iter().any(|start| point.starts_with(start));
        let points: Vec<_> = venn_store::crash::POINTS.iter().filter(come_by).collect();
        let point = chance.percent(50).then(|| {
            let (point, passes) = (*chance.pick(&points), 1 + chance.below(2));
            format!("{point}:{passes}")
        });
        let life_ms = 50 + chance.below(LIFE_MS) as u64;
        let life = Duration::from_millis(if point.is_some() { ARMED_MS } else { life_ms });
        let is_troubled = chance.percent(8);
        let mut command = self.scene.command();
        self.set_up(point)(&mut command);
        let begun = time::timeout(START, Process::begin(command)).await;
        let Some(mut process) = begun.expect("a start that hangs") else {
            // At a kill point of the start itself.
            self.vendor.next_life();
            return true;
        };
        let work = self.customers.work(&self.scene, process.url(), chance);
        let trouble = is_troubled.then(|| self.scene.data.trouble(Duration::from_millis(life_ms)));
        let died = time::timeout(life, process.child.wait()).await.is_ok();
        if !died {
            process.child.kill().await.unwrap();
        }
        if let Some(trouble) = trouble {
            trouble.await.unwrap();
        }
        work.end().await;
        self.vendor.next_life();
        died
    }

    /// Everything comes to rest, and is counted, with what was `stuck` before.
    async fn rests(self, mut stuck: Vec<String>) -> Verdict {
        let (process, acme, globex) = self.scene.start_as(self.set_up(None)).await;
        stuck.extend(self.customers.come_to_rest(&self.scene, process.url()).await);
        let mut verdict = Verdict { stuck, ..Verdict::default() };
        oracle::as_told(&mut verdict, &self.scene, &self.customers, &acme, &globex).await;
        process.stop().await;
        oracle::as_kept(&mut verdict, &self.scene, &self.customers, &self.vendor).await;
        verdict
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_doubled_or_stuck() {
    let (seed, kills) = (told("VENN_CRASH_SEED"), told("VENN_CRASH_KILLS"));
    let outages = if kills.is_some() { outage::LARGE } else { outage::SMOKE };
    let (seed, kills) = (seed.unwrap_or(SEED), kills.unwrap_or(SMOKE));
    println!("seed {seed}");
    let campaign = Campaign::new().await;
    let (mut named, mut stuck) = (0, Vec::new());
    for kill in 1..=kills {
        let mut chance = Chance::of(seed, kill);
        named += u64::from(campaign.life(&mut chance).await);
        if kill % outages.every == 0 {
            let number = kill / outages.every;
            stuck.extend(campaign.outage(&mut chance, number, outages.lasts).await);
        }
        if kill % 25 == 0 {
            println!("{kill} kills, {named} of them at kill points");
        }
    }
    let verdict = campaign.rests(stuck).await;
    let figures = json!({ "seed": seed, "kills": kills, "at_points": named,
        "accepted": verdict.accepted, "lost": verdict.lost.len(), "doubled": verdict.doubled.len(),
        "stuck": verdict.stuck.len(), "repeated_outside": verdict.repeated });
    println!("{figures}");
    if let Some(path) = std::env::var_os("VENN_CRASH_FIGURES") {
        fs::write(path, format!("{figures}\n")).unwrap();
    }
    assert!(verdict.accepted > 0, "nobody did anything");
    assert_eq!(
        (&verdict.lost[..], &verdict.doubled[..], &verdict.stuck[..], &verdict.odd[..]),
        (&[][..], &[][..], &[][..], &[][..]),
        "seed {seed}: lost, doubled, stuck, odd"
    );
}
