//! What a run is asked to do, and what it may use.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use venn_domain::{
    authority::Authority,
    event::Event,
    id::{DeliveryId, InstallId, RunId},
    limits,
    manifest::LimitRequest,
    run::Outcome,
    time::Timestamp,
};

use crate::sandbox::Prepared;

/// One delivery to one install: the guest's `handle` is called.
#[derive(Clone)]
pub struct Job {
    /// The release's loaded component.
    pub prepared: Prepared,
    /// What the guest and the tape learn of the run.
    pub info: RunInfo,
    /// What happened.
    pub event: Event,
    /// The install's configuration, JSON text.
    pub config: String,
    /// The authority, read before the guest starts.
    pub authority: Arc<Authority>,
    /// What it may use.
    pub limits: RunLimits,
    /// Where its outbound calls get their idempotency keys from.
    pub idempotency: Idempotency,
    /// When it was started, by the injected clock.
    pub started_at: Timestamp,
}

/// A look before an install is enabled: the guest's `check` is called.
#[derive(Clone)]
pub struct CheckJob {
    /// The release's loaded component.
    pub prepared: Prepared,
    /// What the guest and the tape learn of the run.
    pub info: RunInfo,
    /// The draft configuration, JSON text.
    pub config: String,
    /// Names of the connections that are in place.
    pub connections: Vec<String>,
    /// What the install would be allowed.
    pub authority: Arc<Authority>,
    /// When it was started, by the injected clock.
    pub started_at: Timestamp,
}

/// A move from an older release: the guest's `migrate` is called.
#[derive(Clone)]
pub struct MigrateJob {
    /// The newer release's loaded component.
    pub prepared: Prepared,
    /// What the guest and the tape learn of the run.
    pub info: RunInfo,
    /// The version that wrote the state.
    pub old_version: String,
    /// The install's configuration, JSON text.
    pub config: String,
    /// The authority.
    pub authority: Arc<Authority>,
    /// What it may use.
    pub limits: RunLimits,
    /// When it was started, by the injected clock.
    pub started_at: Timestamp,
}

/// What the guest learns by `host.info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run.
    pub run: RunId,
    /// The install.
    pub install: InstallId,
    /// The plugin's key.
    pub plugin: String,
    /// The release's version.
    pub version: String,
    /// 1 for the first attempt at the delivery.
    pub attempt: u32,
}

/// Key material and identity behind the idempotency keys of outbound calls.
#[derive(Clone)]
pub struct Idempotency {
    /// The host's key.
    pub key: [u8; 32],
    /// The delivery: the same for every attempt at it.
    pub delivery: DeliveryId,
    /// Which run of an `again` chain: tells calls without an operation apart.
    pub step: u32,
}

/// What one run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// CPU time, milliseconds.
    pub cpu_ms: u64,
    /// Wall time, milliseconds.
    pub wall_ms: u64,
    /// All linear memories together, bytes.
    pub memory_bytes: u64,
    /// All scratch files together, bytes.
    #[serde(default = "scratch_bytes")]
    pub scratch_bytes: u64,
    /// Scratch files and directories.
    #[serde(default = "scratch_files")]
    pub scratch_files: u64,
}

// Tapes from before there were any have neither.
const fn scratch_bytes() -> u64 {
    limits::SCRATCH_BYTES
}

const fn scratch_files() -> u64 {
    limits::SCRATCH_FILES
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            cpu_ms: limits::RUN_CPU_MS,
            wall_ms: limits::RUN_WALL_MS,
            memory_bytes: limits::RUN_MEMORY_BYTES,
            scratch_bytes: scratch_bytes(),
            scratch_files: scratch_files(),
        }
    }
}

impl RunLimits {
    /// What the manifest asks for, up to the published maxima.
    pub fn of(request: &LimitRequest) -> Self {
        let default = Self::default();
        Self {
            cpu_ms: request.cpu_ms.unwrap_or(default.cpu_ms).clamp(1, limits::RUN_CPU_MS_MAX),
            wall_ms: request.wall_ms.unwrap_or(default.wall_ms).clamp(1, limits::RUN_WALL_MS_MAX),
            scratch_bytes: request
                .scratch_bytes
                .unwrap_or(default.scratch_bytes)
                .min(limits::SCRATCH_BYTES_MAX),
            scratch_files: request
                .scratch_files
                .unwrap_or(default.scratch_files)
                .min(limits::SCRATCH_FILES_MAX),
            ..default
        }
    }

    /// What a check may use: a person waits for the answer.
    pub(crate) fn for_check() -> Self {
        Self { wall_ms: limits::CHECK_WALL_MS, ..Self::default() }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckOutcome {
    /// What the guest says; empty if it did not get that far.
    pub findings: Vec<Finding>,
    /// How it ended. It never has effects.
    pub outcome: Outcome,
}

/// One remark of a guest's `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `ok`, `warning` or `error`; an error keeps the install from being enabled.
    pub level: String,
    /// The configuration field or connection concerned.
    pub field: Option<String>,
    /// For people.
    pub message: String,
}
