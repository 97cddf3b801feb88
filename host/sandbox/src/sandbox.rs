//! The sandbox: one engine, one linker, and the ways in.
use std::{path::Path, sync::Arc};

use venn_domain::{run::Outcome, time::Clock};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};

use crate::{
    artifact::{self, Sealer},
    bindings::PluginPre,
    capability::{self, Live},
    egress::{
        Network,
        own::{self, OwnAnswer, OwnCall, OwnFailed},
    },
    engine::{Role, engine},
    error::{LoadError, SandboxError, text},
    job::{CheckJob, CheckOutcome, Job, MigrateJob, RunLimits},
    ports::Ports,
    run::{
        self,
        core::{Core, Facts, Mode, OwnFiles, Side},
        state::RunState,
    },
    settings::Settings,
    tape::{Call, Header, Tape},
    ticker,
};

/// The only user of the engine. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<RunState>,
    pub(crate) sealer: Sealer,
    pub(crate) settings: Settings,
    /// One compilation at a time.
    pub(crate) compiling: tokio::sync::Mutex<()>,
    /// Tests compile here, without a child.
    pub(crate) in_process: bool,
    network: Arc<Network>,
    scratch: Arc<Path>,
}

/// A loaded component, ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Prepared(Arc<PreparedInner>);

struct PreparedInner {
    pre: PluginPre<RunState>,
    digest: String,
}

/// How much of the room for runs is taken just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Component instances that stand: runs, checks and replays.
    pub instances: u64,
    /// Room for so many.
    pub most: u64,
}

impl Prepared {
    pub(crate) fn engine(&self) -> &Engine {
        self.0.pre.engine()
    }

    pub(crate) fn pre(&self) -> &PluginPre<RunState> {
        &self.0.pre
    }

    /// SHA-256 of the component, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What its native code and data take in memory, in bytes.
    pub fn bytes(&self) -> u64 {
        let image = self.0.pre.instance_pre().component().image_range();
        (image.end.addr() - image.start.addr()) as u64
    }
}

impl Sandbox {
    /// Starts the engine; what cannot be had fails here, not at the first run.
    pub fn new(settings: Settings) -> Result<Self, SandboxError> {
        let role = Role::Serve(settings.pool);
        Self::with_role(settings, role)
    }

    /// A sandbox for tests of many hostile guests: they compile in-process and
    /// fast, and its artifacts never serve.
    pub fn for_tests(settings: Settings) -> Result<Self, SandboxError> {
        Self::with_role(settings, Role::Test)
    }

    fn with_role(settings: Settings, role: Role) -> Result<Self, SandboxError> {
        let engine = engine(role)?;
        let mut linker = Linker::new(&engine);
        capability::link(&mut linker).map_err(|error| SandboxError::Engine(text(&error)))?;
        ticker::start(&engine)?;
        let sealer = Sealer::new(settings.artifact_key, &engine);
        let network = Arc::new(Network::new(&settings.egress)?);
        let compiling = tokio::sync::Mutex::new(());
        let in_process = role == Role::Test;
        let scratch = Arc::from(settings.scratch.as_path());
        let inner =
            Inner { engine, linker, sealer, settings, compiling, in_process, network, scratch };
        Ok(Self(Arc::new(inner)))
    }

    /// What artifacts of this host depend on besides the component: engine,
    /// settings and processor. Another value means: compile again.
    pub fn artifact_target(&self) -> String {
        self.0.sealer.target()
    }

    /// How full the pool is; none where there is no pool, as in tests.
    pub fn pool_use(&self) -> Option<PoolUse> {
        let instances = self.0.engine.pooling_allocator_metrics()?.component_instances();
        Some(PoolUse { instances, most: u64::from(self.0.settings.pool.runs) })
    }

    /// GETs an `https` URL for the host itself, past the same guard as a plugin's
    /// calls, without any credential: status and body, or why there is no answer.
    pub async fn get(&self, url: &str) -> Result<(u16, Vec<u8>), String> {
        self.0.network.get(url).await
    }

    /// Loads a sealed artifact of the component with this digest.
    pub fn load(&self, digest: &str, sealed: &[u8]) -> Result<Prepared, LoadError> {
        let artifact = self.0.sealer.open(digest, sealed)?;
        let component = artifact::load(&self.0.engine, artifact)?;
        self.prepare(digest, &component)
    }

