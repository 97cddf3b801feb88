//! The rest of the host, as small as a test needs it: an authority that can be
//! changed, overlaps in memory, and jobs.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use venn_domain::{
    account::{AccountChange, SourceRow},
    authority::{Authority, Control, Farewell, PartnershipControl},
    capability::OverlapFields,
    egress::EgressRule,
    event::Event,
    grant::{Approval, Grant},
    id::PartnershipId,
    manifest::Manifest,
    overlap::{Overlap, OverlapCount, OverlapPage, OverlapQuery},
    sharing::{Level, Purpose, SharingRule},
    time::{Clock, Timestamp},
};
use venn_sandbox::{
    ChangeAnswer, EgressSettings, Idempotency, Job, OverlapAnswer, PoolSettings, PortError, Ports,
    Prepared, RunInfo, RunLimits, Sandbox, Secret, Settings,
};

/// An id of any kind, by number.
pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, number: u32) -> T {
    format!("{prefix}_{number:026}").parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        compile_program: "/nowhere".into(),
        compile_args: Vec::new(),
        artifact_key: [7; 32],
        egress: EgressSettings::default(),
        scratch: std::env::temp_dir().join("venn-sandbox-tests"),
        pool: PoolSettings { runs: 4 },
    }
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::for_tests(settings()).unwrap()
}

/// A clock that moves a millisecond with each look.
pub(crate) struct Ticking(AtomicU64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_764_000_000_000_000)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1_000, Ordering::Relaxed).cast_signed())
    }
}

/// What everybody agreed on, before a test takes something away.
pub(crate) fn control() -> Control {
    let rule =
        EgressRule { host: "api.test".into(), port: 443, methods: Vec::new(), paths: Vec::new() };
    let manifest: Manifest = serde_json::from_value(serde_json::json!({
        "name": "test-plugin", "version": "1.0.0", "title": "Test", "summary": "Test.",
        "category": "other",
        "capabilities": [
            { "name": "overlaps:read", "reason": "to read" },
            { "name": "state", "reason": "to remember" },
            { "name": "timeline:write", "reason": "to tell" },
            { "name": "http:egress", "reason": "to send" },
        ],
        "fields": ["our-name", "their-name", "their-amount"],
        "egress": [{
            "host": "api.test", "reason": "to send", "data": "names", "retention": "a day"
        }],
        "connections": [
            { "name": "crm", "title": "CRM", "kind": "api-key", "host": "api.test" }
        ],
        "support": { "contact": "help@example.com" },
    }))
    .unwrap();
    let approval = Approval::of(&manifest);
    let grant = Grant {
        capabilities: manifest.capability_set(),
        partnerships: vec![id("pty", 1)],
        populations: vec!["customers".into()],
        fields: manifest.fields.clone(),
        egress_hosts: vec![rule.host],
    };
    let shared = SharingRule {
        population: "customers".into(),
        level: Level::All,
        fields: venn_domain::capability::FieldSet::core(),
        purpose: Purpose::Egress,
    };
    Control {
        number: 1,
        organization: id("org", 1),
        install: id("ins", 1),
        plugin: id("plg", 1),
        release: id("rel", 1),
        manifest,
        approval,
        grant,
        stopped: None,
        partnerships: vec![PartnershipControl {
            id: id("pty", 1),
            partner: "Partner Inc".into(),
            active: true,
            rules: vec![shared],
        }],
        connections: vec!["crm".into()],
        customer_hosts: Vec::new(),
        farewell: Farewell::default(),
    }
}

/// Answers from memory; the authority can be replaced while a guest runs.
pub(crate) struct Memory {
    pub(crate) authority: Mutex<Arc<Authority>>,
    number: AtomicU64,
    pub(crate) page: OverlapAnswer,
    /// Overlaps are never answered.
    pub(crate) silent: std::sync::atomic::AtomicBool,
}

