//! The rest of the host, as small as a test needs it: rows and state in memory,
//! an authority that can be changed, a simulated third party.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::Value;
use venn_domain::{
    authority::{Authority, Control, Farewell, PartnershipControl},
    capability::{FieldSet, OverlapFields},
    event::Event,
    grant::{Approval, Grant},
    id::PartnershipId,
    manifest::Manifest,
    overlap::{ChangePage, Overlap, OverlapCount, OverlapPage, OverlapQuery},
    run::{Ending, Outcome},
    sharing::{Level, Purpose, SharingRule},
    time::{Clock, Timestamp},
};
use venn_sandbox::{
    ChangeAnswer, EgressSettings, Idempotency, Job, NameOverride, OverlapAnswer, PoolSettings,
    PortError, Ports, Prepared, RunInfo, RunLimits, Sandbox, Secret, Settings, Tape,
};
use venn_testkit::{Echo, Options, Simulator};

use crate::support::{World, guest};

/// The secret of the connection `echo`.
pub const SECRET: &str = "bed-canary-90ab";
/// 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp(1_767_225_600_000_000);

/// An id of any kind, by number.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, number: u32) -> T {
    format!("{prefix}_{number:026}").parse().unwrap()
}

/// A clock that moves a millisecond with each look.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// A sandbox with everything that it asks for.
pub struct Bed {
    pub sandbox: Sandbox,
    pub memory: Arc<Memory>,
    pub echo: Simulator,
    pub limits: RunLimits,
}

/// What came of one run.
pub struct Ran {
    pub outcome: Outcome,
    pub tape: Tape,
    pub prepared: Prepared,
}

impl Ran {
    /// What the guest told in its answer.
    #[track_caller]
    pub fn told(&self) -> Value {
        let Ending::Ok(report) = &self.outcome.ending else { panic!("{:?}", self.outcome.ending) };
        serde_json::from_slice(&report.answer.as_ref().expect("an answer").1).unwrap()
    }

    /// The line for people.
    #[track_caller]
    pub fn summary(&self) -> &str {
        let Ending::Ok(report) = &self.outcome.ending else { panic!("{:?}", self.outcome.ending) };
        &report.summary
    }
}

impl Bed {
    /// With everything granted.
    pub async fn start() -> Self {
        Self::with(control()).await
    }

    /// With these powers.
    pub async fn with(control: Control) -> Self {
        let echo = Simulator::start(Options::new(Echo)).await.unwrap();
        let sandbox = Sandbox::for_tests(settings(&echo)).unwrap();
        Self { sandbox, memory: Memory::new(control), echo, limits: RunLimits::default() }
    }

    /// Runs a guest with this payload.
    pub async fn run(&self, name: &str, payload: Value) -> Ran {
        self.run_on(name, "overlaps-changed", payload).await
    }

    /// Runs a guest on an event of this kind.
    pub async fn run_on(&self, name: &str, kind: &str, payload: Value) -> Ran {
        let prepared = self.sandbox.compile_here(&guest(name)).unwrap();
        self.run_prepared(&prepared, kind, payload).await
    }

    /// Runs what is loaded already.
    pub async fn run_prepared(&self, prepared: &Prepared, kind: &str, payload: Value) -> Ran {
        let job = self.job(prepared, kind, payload);
        let (outcome, tape) = self.sandbox.run(job, self.memory.clone(), clock()).await;
        Ran { outcome, tape, prepared: prepared.clone() }
    }

    fn job(&self, prepared: &Prepared, kind: &str, payload: Value) -> Job {
        Job {
            prepared: prepared.clone(),
            info: info(),
            event: Event {
                id: id("evt", 1),
                kind: kind.to_owned(),
                subject: id::<PartnershipId>("pty", 1).to_string(),
                occurred_at: START,
                payload: payload.to_string(),
                continuation: None,
            },
            config: "{}".to_owned(),
            authority: self.memory.now(),
            limits: self.limits,
            idempotency: Idempotency { key: [1; 32], delivery: id("dlv", 1), step: 0 },
            started_at: START,
        }
    }
}

/// What the guest learns of its run.
pub fn info() -> RunInfo {
    RunInfo {
        run: id("run", 1),
        install: id("ins", 1),
        plugin: "bed".to_owned(),
        version: "0.1.0".to_owned(),
        attempt: 1,
    }
}

/// The time of one run.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(Ticking(AtomicI64::new(START.0)))
}

/// A sandbox's settings with this simulator behind `echo.example`.
pub fn settings(echo: &Simulator) -> Settings {
    Settings {
        compile_program: "/nowhere".into(),
        compile_args: Vec::new(),
        artifact_key: [7; 32],
        egress: EgressSettings {
            overrides: vec![NameOverride { host: "echo.example".to_owned(), address: echo.addr }],
            extra_ca_pem: Some(echo.ca_pem.clone().into_bytes()),
            own: Vec::new(),
        },
        scratch: std::env::temp_dir().join("venn-sandbox-bed"),
        // One: so that a second run gets the slot of the first.
        pool: PoolSettings { runs: 1 },
    }
}

