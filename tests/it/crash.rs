//! Kill points: kill -9, restart, nothing lost, nothing done twice.
//!
//! The real program is killed from inside at a labelled place, then started again on the
//! same data. What was answered with success must be there, and what a run does must be
//! done once.
//!
//! - [`events`]: from a list to a task; [`sources`]: a live source between its runs;
//!   [`failures`]: a run that failed
//! - [`calls`]: one call that changes something; [`releases`], [`people`]: the same of theirs
//! - [`schedules`], [`tokens`], [`starts`]; `webhooks::killed`: a call from outside
//! - [`campaign`]: at random, for as long as one likes (`docs/crash.md`)
//!
//! To add a kill point: a line in [`walks!`] of the file with its noun.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::OnceCell,
};
use venn_testkit::{Authority, Options, Simulator, hubspot::HubSpot};

use crate::{
    support::{
        Actor, CrmTasks, Data, guest, hubspot_source, hubspot_source_manifest,
        world::{CRM_TOKEN, World, rows},
    },
    webhooks,
};

/// Walks, each with its kill point: a test of each, and all their points.
macro_rules! walks {
    ($walk:ident: $($test:ident = $point:literal;)*) => {
        pub const POINTS: &[&str] = &[$($point),*];

        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                $walk($point).await;
            }
        )*
    };
}

mod calls;
mod campaign;
pub mod events;
mod failures;
mod people;
mod releases;
mod schedules;
mod sources;
mod starts;
mod tokens;

/// Overlaps before the change, and after it.
pub const BEFORE: usize = 2;
pub const AFTER: usize = 12;

/// Where services would reach the server.
pub const PUBLIC: (&str, &str) = ("VENN_PUBLIC_URL", "https://venn.example");

/// A server process on a data folder.
pub struct Process {
    pub child: Child,
    /// Where it answers, and where its figures are, as it says.
    pub said: Value,
    url: String,
}

impl Process {
    /// Starts it, and waits until it serves.
    async fn start(command: Command) -> Self {
        Self::begin(command).await.expect("a server that is ready")
    }

    /// The same; none if it was killed before it served.
    async fn begin(mut command: Command) -> Option<Self> {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).await.unwrap();
        if line.is_empty() {
            is_killed(&mut child).await;
            return None;
        }
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Some(Self { child, said, url })
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        let pid = self.child.id().unwrap().cast_signed();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(mut self) {
        self.terminate();
        assert!(self.child.wait().await.unwrap().success());
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it has killed itself.
    pub async fn killed(mut self) {
        is_killed(&mut self.child).await;
    }
}

async fn is_killed(child: &mut Child) {
    use std::os::unix::process::ExitStatusExt as _;
    let status = child.wait().await.unwrap();
    assert_eq!(status.signal(), Some(9), "the kill point was not passed: {status}");
}

/// What a data folder was prepared with.
pub struct Prepared {
    data: Data,
    pub platform: String,
    pub acme: String,
    pub globex: String,
    pub publisher: String,
    pub partnership: String,
    connection: String,
}

/// Everything but the enabled install, made once and copied for each test.
async fn prepared() -> &'static Prepared {
    static PREPARED: OnceCell<Prepared> = OnceCell::const_new();
    PREPARED
        .get_or_init(|| async {
            // The killed process has the machine's clock: tokens must not be expired.
            let world = World::start_at(jiff::Timestamp::now().as_microsecond()).await;
            world.acme.import("replace", rows(0..AFTER, "A")).await;
            world.globex.import("replace", rows(0..BEFORE, "G")).await;
            world.share(&world.globex, "overlaps", &["name", "owner"], "egress").await;
            world.paired().await;
            world.listed(&CrmTasks::Rust.manifest(), CrmTasks::Rust.component()).await;
            world.listed(&hubspot_source_manifest(), hubspot_source()).await;
            world.listed(&webhooks::manifest(), guest("script")).await;
            world.listed(&campaign::manifest(), guest("ledger")).await;
            world.listed(&webhooks::asking(), guest("script")).await;
            let connection = world.connection().await;
            let token = |actor: &Actor| actor.token.clone();
            let (acme, globex) = (token(&world.acme), token(&world.globex));
            let (publisher, platform) = (token(&world.publisher), token(&world.host.platform));
            let partnership = world.partnership.clone();
            let data = world.host.stop().await;
            Prepared { data, platform, acme, globex, publisher, partnership, connection }
        })
        .await
}

/// A copy of the prepared data with its own simulated HubSpot.
pub struct Scene {
    pub data: Data,
    pub sim: Simulator,
    portal: HubSpot,
    authority: Authority,
    ca: PathBuf,
    pub prepared: &'static Prepared,
}

