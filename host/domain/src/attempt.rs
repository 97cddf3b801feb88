//! Attempts to log in, of one source at one account: who waits, who is counted with whom,
//! and who is known.
//!
//! Pure: the caller keeps what is counted, and brings the time.
use crate::{
    limits,
    throttle::{Failures, Pace},
    time::Timestamp,
};

/// How often all strangers from one address may fail, and all the browsers of one account.
pub const TOGETHER: Pace =
    Pace { times: limits::LOGIN_FAILURES, period_ms: limits::LOGIN_FAILURES_MS };

/// How long it is remembered that somebody logged in from a source.
const KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Who fails only so often together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Strangers from one address, whatever they try.
    Address,
    /// The browsers of one account.
    Browsers,
}

/// What one source has tried at one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tried {
    /// Its failures.
    pub failures: Failures,
    /// When it last ended well.
    pub succeeded: Option<Timestamp>,
}

impl Tried {
    /// Whether somebody has logged in from there before. A browser has its cookie from that.
    pub fn is_known(&self, is_browser: bool, now: Timestamp) -> bool {
        is_browser || self.succeeded.is_some_and(|at| now.ms_since(at) < KNOWN_MS)
    }

    /// With whom it is counted; nobody, if it is an address from which this very person has
    /// logged in.
    pub fn together(&self, is_browser: bool, now: Timestamp) -> Option<Together> {
        if is_browser {
            return Some(Together::Browsers);
        }
        (!self.is_known(false, now)).then_some(Together::Address)
    }

    /// Counts an attempt that begins: it has failed until it is said otherwise.
    #[must_use]
    pub fn begun(mut self, now: Timestamp) -> Self {
        self.failures.add(now);
        self
    }

    /// It ended well: nothing counts, and the source is known.
    pub fn ended_well(now: Timestamp) -> Self {
        Self { failures: Failures::default(), succeeded: Some(now) }
    }

    /// Since when it must have failed, and succeeded, to be remembered.
    pub fn forgotten(now: Timestamp) -> (Timestamp, Timestamp) {
        (Failures::forgotten(now), now.plus_ms(-KNOWN_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_764_000_000_000_000);

    #[test]
    fn an_address_is_known_for_a_month_and_a_browser_always() {
        let tried = Tried::ended_well(NOW);
        let month = NOW.plus_ms(KNOWN_MS);
        assert!(tried.is_known(false, month.plus_ms(-1)) && !tried.is_known(false, month));
        assert!(tried.is_known(true, month) && !Tried::default().is_known(false, NOW));
    }

    #[test]
    fn strangers_are_counted_by_address_browsers_by_account_and_the_known_alone() {
        let (known, stranger) = (Tried::ended_well(NOW), Tried::default());
        assert_eq!(stranger.together(false, NOW), Some(Together::Address));
        assert_eq!(known.together(false, NOW), None);
        assert_eq!(known.together(true, NOW), Some(Together::Browsers));
    }

    #[test]
    fn an_attempt_counts_when_it_begins_and_a_success_ends_all_failures() {
        let mut tried = Tried::default();
        for _ in 0..5 {
            tried = tried.begun(NOW);
        }
        assert_eq!(tried.failures.wait_ms(NOW), 1_000);
        assert_eq!(Tried::ended_well(NOW).failures.wait_ms(NOW), 0);
    }
}