/// What everybody agreed on, before a test takes something away.
pub fn control() -> Control {
    let mut manifest = World::manifest("bed");
    manifest["egress"][0]["host"] = "echo.example".into();
    manifest["egress"][0]["methods"] = serde_json::json!(["GET", "HEAD", "POST"]);
    manifest["egress"][0]["paths"] = serde_json::json!(["/any", "/status"]);
    manifest["connections"][0]["host"] = "echo.example".into();
    manifest["connections"][0]["name"] = "echo".into();
    let manifest = Manifest::parse_json(manifest.to_string().as_bytes()).unwrap();
    let partnership: PartnershipId = id("pty", 1);
    let rule = SharingRule {
        population: "customers".to_owned(),
        level: Level::Overlaps,
        fields: FieldSet::core(),
        purpose: Purpose::Egress,
    };
    Control {
        number: 1,
        organization: id("org", 1),
        install: id("ins", 1),
        plugin: id("plg", 1),
        release: id("rel", 1),
        approval: Approval::of(&manifest),
        grant: Grant {
            capabilities: manifest.capability_set(),
            partnerships: vec![partnership.clone()],
            populations: vec!["customers".to_owned()],
            fields: ["our-name", "their-name"].iter().fold(
                OverlapFields::default(),
                |mut set, name| {
                    set.insert(name);
                    set
                },
            ),
            egress_hosts: vec!["echo.example".to_owned()],
        },
        manifest,
        stopped: None,
        partnerships: vec![PartnershipControl {
            id: partnership,
            partner: "Globex".to_owned(),
            active: true,
            rules: vec![rule],
        }],
        connections: vec!["echo".to_owned()],
        customer_hosts: Vec::new(),
        farewell: Farewell::default(),
    }
}

/// Answers from memory.
pub struct Memory {
    authority: Mutex<Arc<Authority>>,
    number: AtomicU64,
    /// After so many looks at the number, there is another one.
    later: Mutex<Option<(u64, Authority)>>,
    /// Committed state of no partnership.
    pub state: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    fn new(control: Control) -> Arc<Self> {
        let authority = Arc::new(Authority::new(control));
        let (number, state) = (AtomicU64::new(authority.number()), Mutex::default());
        Arc::new(Self { authority: Mutex::new(authority), number, later: Mutex::default(), state })
    }

    /// Changes the authority when a run has looked at its number so often.
    pub fn becomes(&self, looks: u64, control: Control) {
        *self.later.lock().unwrap() = Some((looks, Authority::new(control)));
    }

    /// The authority as it is.
    pub fn now(&self) -> Arc<Authority> {
        self.authority.lock().unwrap().clone()
    }

    fn page() -> OverlapAnswer {
        OverlapPage { items: (1..=2).map(overlap).collect(), ..OverlapPage::default() }.into()
    }
}

fn overlap(number: u32) -> Overlap {
    let none = String::new;
    Overlap {
        id: id("ovl", number),
        partnership: id("pty", 1),
        partner: "Globex".to_owned(),
        domain: format!("company-{number}.com"),
        evidence: "host".to_owned(),
        confidence: "likely".to_owned(),
        paired_at: START,
        our_account: id("acc", number),
        our_population: "customers".to_owned(),
        our_name: format!("Company {number}"),
        our_website: none(),
        our_owner: none(),
        our_stage: none(),
        our_amount: none(),
        our_created_on: none(),
        their_account: id("acc", number + 100),
        their_population: "customers".to_owned(),
        their_name: format!("Company {number} Ltd"),
        their_website: none(),
        their_owner: none(),
        their_stage: none(),
        their_amount: none(),
        their_created_on: none(),
        extra: BTreeMap::new(),
    }
}

#[async_trait]
impl Ports for Memory {
    fn authority_number(&self) -> u64 {
        let mut later = self.later.lock().unwrap();
        match later.take() {
            Some((0, authority)) => {
                self.number.store(authority.number(), Ordering::SeqCst);
                *self.authority.lock().unwrap() = Arc::new(authority);
            }
            Some((looks, authority)) => *later = Some((looks - 1, authority)),
            None => {}
        }
        self.number.load(Ordering::SeqCst)
    }

    async fn authority(&self) -> Result<Arc<Authority>, PortError> {
        Ok(self.now())
    }

    async fn overlaps_find(
        &self,
        _: &Authority,
        _: &OverlapQuery,
    ) -> Result<OverlapAnswer, PortError> {
        Ok(Self::page())
    }

    async fn overlaps_lookup(
        &self,
        _: &Authority,
        _: &str,
        _: &OverlapFields,
    ) -> Result<OverlapAnswer, PortError> {
        Ok(Self::page())
    }

    async fn overlaps_counts(
        &self,
        _: &Authority,
        _: Option<&PartnershipId>,
    ) -> Result<Vec<OverlapCount>, PortError> {
        Ok(Vec::new())
    }

    async fn overlaps_changes(
        &self,
        _: &Authority,
        _: &PartnershipId,
        _: Option<&str>,
        _: &OverlapFields,
        _: u32,
    ) -> Result<ChangeAnswer, PortError> {
        Ok(ChangePage::default().into())
    }

    async fn accounts_compare(
        &self,
        _: &Authority,
        rows: &[venn_domain::account::SourceRow],
    ) -> Result<Vec<venn_domain::account::AccountChange>, PortError> {
        Ok(vec![venn_domain::account::AccountChange::Added; rows.len()])
    }

    async fn accounts_of_source(
        &self,
        _: &Authority,
        external_ids: &[String],
    ) -> Result<Vec<bool>, PortError> {
        Ok(vec![true; external_ids.len()])
    }

    async fn state_get(
        &self,
        partition: Option<&PartnershipId>,
        key: &str,
    ) -> Result<Option<Vec<u8>>, PortError> {
        let state = self.state.lock().unwrap();
        Ok(state.get(key).filter(|_| partition.is_none()).cloned())
    }

    async fn state_keys(
        &self,
        _: Option<&PartnershipId>,
        prefix: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<String>, PortError> {
        let state = self.state.lock().unwrap();
        Ok(state.keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn credential(&self, _: &str) -> Result<Secret, PortError> {
        Ok(Secret::new(SECRET.to_owned()))
    }
}
