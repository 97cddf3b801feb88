//! Kill points on the path: kill -9, restart, nothing lost, no effect twice.
//!
//! The real program is killed from inside at a labelled place, then started
//! again on the same data. What was answered with success must be there; each
//! overlap must have exactly one task and one timeline entry.
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

/// Overlaps before the change, and after it.
pub const BEFORE: usize = 2;
pub const AFTER: usize = 12;

/// A server process on a data folder.
pub struct Process {
    pub child: Child,
    /// Where it answers, and where its figures are, as it says.
    pub said: Value,
    url: String,
}

impl Process {
    /// Starts it as `set_up` says.
    async fn start(
        data: &Data,
        sim: &Simulator,
        ca: &Path,
        set_up: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command =
            data.venn(&["--json", "serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command
            .arg("--override")
            .arg(format!("api.hubapi.com={}", sim.addr))
            .arg("--override-ca")
            .arg(ca)
            .env("VENN_LOG", "off")
            .stdout(Stdio::piped());
        set_up(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).await.unwrap();
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}"));
        let url = said["url"].as_str().unwrap().to_owned();
        Self { child, said, url }
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(mut self) {
        let pid = self.child.id().unwrap().cast_signed();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().await.unwrap().success());
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it has killed itself.
    pub async fn killed(mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "the kill point was not passed: {status}");
    }
}

/// What a data folder was prepared with.
pub struct Prepared {
    data: Data,
    pub platform: String,
    pub acme: String,
    pub globex: String,
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
            world.listed(&webhooks::asking(), guest("script")).await;
            let connection = world.connection().await;
            let (acme, globex) = (world.acme.token.clone(), world.globex.token.clone());
            let platform = world.host.platform.token.clone();
            let partnership = world.partnership.clone();
            let data = world.host.stop().await;
            Prepared { data, platform, acme, globex, partnership, connection }
        })
        .await
}

/// A copy of the prepared data with its own simulated HubSpot.
pub struct Scene {
    pub data: Data,
    pub sim: Simulator,
    portal: HubSpot,
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
        Self { data, sim, portal, ca, prepared }
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
        let process = Process::start(&self.data, &self.sim, &self.ca, set_up).await;
        let acme = Actor::new(&process.url, "acme", &self.prepared.acme);
        let globex = Actor::new(&process.url, "globex", &self.prepared.globex);
        (process, acme, globex)
    }

    /// Enables the install; its unique property is made.
    pub async fn enable(&self) -> String {
        let (mut process, acme, _) = self.start(None).await;
        let body = json!({
            "plugin": "crm-tasks", "name": "main", "config": { "min_confidence": "likely" },
            "grant": {
                "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
                "partnerships": [self.prepared.partnership], "populations": ["customers"],
                "fields": ["our-name", "their-name"], "egress_hosts": ["api.hubapi.com"],
            },
            "connections": { "crm": self.prepared.connection },
        });
        let made = acme.post(&acme.own("installs"), &body).await.good();
        let install = made["id"].as_str().unwrap().to_owned();
        acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
        finished(&acme).await;
        process.child.kill().await.unwrap();
        install
    }
}

/// Waits until every delivery is done.
pub async fn finished(acme: &Actor) {
    let done =
        |page: &Value| page["items"].as_array().unwrap().iter().all(|one| one["state"] == "done");
    acme.until(&acme.own("deliveries?limit=200"), done).await;
}

/// Uploads the changed list without waiting; true if it was answered.
pub async fn import(globex: &Actor) -> bool {
    let body =
        json!({ "mode": "replace", "file_name": "list.csv", "columns": null, "stages": null });
    let made = globex.post(&globex.own("imports"), &body).await.good();
    let path = globex.own(&format!("imports/{}/file", made["id"].as_str().unwrap()));
    let upload = globex.request(reqwest::Method::PUT, &path).body(rows(0..AFTER, "G"));
    upload.send().await.is_ok_and(|answer| answer.status().is_success())
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    scene.enable().await;
    let (process, _, globex) = scene.start(Some(point)).await;
    let accepted = import(&globex).await;
    process.killed().await;

    let (_process, acme, globex) = scene.start(None).await;
    let newest =
        globex.all("imports").await.into_iter().max_by_key(|one| one["id"].to_string()).unwrap();
    if newest["state"] == "waiting-for-file" {
        assert!(!accepted, "an upload that was answered is lost");
        assert!(import(&globex).await);
    }
    let rests = |page: &Value| {
        let mut imports = page["items"].as_array().unwrap().iter();
        imports.all(|one| one["state"] == "done" || one["state"] == "waiting-for-file")
    };
    globex.until(&globex.own("imports?limit=200"), rests).await;
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    acme.until(&place, |answer| answer["pending_domains"] == 0).await;
    finished(&acme).await;
    one_task_each(&scene, &acme).await;
}

