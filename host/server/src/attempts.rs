//! Attempts to log in: who has to wait, and for how long (`domain throttle`).
//!
//! Failures are counted per account and source, a source being an address, or a
//! browser in which that person has logged in before. So nobody's failures make
//! somebody else wait, who comes from elsewhere. One address may fail only so often,
//! whoever it tries; who has logged in from there before is not held to that. All the
//! browsers of one account together may fail no more often than that: many of them give
//! no more guesses than a few.
//!
//! Kept in memory: after a start nobody waits and everybody is a stranger.
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};
use venn_domain::{
    limits,
    throttle::{Failures, Pace, Spent},
    time::Timestamp,
};

use crate::password::Lane;

/// How fast one address may fail, and all the browsers of one account.
const FAILURES: Pace = Pace { times: limits::LOGIN_FAILURES, period_ms: limits::LOGIN_FAILURES_MS };
/// What is remembered at most; a few dozen bytes each.
const REMEMBERED: usize = 100_000;
/// How long it is remembered that somebody logged in from an address.
const KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Which account is tried, whether or not there is one; hashed, so that its length
/// costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account([u8; 32]);

impl Account {
    /// By what was typed.
    pub fn new(organization: &str, email: &str) -> Self {
        let hash = Sha256::new().chain_update(organization).chain_update(b"\0");
        Self(hash.chain_update(email.to_lowercase()).finalize().into())
    }
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Address(IpAddr),
    Device(String),
}

type Key = (Account, Place);

/// Sources that may fail only so often together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Together {
    /// Strangers from one address, whatever they try.
    Address(IpAddr),
    /// The devices of one account.
    Devices(Account),
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    failures: Failures,
    succeeded: Option<Timestamp>,
    touched: Timestamp,
}

impl Entry {
    fn is_known(&self, now: Timestamp) -> bool {
        self.succeeded.is_some_and(|at| now.ms_since(at) < KNOWN_MS)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        self.failures.is_forgotten(now) && !self.is_known(now)
    }
}

#[derive(Debug, Default)]
struct Remembered {
    entries: HashMap<Key, Entry>,
    together: HashMap<Together, Spent>,
}

/// What is remembered of attempts.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Remembered>);

/// An attempt that may be made. It counts as failed until it is said otherwise.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    key: Key,
    address: IpAddr,
    known: bool,
    together: Option<Together>,
    before: Failures,
    after: Failures,
}

impl Attempt {
    /// In whose places its password is hashed.
    pub const fn lane(&self) -> Lane {
        if self.known { Lane::Known } else { Lane::Strangers }
    }
}

impl Attempts {
    /// Begins an attempt, or says how many milliseconds to wait before it is made. A
    /// device is one that belongs to this very account.
    pub fn begin(
        &self,
        account: Account,
        address: IpAddr,
        device: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt, u64> {
        let from = device.map_or(Place::Address(address), |name| Place::Device(name.to_owned()));
        let key = (account, from);
        let mut all = self.lock();
        all.make_room(now);
        let entry = all.entries.get(&key).copied().unwrap_or_default();
        let known = device.is_some() || entry.is_known(now);
        let wait_ms = entry.failures.wait_ms(now);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        let together = match key.1 {
            Place::Device(_) => Some(Together::Devices(account)),
            Place::Address(_) if known => None,
            Place::Address(_) => Some(Together::Address(address)),
        };
        if let Some(together) = together {
            all.together.entry(together).or_default().spend(FAILURES, now)?;
        }
        let failed = all.entries.entry(key.clone()).or_default();
        let before = failed.failures;
        failed.failures.add(now);
        failed.touched = now;
        let after = failed.failures;
        Ok(Attempt { key, address, known, together, before, after })
    }

    /// The password was right: nothing of it counts, and the source is known.
    pub fn succeeded(&self, attempt: Attempt, now: Timestamp) {
        let mut all = self.lock();
        let (account, _) = attempt.key;
        all.give_back(&attempt);
        let entry = Entry { succeeded: Some(now), touched: now, failures: Failures::default() };
        // The address counts as well as the device: not every client keeps a cookie.
        let address = all.entries.entry((account, Place::Address(attempt.address))).or_default();
        address.succeeded = Some(now);
        address.touched = now;
        all.entries.insert(attempt.key, entry);
    }

    /// The attempt was not made after all.
    pub fn take_back(&self, attempt: &Attempt) {
        let mut all = self.lock();
        all.give_back(attempt);
        if let Some(entry) = all.entries.get_mut(&attempt.key) {
            entry.failures.take_back(attempt.before, attempt.after);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn give_back(&mut self, attempt: &Attempt) {
        if let Some(together) = attempt.together
            && let Some(spent) = self.together.get_mut(&together)
        {
            spent.give_back(FAILURES);
        }
    }

    /// Keeps what is remembered bounded. What goes first is what is over; then what
    /// was not touched for longest, and those who are known last.
    fn make_room(&mut self, now: Timestamp) {
        if self.together.len() >= REMEMBERED {
            self.together.retain(|_, spent| !spent.is_forgotten(now));
        }
        if self.together.len() >= REMEMBERED {
            // A hundred thousand addresses at once: each is slowed down per account.
            self.together.clear();
        }
        if self.entries.len() < REMEMBERED {
            return;
        }
        self.entries.retain(|_, entry| !entry.is_forgotten(now));
        if self.entries.len() < REMEMBERED {
            return;
        }
        let mut order: Vec<_> =
            self.entries.values().map(|entry| (entry.is_known(now), entry.touched)).collect();
        let middle = order.len() / 2;
        let (_, cut, _) = order.select_nth_unstable(middle);
        let cut = *cut;
        self.entries.retain(|_, entry| (entry.is_known(now), entry.touched) > cut);
    }
}

#[cfg(test)]
mod tests;
