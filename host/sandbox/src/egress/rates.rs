//! How much may go out in a time: calls, bytes each way and failed dials, per
//! install, organization and plugin.
//!
//! One bucket each, filled evenly over its time by the run's clock, and kept in
//! memory: a restart fills them. A call is refused before it is dialled, and
//! the refusal names the limit and when there is room again. What an answer has
//! is known only afterwards, so a bucket may end below nothing, which the next
//! call waits out.
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use venn_domain::{authority::Authority, limits, time::Timestamp};

use crate::capability::Declined;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Scopes that have not called for a day are cleared away above this many.
const ENTRIES_KEPT: usize = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Calls,
    Sent,
    Received,
    FailedDials,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Calls, Self::Sent, Self::Received, Self::FailedDials];
}

/// One published rate.
struct Rate {
    name: &'static str,
    most: u64,
    per_ms: i64,
    what: &'static str,
    whose: &'static str,
}

/// One scope's name in texts, and its four limits with their names.
struct Scope {
    whose: &'static str,
    calls: (&'static str, u64),
    sent: (&'static str, u64),
    received: (&'static str, u64),
    failed: (&'static str, u64),
}

/// In the order of [`ids`].
const SCOPES: [Scope; 3] = [
    Scope {
        whose: "one install",
        calls: ("http.calls.install", limits::HTTP_CALLS_INSTALL),
        sent: ("http.sent.install", limits::HTTP_SENT_INSTALL),
        received: ("http.received.install", limits::HTTP_RECEIVED_INSTALL),
        failed: ("http.failed-dials.install", limits::HTTP_FAILED_DIALS_INSTALL),
    },
    Scope {
        whose: "one organization",
        calls: ("http.calls.organization", limits::HTTP_CALLS_ORGANIZATION),
        sent: ("http.sent.organization", limits::HTTP_SENT_ORGANIZATION),
        received: ("http.received.organization", limits::HTTP_RECEIVED_ORGANIZATION),
        failed: ("http.failed-dials.organization", limits::HTTP_FAILED_DIALS_ORGANIZATION),
    },
    Scope {
        whose: "one plugin",
        calls: ("http.calls.plugin", limits::HTTP_CALLS_PLUGIN),
        sent: ("http.sent.plugin", limits::HTTP_SENT_PLUGIN),
        received: ("http.received.plugin", limits::HTTP_RECEIVED_PLUGIN),
        failed: ("http.failed-dials.plugin", limits::HTTP_FAILED_DIALS_PLUGIN),
    },
];

fn ids(authority: &Authority) -> [&str; 3] {
    [authority.install().as_str(), authority.organization().as_str(), authority.plugin().as_str()]
}

impl Scope {
    const fn rate(&self, measure: Measure) -> Rate {
        let (named, per_ms, what) = match measure {
            Measure::Calls => (self.calls, MINUTE_MS, "calls a minute"),
            Measure::Sent => (self.sent, DAY_MS, "bytes sent a day"),
            Measure::Received => (self.received, DAY_MS, "bytes received a day"),
            Measure::FailedDials => (self.failed, MINUTE_MS, "failed connections a minute"),
        };
        Rate { name: named.0, most: named.1, per_ms, what, whose: self.whose }
    }
}

/// What is left, in units times the milliseconds of the rate's time: whole
/// numbers, so that nothing is lost however often one looks.
struct Bucket {
    left: i128,
    at: Timestamp,
}

impl Bucket {
    fn fill(&mut self, rate: &Rate, now: Timestamp) {
        let passed = i128::from(now.ms_since(self.at).max(0));
        if passed > 0 {
            self.left = rate.full().min(self.left + passed * i128::from(rate.most));
            self.at = now;
        }
    }
}

impl Rate {
    fn full(&self) -> i128 {
        self.weight(self.most)
    }

    fn weight(&self, amount: u64) -> i128 {
        i128::from(amount) * i128::from(self.per_ms)
    }

    /// The refusal, with the time after which there is room.
    fn refusal(&self, missing: i128) -> Declined {
        let ms = missing / i128::from(self.most.max(1));
        let seconds = ms / 1_000 + 1;
        let Self { name, most, what, whose, .. } = self;
        Declined::limit(format!(
            "{name}: at most {most} {what} for {whose}; there is room again in {seconds} s: \
             end the run with `retry after`, or do less"
        ))
    }
}

/// All buckets.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<String, Buckets>>);

/// Those of one scope.
struct Buckets([Bucket; 4]);

impl Buckets {
    fn new(scope: &Scope, now: Timestamp) -> Self {
        Self(Measure::ALL.map(|measure| Bucket { left: scope.rate(measure).full(), at: now }))
    }

    /// What is left there, filled up to now.
    fn left(&mut self, rate: &Rate, measure: Measure, now: Timestamp) -> &mut i128 {
        let [calls, sent, received, failed] = &mut self.0;
        let bucket = match measure {
            Measure::Calls => calls,
            Measure::Sent => sent,
            Measure::Received => received,
            Measure::FailedDials => failed,
        };
        bucket.fill(rate, now);
        &mut bucket.left
    }
}

impl Rates {
    /// Takes one call that sends about this much, or says which limit is
    /// reached; then nothing is taken.
    pub(super) fn take(
        &self,
        authority: &Authority,
        sends: u64,
        now: Timestamp,
    ) -> Result<(), Declined> {
        let mut map = self.lock(now);
        let wanted = [
            (Measure::Calls, 1),
            (Measure::Sent, sends),
            (Measure::Received, 1),
            (Measure::FailedDials, 1),
        ];
        for (scope, id) in SCOPES.iter().zip(ids(authority)) {
            with(&mut map, scope, id, now, |buckets| {
                for (measure, amount) in wanted {
                    let rate = scope.rate(measure);
                    // One larger than the bucket would never fit: it needs a full one.
                    let needs = rate.weight(amount).min(rate.full());
                    let left = *buckets.left(&rate, measure, now);
                    if left < needs {
                        return Err(rate.refusal(needs - left));
                    }
                }
                Ok(())
            })?;
        }
        count(&mut map, authority, &[(Measure::Calls, 1)], now);
        Ok(())
    }

    /// Counts what has happened.
    pub(super) fn count(
        &self,
        authority: &Authority,
        measure: Measure,
        amount: u64,
        now: Timestamp,
    ) {
        self.count_all(authority, &[(measure, amount)], now);
    }

    /// The same for several measures.
    pub(super) fn count_all(
        &self,
        authority: &Authority,
        amounts: &[(Measure, u64)],
        now: Timestamp,
    ) {
        count(&mut self.lock(now), authority, amounts, now);
    }

    fn lock(&self, now: Timestamp) -> MutexGuard<'_, HashMap<String, Buckets>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() > ENTRIES_KEPT {
            map.retain(|_, Buckets(all)| all.iter().any(|one| now.ms_since(one.at) < DAY_MS));
        }
        map
    }
}

fn count(
    map: &mut HashMap<String, Buckets>,
    authority: &Authority,
    amounts: &[(Measure, u64)],
    now: Timestamp,
) {
    for (scope, id) in SCOPES.iter().zip(ids(authority)) {
        with(map, scope, id, now, |buckets| {
            for &(measure, amount) in amounts {
                let rate = scope.rate(measure);
                *buckets.left(&rate, measure, now) -= rate.weight(amount);
            }
        });
    }
}

/// Works on the buckets of one scope; new ones are full.
fn with<R>(
    map: &mut HashMap<String, Buckets>,
    scope: &Scope,
    id: &str,
    now: Timestamp,
    work: impl FnOnce(&mut Buckets) -> R,
) -> R {
    match map.get_mut(id) {
        Some(buckets) => work(buckets),
        None => work(map.entry(id.to_owned()).or_insert_with(|| Buckets::new(scope, now))),
    }
}

#[cfg(test)]
#[path = "tests/rates.rs"]
mod tests;