/// Exactly one task and one timeline entry for each overlap that is new.
pub async fn one_task_each(scene: &Scene, acme: &Actor) {
    let overlaps = acme.all(&format!("partnerships/{}/overlaps", scene.prepared.partnership)).await;
    assert_eq!(overlaps.len(), AFTER);
    let tasks = scene.sim.objects("tasks").unwrap();
    let mut keys: Vec<_> = tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["properties"]["venn_overlap"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), tasks.as_array().unwrap().len()), (AFTER - BEFORE, AFTER - BEFORE));
    for overlap in
        overlaps.iter().filter(|overlap| keys.iter().any(|key| overlap["id"] == key.as_str()))
    {
        let account = overlap["our_account"].as_str().unwrap();
        let timeline = acme.all(&format!("accounts/{account}/timeline")).await;
        assert_eq!(timeline.len(), 1, "{account}");
    }
    let attempts = acme.all("runs").await;
    let oks = attempts
        .iter()
        .filter(|run| run["ending"] == "ok" && run["event_kind"] == "overlaps-changed");
    assert!(oks.count() >= 1);
}

/// Companies of a portal whose load takes more than one run.
const COMPANIES: usize = 1_100;

/// The example source is killed while it loads: every company is an account, once.
async fn source_killed_at(point: &str) {
    let scene = Scene::new().await;
    for n in 0..COMPANIES {
        scene.portal.add_company(&format!("Company {n}"), &format!("company-{n}.com"));
    }
    let (process, acme, _) = scene.start(Some(point)).await;
    let body = json!({
        "plugin": "hubspot-source", "name": "source", "config": {},
        "grant": {
            "capabilities": ["accounts:write", "state", "http:egress"], "partnerships": [],
            "populations": ["prospects"], "fields": [], "egress_hosts": ["api.hubapi.com"],
        },
        "connections": { "crm": scene.prepared.connection },
    });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap().to_owned();
    let enable = acme.own(&format!("installs/{install}/enable"));
    acme.post(&enable, &json!({})).await.good();
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    finished(&acme).await;
    let accounts = acme.all("accounts").await;
    let kept = accounts.iter().filter(|account| account["source"] == install.as_str());
    assert_eq!(kept.count(), COMPANIES);
    let source = acme.get(&acme.own(&format!("sources/{install}"))).await.good();
    let figures = ["state", "added", "removed"].map(|name| source[name].clone());
    assert_eq!(figures, [json!("synced"), json!(COMPANIES), json!(0)], "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_between_two_of_its_calls() {
    source_killed_at("deliver.before-call:6").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_before_the_record_of_its_second_run() {
    source_killed_at("record.before-commit:2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_after_the_record_of_its_first_run() {
    source_killed_at("record.committed").await;
}

macro_rules! points {
    ($($test:ident = $point:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                killed_at($point).await;
            }
        )*

        #[test]
        fn every_kill_point_has_its_test() {
            // A call of a webhook has its own.
            let of_calls = webhooks::killed::POINTS;
            let of_events = [$($point),*];
            assert_eq!(venn_store::crash::POINTS.to_vec(), [&of_events[..], &of_calls].concat());
        }
    };
}

points! {
    after_the_upload_is_on_disk = "import.uploaded";
    while_the_list_is_read = "import.reading";
    before_the_import_is_committed = "import.before-commit";
    after_the_import_is_committed = "import.committed";
    before_the_pairs_are_committed = "pairing.before-commit";
    after_the_event_is_accepted = "pairing.committed";
    after_the_lease = "deliver.leased";
    before_the_call_goes_out = "deliver.before-call";
    after_the_run_before_its_record = "deliver.ran";
    before_the_record_is_committed = "record.before-commit";
    after_the_record_is_committed = "record.committed";
}