impl Memory {
    pub(crate) fn new(control: Control, overlaps: u32) -> Arc<Self> {
        let authority = Arc::new(Authority::new(control));
        Arc::new(Self {
            number: AtomicU64::new(authority.number()),
            authority: Mutex::new(authority),
            page: page(overlaps).into(),
            silent: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Everyone's word changes, while a guest may run.
    pub(crate) fn change(&self, mut control: Control) {
        let number = self.number.load(Ordering::SeqCst) + 1;
        control.number = number;
        *self.authority.lock().unwrap() = Arc::new(Authority::new(control));
        self.number.store(number, Ordering::SeqCst);
    }

    pub(crate) fn authority_now(&self) -> Arc<Authority> {
        Arc::clone(&self.authority.lock().unwrap())
    }
}

/// This many overlaps.
pub(crate) fn page(overlaps: u32) -> OverlapPage {
    OverlapPage { items: (0..overlaps).map(overlap).collect(), ..OverlapPage::default() }
}

fn overlap(number: u32) -> Overlap {
    Overlap {
        id: id("ovl", number),
        partnership: id("pty", 1),
        partner: "Partner Inc".into(),
        domain: format!("example{number}.com"),
        evidence: "host-and-name".into(),
        confidence: "sure".into(),
        paired_at: Timestamp(1_764_000_000_000_000),
        our_account: id("acc", number),
        our_population: "customers".into(),
        our_name: format!("Example {number}"),
        our_website: String::new(),
        our_owner: String::new(),
        our_stage: String::new(),
        our_amount: String::new(),
        our_created_on: String::new(),
        their_account: id("acc", number + 1_000_000),
        their_population: "customers".into(),
        their_name: format!("Example {number} Ltd"),
        their_website: String::new(),
        their_owner: String::new(),
        their_stage: String::new(),
        their_amount: "58000".into(),
        their_created_on: String::new(),
        extra: BTreeMap::new(),
    }
}

#[async_trait]
impl Ports for Memory {
    fn authority_number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }

    async fn authority(&self) -> Result<Arc<Authority>, PortError> {
        Ok(self.authority_now())
    }

    async fn overlaps_find(
        &self,
        _: &Authority,
        _: &OverlapQuery,
    ) -> Result<OverlapAnswer, PortError> {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(self.page.clone())
    }

    async fn overlaps_lookup(
        &self,
        _: &Authority,
        _: &str,
        _: &OverlapFields,
    ) -> Result<OverlapAnswer, PortError> {
        Ok(self.page.clone())
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
        Ok(venn_domain::overlap::ChangePage::default().into())
    }

    async fn accounts_compare(
        &self,
        _: &Authority,
        rows: &[SourceRow],
    ) -> Result<Vec<AccountChange>, PortError> {
        Ok(vec![AccountChange::Added; rows.len()])
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
        _: Option<&PartnershipId>,
        _: &str,
    ) -> Result<Option<Vec<u8>>, PortError> {
        Ok(None)
    }

    async fn state_keys(
        &self,
        _: Option<&PartnershipId>,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<String>, PortError> {
        Ok(Vec::new())
    }

    async fn credential(&self, _: &str) -> Result<Secret, PortError> {
        Ok(Secret::new("canary-secret".to_owned()))
    }
}

/// A job with this payload.
pub(crate) fn job(prepared: &Prepared, memory: &Memory, payload: &str) -> Job {
    Job {
        prepared: prepared.clone(),
        info: RunInfo {
            run: id("run", 1),
            install: id("ins", 1),
            plugin: "test-plugin".into(),
            version: "1.0.0".into(),
            attempt: 1,
        },
        event: Event {
            id: id("evt", 1),
            kind: "overlaps-changed".into(),
            subject: String::new(),
            occurred_at: Timestamp(1_764_000_000_000_000),
            payload: payload.to_owned(),
            continuation: None,
        },
        config: "{}".to_owned(),
        authority: memory.authority_now(),
        limits: RunLimits::default(),
        idempotency: Idempotency { key: [1; 32], delivery: id("dlv", 1), step: 0 },
        started_at: Timestamp(1_764_000_000_000_000),
    }
}
