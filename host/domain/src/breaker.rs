//! Breakers: after failures in a row work rests, and one probe at a time finds out by
//! itself when it goes well again. Nothing that waits meanwhile uses up an attempt.
//!
//! A breaker is closed (everything runs), open (nothing runs before a moment), or
//! half-open (that moment has come: one probe). There is one for each install with its
//! release, and one for each destination that installs of one organization call. What
//! counts against whom is [`sign`] and [`destinations`]: what a customer has to mend
//! never counts against a destination.
//!
//! Pure: the caller brings the time and the randomness, and keeps the values.
use std::collections::BTreeSet;

use crate::{
    limits,
    retry::spread,
    run::{CallResult, CallSummary, Outcome},
    time::Timestamp,
    verdict::{
        Class, Kind, Verdict,
        signal::{Signal, http_host, signals},
    },
};

/// Fewer installs than this are no sign that their destination has trouble: each has a
/// breaker of its own.
const INSTALLS_MIN: u64 = 2;

/// What a run tells of what a breaker guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It goes well.
    Worked,
    /// The next run would meet the same.
    Failed {
        /// Seconds that a third party asked to wait.
        asked_s: Option<u32>,
    },
    /// Neither: it was about one event only, or did not come that far.
    Nothing,
}

/// Whether work may run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// All of it.
    Run,
    /// This one, to find out; nothing else beside it.
    Probe,
    /// Not before this moment.
    Wait(Timestamp),
}

/// Failures in a row, and what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Since the last success.
    pub failures: u64,
    /// None while it is closed.
    pub open: Option<Open>,
}

/// Work rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// Probes that failed since then.
    pub probes: u32,
    /// When a probe may run next.
    pub next_at: Timestamp,
    /// A probe is under way; it is given up after this moment, as its lease is.
    pub probe_until: Option<Timestamp>,
}

impl Open {
    /// From when on another probe may run.
    pub fn free_at(&self) -> Timestamp {
        let given_up = self.probe_until.map_or(self.next_at, |until| Timestamp(until.0 + 1));
        given_up.max(self.next_at)
    }
}

impl Breaker {
    /// Whether work may run now.
    pub fn turn(&self, now: Timestamp) -> Turn {
        let Some(open) = self.open else { return Turn::Run };
        let free_at = open.free_at();
        if now < free_at { Turn::Wait(free_at) } else { Turn::Probe }
    }

    /// The same for work that begins if it may: a probe is under way until `until`.
    pub fn begin(&mut self, now: Timestamp, until: Timestamp) -> Turn {
        let turn = self.turn(now);
        if let (Turn::Probe, Some(open)) = (turn, &mut self.open) {
            open.probe_until = Some(until);
        }
        turn
    }

    /// A run has ended. A failure that was no probe changes nothing while it is open:
    /// it began before, or without being asked. The jitter is random, 0 to 1000.
    pub fn after(&mut self, sign: Sign, is_probe: bool, now: Timestamp, jitter_permille: u16) {
        match (sign, &mut self.open) {
            (Sign::Worked, _) => *self = Self::default(),
            (Sign::Failed { asked_s }, Some(open)) if is_probe => {
                self.failures = self.failures.saturating_add(1);
                open.probes = open.probes.saturating_add(1);
                open.next_at = pause(open.probes, asked_s, now, jitter_permille);
                open.probe_until = None;
            }
            (Sign::Nothing, Some(open)) if is_probe => {
                open.next_at = now;
                open.probe_until = None;
            }
            (Sign::Failed { .. }, None) => self.failures = self.failures.saturating_add(1),
            (Sign::Failed { .. } | Sign::Nothing, _) => {}
        }
    }

    /// Whether so many failures open an install's breaker.
    pub const fn trips(&self) -> bool {
        self.open.is_none() && self.failures >= limits::BREAKER_FAILURES
    }

    /// Opens it.
    pub fn trip(&mut self, asked_s: Option<u32>, now: Timestamp, jitter_permille: u16) {
        let next_at = pause(0, asked_s, now, jitter_permille);
        self.open = Some(Open { since: now, probes: 0, next_at, probe_until: None });
    }

    /// Somebody acted, or does not want to wait: it is half-open at once. A probe that
    /// is under way stays the only one.
    pub fn try_now(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.next_at = open.next_at.min(now);
        }
    }
}

/// Whether a destination's breaker opens: several installs stand failed there, with so
/// many failures in a row among them.
pub const fn trips_destination(installs: u64, failures: u64) -> bool {
    installs >= INSTALLS_MIN && failures >= limits::BREAKER_FAILURES
}

/// Until the next probe: doubled with each that failed, and as long as a third party
/// asks, both up to our own longest one.
fn pause(probes: u32, asked_s: Option<u32>, now: Timestamp, jitter_permille: u16) -> Timestamp {
    let doubled = limits::BREAKER_PAUSE_MS.saturating_mul(1 << probes.min(16));
    let asked = u64::from(asked_s.unwrap_or(0)) * 1_000;
    let pause_ms = doubled.max(asked).min(limits::BREAKER_PAUSE_MS_MAX);
    spread(now, pause_ms.cast_signed(), jitter_permille)
}

/// What a run's verdict tells of its install; none if it ended well. What another
/// attempt would not meet again, or would be denied inside of the host, is about that
/// event alone.
pub fn sign(verdict: Option<&Verdict>) -> Sign {
    match verdict {
        None => Sign::Worked,
        Some(verdict) if verdict.retryable || verdict.class == Class::CustomerConfig => {
            Sign::Failed { asked_s: verdict.retry_after_s }
        }
        Some(_) => Sign::Nothing,
    }
}

/// Why an install rests: the host's own words, nothing of the plugin's.
pub fn because(verdict: &Verdict) -> String {
    let why = match (verdict.class, &verdict.field) {
        (Class::ThirdParty, _) => "a service that it calls has trouble",
        (Class::Plugin, _) => "its code fails",
        (Class::CustomerConfig, Some(field)) => {
            return format!(
                "`{field}` has to be corrected in its connections or its configuration"
            );
        }
        (Class::CustomerConfig | Class::GrantMissing, _) => {
            "its connections or its configuration have to be corrected"
        }
        (Class::Platform, _) => "the platform has trouble",
        (Class::Unknown, _) => "it fails, and it is not known why",
    };
    why.to_owned()
}

/// Hosts that a run called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    /// The one whose own trouble made it fail.
    pub failed: Option<String>,
    /// Those that answered, whatever they said.
    pub answered: BTreeSet<String>,
}

/// What a run tells of the hosts that it called. Only a third party's own passing
/// trouble counts against a host: not what a credential or a quota is refused.
pub fn destinations(outcome: &Outcome, verdict: Option<&Verdict>) -> Destinations {
    let host = |call: &CallSummary| http_host(call).map(str::to_owned);
    let in_trouble =
        |verdict: &Verdict| verdict.class == Class::ThirdParty && verdict.kind == Kind::Transient;
    // As the verdict found it: the newest one that the guest did not get over.
    let failed = verdict.filter(|verdict| in_trouble(verdict)).and_then(|_| {
        signals(outcome).iter().find_map(|signal| match signal {
            Signal::Failed(call) => host(call),
            _ => None,
        })
    });
    let good = outcome.calls.iter().filter(|call| is_answer(&call.result)).filter_map(host);
    let answered = good.filter(|host| Some(host) != failed.as_ref()).collect();
    Destinations { failed, answered }
}

const fn is_answer(result: &CallResult) -> bool {
    matches!(result, CallResult::Status { status, .. } if *status < 500)
}

#[cfg(test)]
mod tests;
