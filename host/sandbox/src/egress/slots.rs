//! How many calls may be out at once: per install, organization and plugin.
//! (Per run it is a semaphore of the run's own.) A call without a slot waits,
//! within its own time limit.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use venn_domain::{authority::Authority, limits};

use crate::engine::to_usize;

/// Unused entries are cleared away above this many.
const ENTRIES_KEPT: usize = 10_000;

/// One semaphore per install, organization and plugin that calls out.
#[derive(Default)]
pub(super) struct Slots {
    map: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Slots {
    /// Always in the same order, so that no two calls wait for each other.
    pub(super) async fn acquire(&self, authority: &Authority) -> Vec<OwnedSemaphorePermit> {
        let scopes = [
            (authority.install().as_str(), limits::HTTP_AT_ONCE_INSTALL),
            (authority.organization().as_str(), limits::HTTP_AT_ONCE_ORGANIZATION),
            (authority.plugin().as_str(), limits::HTTP_AT_ONCE_PLUGIN),
        ];
        let mut permits = Vec::with_capacity(scopes.len());
        for (id, limit) in scopes {
            // A semaphore that is never closed always gives a permit.
            permits.extend(self.semaphore(id, limit).acquire_owned().await.ok());
        }
        permits
    }

    fn semaphore(&self, id: &str, limit: u64) -> Arc<Semaphore> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() > ENTRIES_KEPT {
            map.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let new = || Arc::new(Semaphore::new(to_usize(limit)));
        Arc::clone(map.entry(id.to_owned()).or_insert_with(new))
    }
}