    /// Compiles in this process, without any of the child's limits: for
    /// components that the caller built itself (tests, benchmarks).
    pub fn compile_here(&self, bytes: &[u8]) -> Result<Prepared, LoadError> {
        let component = Component::from_binary(&self.0.engine, bytes)
            .map_err(|error| LoadError::Engine(text(&error)))?;
        self.prepare(&artifact::digest(bytes), &component)
    }

    fn prepare(&self, digest: &str, component: &Component) -> Result<Prepared, LoadError> {
        let contract = |error: wasmtime::Error| LoadError::Contract(text(&error));
        let pre = self.0.linker.instantiate_pre(component).map_err(contract)?;
        let pre = PluginPre::new(pre).map_err(contract)?;
        Ok(Prepared(Arc::new(PreparedInner { pre, digest: digest.to_owned() })))
    }

    pub(crate) fn own_files(&self, limits: &RunLimits) -> OwnFiles {
        OwnFiles::new(Arc::clone(&self.0.scratch), limits)
    }

    /// Runs a delivery. Never an error: how it went is the outcome's ending.
    pub async fn run(
        &self,
        job: Job,
        ports: Arc<dyn Ports>,
        clock: Arc<dyn Clock>,
    ) -> (Outcome, Tape) {
        let Job { prepared, info, event, config, authority, limits, idempotency, started_at } = job;
        let number = authority.number();
        let live = Live { ports, authority, network: Arc::clone(&self.0.network) };
        let facts = Facts::new(info, config, clock, started_at, Some(idempotency));
        let call = Call::Handle(event);
        let core = Core::new(facts, Mode::Handle, Side::Live(live), self.own_files(&limits));
        finish(&prepared, core, limits, call, number).await.0
    }

    /// Asks a guest whether a draft would work. It has no effects.
    pub async fn check(
        &self,
        job: CheckJob,
        ports: Arc<dyn Ports>,
        clock: Arc<dyn Clock>,
    ) -> CheckOutcome {
        let CheckJob { prepared, info, config, connections, authority, started_at } = job;
        let number = authority.number();
        let live = Live { ports, authority, network: Arc::clone(&self.0.network) };
        let facts = Facts::new(info, config.clone(), clock, started_at, None);
        let limits = RunLimits::for_check();
        let core = Core::new(facts, Mode::Check, Side::Live(live), self.own_files(&limits));
        let call = Call::Check { config, connections };
        let ((outcome, _), findings) = finish(&prepared, core, limits, call, number).await;
        CheckOutcome { findings, outcome }
    }

    /// Makes a call of the host's own, for a token, through the one way out.
    pub async fn call_out(
        &self,
        call: OwnCall,
        ports: Arc<dyn Ports>,
        clock: Arc<dyn Clock>,
    ) -> Result<OwnAnswer, OwnFailed> {
        own::call(Arc::clone(&self.0.network), call, ports, clock).await
    }

    /// Lets a newer release move the state that an older one wrote.
    pub async fn migrate(
        &self,
        job: MigrateJob,
        ports: Arc<dyn Ports>,
        clock: Arc<dyn Clock>,
    ) -> (Outcome, Tape) {
        let MigrateJob { prepared, info, old_version, config, authority, limits, started_at } = job;
        let number = authority.number();
        let live = Live { ports, authority, network: Arc::clone(&self.0.network) };
        let facts = Facts::new(info, config, clock, started_at, None);
        let core = Core::new(facts, Mode::Migrate, Side::Live(live), self.own_files(&limits));
        finish(&prepared, core, limits, Call::Migrate { old_version }, number).await.0
    }
}

/// Runs, and makes the tape.
async fn finish(
    prepared: &Prepared,
    core: Core,
    limits: RunLimits,
    call: Call,
    authority: u64,
) -> ((Outcome, Tape), Vec<crate::job::Finding>) {
    let facts = Arc::clone(&core.facts);
    let executed = run::execute(prepared, core, limits, &call).await;
    let header = Header {
        format: Header::format(),
        info: facts.info.clone(),
        digest: prepared.digest().to_owned(),
        call,
        config: Arc::clone(&facts.config),
        limits,
        authority,
        started_at: facts.started_at,
        ending: executed.outcome.ending.clone(),
        effects: executed.outcome.effects.clone(),
        usage: executed.outcome.usage,
        log: executed.outcome.log.clone(),
        log_dropped: executed.outcome.log_dropped,
    };
    let tape = Tape { header, entries: Arc::new(executed.entries) };
    ((executed.outcome, tape), executed.findings)
}
