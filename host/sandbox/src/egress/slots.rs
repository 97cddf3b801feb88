//! How many calls may be out at once: per install, organization and plugin.
//! (Per run it is a semaphore of the run's own.) A call without a slot waits,
//! within its own time limit.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};
use venn_domain::{authority::Authority, limits};

use crate::engine::to_usize;

/// Unused entries are cleared away above this many.
const ENTRIES_KEPT: usize = 10_000;

/// One semaphore per install, organization and plugin that calls out.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<String, Arc<Semaphore>>>);

/// Those that the calls of one run need: its install's, organization's and plugin's.
pub(super) struct Scopes([Arc<Semaphore>; 3]);

impl Slots {
    pub(super) fn of(&self, authority: &Authority) -> Scopes {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() > ENTRIES_KEPT {
            map.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let scopes = [
            (authority.install().as_str(), limits::HTTP_AT_ONCE_INSTALL),
            (authority.organization().as_str(), limits::HTTP_AT_ONCE_ORGANIZATION),
            (authority.plugin().as_str(), limits::HTTP_AT_ONCE_PLUGIN),
        ];
        Scopes(scopes.map(|(id, limit)| {
            let new = || Arc::new(Semaphore::new(to_usize(limit)));
            Arc::clone(map.entry(id.to_owned()).or_insert_with(new))
        }))
    }
}

impl Scopes {
    /// Always in the same order, so that no two calls wait for each other.
    pub(super) async fn acquire(&self) -> [Option<SemaphorePermit<'_>>; 3] {
        let Self([install, organization, plugin]) = self;
        // A semaphore that is never closed always gives a permit.
        [
            install.acquire().await.ok(),
            organization.acquire().await.ok(),
            plugin.acquire().await.ok(),
        ]
    }
}
