//! What every handler and worker shares. Cheap to clone.
use std::{path::PathBuf, sync::Arc};

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use venn_domain::time::Clock;
use venn_sandbox::Sandbox;
use venn_store::{Store, StoreError};

use crate::{
    accesses::Accesses, answers::Answers, attempts, call::Usage, checking::Checking, dependencies,
    hooks::Heard, keys::Keys, password::Hashing, rate::Rate, releases::Loaded,
    telemetry::metrics::Metrics, turns::Turns,
};

/// Checks, replays and transcripts of one organization at once: with the deliveries' own bound
/// there is room in the pool for those of many others.
pub const ASKED_AT_ONCE: usize = 8;

/// The running application.
#[derive(Clone)]
pub struct App {
    /// The store.
    pub store: Store,
    /// The sandbox; the only way to run a guest.
    pub sandbox: Arc<Sandbox>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Keys for sealing, cursors and idempotency.
    pub keys: Arc<Keys>,
    /// The instruments.
    pub metrics: Arc<Metrics>,
    /// Where uploads wait until they are read.
    pub uploads: PathBuf,
    /// The operator's copy of the advisory database, if there is one.
    pub advisories: PathBuf,
    /// Wakes the workers.
    pub wake: Wake,
    /// Sources of attempts to log in that are new.
    pub new_sources: attempts::New,
    /// How fast tokens call.
    pub rate: Arc<Rate>,
    /// What is heard at webhooks.
    pub heard: Arc<Heard>,
    /// Who waits for what a run answers.
    pub answers: Arc<Answers>,
    /// Where passwords are hashed.
    pub hashing: Arc<Hashing>,
    /// Where schemas are compiled and configurations checked against them.
    pub checking: Arc<Checking>,
    /// Proxies whose `x-forwarded-for` counts.
    pub proxies: Arc<[IpNet]>,
    /// Reads that are not in the audit yet.
    pub accesses: Accesses,
    /// Loaded components.
    pub loaded: Loaded,
    /// What components say that they were built from.
    pub dependencies: dependencies::Read,
    /// What calls were made, until it is written.
    pub usage: Arc<Usage>,
    /// Uploads of releases: one at a time.
    pub uploading: Arc<Turns>,
    /// Checks, replays and transcripts: each holds an instance or a tape while its
    /// caller waits.
    pub asking: Arc<Turns>,
    /// Tokens that are being renewed: each to its end, whatever becomes of who asked.
    pub renewals: TaskTracker,
    /// Where people and services reach this server, without a `/` at the end.
    pub public_url: Option<Arc<str>>,
}

impl App {
    /// Writes the counts of API calls; what cannot be written now is counted again.
    pub async fn write_usage(&self) -> Result<(), StoreError> {
        let counts = self.usage.take();
        if counts.is_empty() {
            return Ok(());
        }
        let written = self.store.add_usage(counts.clone()).await;
        if written.is_err() {
            self.usage.put_back(counts);
        }
        written
    }
}

/// One bell per worker: rung by whoever leaves work for it. The work itself is
/// in the store, so a missed bell loses nothing: workers look at start too.
#[derive(Clone, Default)]
pub struct Wake {
    /// A file was uploaded, or an import confirmed.
    pub imports: Arc<Notify>,
    /// Domains wait to be paired.
    pub pairing: Arc<Notify>,
    /// Deliveries are ready.
    pub deliveries: Arc<Notify>,
}