impl Scene {
    pub async fn new() -> Self {
        let prepared = prepared().await;
        let data = prepared.data.copy();
        let authority = Authority::new().unwrap();
        let portal = HubSpot::new(CRM_TOKEN);
        let hubspot = Options::new(portal.clone()).authority(&authority);
        let sim = Simulator::start(hubspot).await.unwrap();
        let ca = data.path().join("test-ca.pem");
        fs::write(&ca, &sim.ca_pem).unwrap();
        Self { data, sim, portal, authority, ca, prepared }
    }

    /// How a server is started on its data.
    fn command(&self) -> Command {
        let mut command = serve(&self.data, &self.ca);
        command.arg("--override").arg(format!("api.hubapi.com={}", self.sim.addr));
        command
    }

    async fn start(&self, crash_at: Option<&str>) -> (Process, Actor, Actor) {
        let crash = |command: &mut Command| {
            if let Some(point) = crash_at {
                command.env("VENN_CRASH_AT", point);
            }
        };
        self.start_as(crash).await
    }

    /// A server as `set_up` says, and its two customers.
    pub async fn start_as(&self, set_up: impl FnOnce(&mut Command)) -> (Process, Actor, Actor) {
        let mut command = self.command();
        set_up(&mut command);
        let process = Process::start(command).await;
        let acme = Actor::new(&process.url, "acme", &self.prepared.acme);
        let globex = Actor::new(&process.url, "globex", &self.prepared.globex);
        (process, acme, globex)
    }

    /// A draft of a plugin at Acme; its id.
    async fn drafted(&self, acme: &Actor, name: &str, plugin: &str, mut more: Value) -> String {
        let grant = json!({ "capabilities": [], "partnerships": [], "populations": [], "fields": [],
            "egress_hosts": [] });
        let body = more.as_object_mut().unwrap();
        body.insert("name".to_owned(), json!(name));
        body.insert("plugin".to_owned(), json!(plugin));
        for (member, value) in [
            ("config", json!({})),
            ("grant", grant),
            ("connections", json!({ "crm": self.prepared.connection })),
        ] {
            body.entry(member).or_insert(value);
        }
        let made = acme.post(&acme.own("installs"), &more).await.good();
        made["id"].as_str().unwrap().to_owned()
    }

    /// The same, enabled.
    pub async fn enabled(&self, acme: &Actor, name: &str, plugin: &str, more: Value) -> String {
        let install = self.drafted(acme, name, plugin, more).await;
        acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
        install
    }

    /// Enables the install; its unique property is made.
    pub async fn enable(&self) -> String {
        let (mut process, acme, _) = self.start(None).await;
        let more = json!({
            "config": { "min_confidence": "likely" },
            "grant": {
                "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
                "partnerships": [self.prepared.partnership], "populations": ["customers"],
                "fields": ["our-name", "their-name"], "egress_hosts": ["api.hubapi.com"],
            },
        });
        let install = self.enabled(&acme, "main", "crm-tasks", more).await;
        finished(&acme).await;
        process.child.kill().await.unwrap();
        install
    }
}

/// `venn serve` on this data, with certificates of this authority.
fn serve(data: &Data, ca: &Path) -> Command {
    let mut command =
        data.venn(&["--json", "serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.arg("--override-ca").arg(ca).env("VENN_LOG", "off").stdout(Stdio::piped());
    command
}

/// Waits until every delivery is done.
pub async fn finished(acme: &Actor) {
    let done =
        |page: &Value| page["items"].as_array().unwrap().iter().all(|one| one["state"] == "done");
    acme.until(&acme.own("deliveries?limit=200"), done).await;
}

/// A call in which the server dies: nobody is answered.
async fn unanswered<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) {
    assert!(tokio::spawn(call).await.is_err(), "it was answered by who was dead");
}

#[test]
fn every_kill_point_has_its_test() {
    let walked = [
        starts::POINTS,
        events::POINTS,
        sources::POINTS,
        failures::POINTS,
        calls::POINTS,
        schedules::POINTS,
        webhooks::killed::POINTS,
        tokens::POINTS,
        releases::POINTS,
        people::POINTS,
    ];
    // A walk may say at which pass.
    let name = |point: &&str| point.split_once(':').map_or(*point, |(name, _)| name).to_owned();
    let mut walked: Vec<_> = walked.iter().copied().flatten().map(name).collect();
    walked.sort();
    walked.dedup();
    let mut points = venn_store::crash::POINTS.to_vec();
    points.sort_unstable();
    assert_eq!(walked, points);
}
