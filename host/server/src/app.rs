//! What every handler and worker shares. Cheap to clone.
use std::{path::PathBuf, sync::Arc};

use tokio::sync::Notify;
use venn_sandbox::Sandbox;
use venn_store::Store;

/// The running application.
#[derive(Clone)]
pub struct App {
    /// The store.
    pub store: Store,
    /// The sandbox; the only way to run a guest.
    pub sandbox: Arc<Sandbox>,
    /// Where uploads wait until they are read.
    pub uploads: PathBuf,
    /// Wakes the workers.
    pub wake: Wake,
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
