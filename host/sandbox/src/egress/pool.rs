//! Open connections that wait for another call of the same kind.
//!
//! One is used again only by the same install of the same organization, for the
//! same connection and origin, and never with another credential than the one
//! that went over it. It waits for a few seconds at most, and is closed as soon
//! as anybody's authority changes: a revocation leaves nothing open behind it.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;
use venn_domain::{authority::Authority, limits};

use super::{Passage, wire::Link};
use crate::{engine::to_usize, ports::Ports};

/// How often waiting connections are looked at; a revoked one is closed within
/// a second.
const SWEEP_MS: u64 = 250;

/// For which calls a connection may be used again.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    organization: String,
    install: String,
    connection: Option<String>,
    origin: String,
}

impl Key {
    pub(super) fn of(authority: &Authority, passage: &Passage<'_>) -> Self {
        Self {
            organization: authority.organization().to_string(),
            install: authority.install().to_string(),
            connection: passage.connection.as_ref().map(|connection| connection.name.clone()),
            origin: passage.target.origin(),
        }
    }
}

/// One connection that waits.
struct Waiting {
    link: Link,
    since: Instant,
    /// The newest authority when it was put here.
    number: u64,
    ports: Arc<dyn Ports>,
}

impl Waiting {
    fn is_good(&self) -> bool {
        self.since.elapsed() < Duration::from_millis(limits::HTTP_IDLE_MS)
            && self.ports.authority_number() == self.number
            && !self.link.is_closed()
    }
}

#[derive(Default)]
struct Inner {
    waiting: HashMap<Key, Vec<Waiting>>,
    is_swept: bool,
}

/// All connections that wait.
#[derive(Default)]
pub(super) struct Pool(Mutex<Inner>);

impl Pool {
    /// A connection for this call, the one that waited the shortest.
    pub(super) fn take(&self, key: &Key) -> Option<Link> {
        let mut inner = self.lock();
        let waiting = inner.waiting.get_mut(key)?;
        waiting.retain(Waiting::is_good);
        let taken = waiting.pop();
        if waiting.is_empty() {
            inner.waiting.remove(key);
        }
        taken.map(|waiting| waiting.link)
    }

    /// Keeps a connection for another call, if there is room.
    pub(super) fn keep(
        self: &Arc<Self>,
        key: Key,
        link: Link,
        number: u64,
        ports: &Arc<dyn Ports>,
    ) {
        let waiting = Waiting { link, since: Instant::now(), number, ports: Arc::clone(ports) };
        let mut inner = self.lock();
        let all: usize = inner.waiting.values().map(Vec::len).sum();
        let of_key = inner.waiting.get(&key).map_or(0, Vec::len);
        if all >= to_usize(limits::HTTP_IDLE) || of_key >= to_usize(limits::HTTP_AT_ONCE_INSTALL) {
            return;
        }
        inner.waiting.entry(key).or_default().push(waiting);
        if !inner.is_swept {
            inner.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.values().map(Vec::len).sum()
    }

    /// As if so much time had passed.
    #[cfg(test)]
    pub(super) fn grow_older(&self, by: Duration) {
        for waiting in self.lock().waiting.values_mut().flatten() {
            waiting.since = waiting.since.checked_sub(by).unwrap_or(waiting.since);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what has waited long enough, until nothing waits.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(Duration::from_millis(SWEEP_MS)).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut inner = pool.lock();
        inner.waiting.retain(|_, waiting| {
            waiting.retain(Waiting::is_good);
            !waiting.is_empty()
        });
        if inner.waiting.is_empty() {
            inner.is_swept = false;
            return;
        }
    }
}
