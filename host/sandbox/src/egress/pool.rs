//! Open connections that wait for another call of the same kind.
//!
//! One is used again only by the same install of the same organization, for the
//! same connection and origin, and never with another credential than the one
//! that went over it. It waits for a few seconds at most, and is closed as soon
//! as anybody's authority changes: a revocation leaves nothing open behind it.
//! Where too many wait, the one that has waited longest gives way: who calls now
//! is not kept from its connections by those who have called.
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
    fn is_good(&mut self) -> bool {
        self.since.elapsed() < Duration::from_millis(limits::HTTP_IDLE_MS)
            && self.ports.authority_number() == self.number
            && !self.link.is_closed()
    }
}

#[derive(Default)]
struct Inner {
    /// Of each key, the one that waits longest first.
    waiting: HashMap<Key, Vec<Waiting>>,
    count: usize,
    is_swept: bool,
}

impl Inner {
    fn close_oldest(&mut self) {
        let since = |waiting: &Vec<Waiting>| waiting.first().map(|first| first.since);
        let oldest = self.waiting.iter().min_by_key(|(_, waiting)| since(waiting));
        let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.remove(0);
            self.count -= 1;
            if waiting.is_empty() {
                self.waiting.remove(&key);
            }
        }
    }
}

/// All connections that wait.
#[derive(Default)]
pub(super) struct Pool(Mutex<Inner>);

impl Pool {
    /// A connection for this call, the one that waited the shortest.
    pub(super) fn take(&self, key: &Key) -> Option<Link> {
        let mut inner = self.lock();
        let waiting = inner.waiting.get_mut(key)?;
        let before = waiting.len();
        waiting.retain_mut(Waiting::is_good);
        let taken = waiting.pop();
        let (after, is_empty) = (waiting.len(), waiting.is_empty());
        inner.count -= before - after;
        if is_empty {
            inner.waiting.remove(key);
        }
        taken.map(|waiting| waiting.link)
    }

    /// Keeps a connection for another call.
    pub(super) fn keep(
        self: &Arc<Self>,
        key: Key,
        link: Link,
        number: u64,
        ports: &Arc<dyn Ports>,
    ) {
        let waiting = Waiting { link, since: Instant::now(), number, ports: Arc::clone(ports) };
        let mut inner = self.lock();
        let of_key = inner.waiting.get(&key).map_or(0, Vec::len);
        if of_key >= to_usize(limits::HTTP_AT_ONCE_INSTALL) {
            return;
        }
        if inner.count >= to_usize(limits::HTTP_IDLE) {
            inner.close_oldest();
        }
        inner.waiting.entry(key).or_default().push(waiting);
        inner.count += 1;
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
            waiting.retain_mut(Waiting::is_good);
            !waiting.is_empty()
        });
        inner.count = inner.waiting.values().map(Vec::len).sum();
        if inner.waiting.is_empty() {
            inner.is_swept = false;
            return;
        }
    }
}
