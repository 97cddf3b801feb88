//! What the sandbox is started with.
use std::{net::SocketAddr, path::PathBuf};

/// Everything that [`Sandbox::new`](crate::Sandbox::new) needs to know.
#[derive(Clone)]
pub struct Settings {
    /// The program that runs the compile child: the venn binary itself.
    pub compile_program: PathBuf,
    /// The hidden argument that makes it call [`child_main`](crate::child_main).
    pub compile_args: Vec<String>,
    /// The key under which artifacts are sealed. They are native code: who has
    /// the key can run anything.
    pub artifact_key: [u8; 32],
    /// Outbound calls.
    pub egress: EgressSettings,
    /// Where runs have their scratch files; made when the first run needs it.
    pub scratch: PathBuf,
    /// Room for runs at once.
    pub pool: PoolSettings,
}

/// What the operator says about outbound calls.
#[derive(Clone, Default)]
pub struct EgressSettings {
    /// Names that are dialled at a given address, whatever DNS says.
    pub overrides: Vec<NameOverride>,
    /// A certificate authority that is trusted for overridden hosts only.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Where this server itself listens: never dialled, by no override either.
    pub own: Vec<SocketAddr>,
}

/// One name that the operator points somewhere: the only way past the rule on
/// special-purpose addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameOverride {
    /// The canonical host, for example `sim.test`.
    pub host: String,
    /// Where to dial.
    pub address: SocketAddr,
}

/// How much room the pooling allocator reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Runs at once. Each may take [`MEMORIES_PER_RUN`] slots of 4 GiB address
    /// space, so 4,000 is about the ceiling of an x86-64 process.
    pub runs: u32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        // Two hundred runs of 64 MiB are 12.5 GiB if all are at their limit.
        Self { runs: 200 }
    }
}

/// Linear memories of one component: C, Go and JavaScript use one or two; the
/// preview1 adapter brings another.
pub(crate) const MEMORIES_PER_RUN: u32 = 4;
/// Tables of one component: one a core module that has any.
pub(crate) const TABLES_PER_RUN: u32 = 8;
/// Core instances of one component: Python's has most, with its shims.
pub(crate) const CORE_INSTANCES_PER_RUN: u32 = 32;
