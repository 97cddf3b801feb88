//! The sandbox: the only user of wasmtime.
//!
//! It compiles components (in a child), loads what it sealed itself, runs one
//! delivery at a time in a fresh store under every limit, answers host calls
//! through [`Ports`], guards every way out, and records the tape. It knows
//! nothing of the store, the server or HTTP APIs.
//!
//! - [`settings`], [`engine`], [`ticker`], [`error`]: how it is started
//! - [`gate`], [`compile`], [`artifact`]: from an upload to code that may run
//! - [`sandbox`], [`job`], [`run`]: one run, and what may be asked of it
//! - [`capability`]: what a guest can do, one file each (recipe at its head)
//! - [`egress`]: the one way out · [`ports`]: the rest of the host
//! - [`scratch`]: the files of one run
//! - [`tape`], [`replay`]: what a run saw, and running it again
//! - [`trace`]: what a trace tells of its calls
mod artifact;
mod bindings;
mod capability;
mod compile;
mod egress;
mod engine;
mod error;
pub mod gate;
mod job;
mod ports;
mod replay;
mod run;
mod sandbox;
mod scratch;
mod settings;
mod tape;
mod ticker;
mod trace;

pub use artifact::digest;
pub use capability::imports::{IMPORTS, Import, Verdict, document as imports_document};
pub use compile::{Gated, child_main};
pub use egress::own::{OwnAnswer, OwnCall, OwnFailed};
pub use engine::{Role, engine_config};
pub use error::{LoadError, SandboxError};
pub use job::{CheckJob, CheckOutcome, Finding, Idempotency, Job, MigrateJob, RunInfo, RunLimits};
pub use ports::{ChangeAnswer, OverlapAnswer, PortError, Ports, Secret};
pub use replay::{ReplayVerdict, Replayed};
pub use sandbox::{PoolUse, Prepared, Sandbox};
pub use scratch::sweep as sweep_scratch;
pub use settings::{EgressSettings, NameOverride, PoolSettings, Settings};
pub use tape::{Tape, TapeError, transcript};
