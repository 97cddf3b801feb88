//! How often somebody may try: failures that make the next attempt wait longer, and
//! a pace that may be kept.
//!
//! Pure: the caller brings the time and keeps the values. Who counts as one source,
//! and what it is that is tried, is decided where they are kept.
use crate::time::Timestamp;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;
/// The first wait; each failure after doubles it.
const FIRST_WAIT_MS: u64 = 1_000;
/// The longest wait: a quarter of an hour makes fewer than a hundred guesses a day.
const LONGEST_WAIT_MS: u64 = 15 * 60 * 1_000;
/// After this without a failure all is forgotten.
const FORGOTTEN_MS: i64 = 24 * 60 * 60 * 1_000;

/// Failed attempts of one source at one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    /// How long the next attempt has to wait from now, in milliseconds; 0 if it may
    /// be made.
    pub fn wait_ms(&self, now: Timestamp) -> u64 {
        if self.count < FREE || self.is_forgotten(now) {
            return 0;
        }
        let doubled = FIRST_WAIT_MS.checked_shl(self.count - FREE).unwrap_or(LONGEST_WAIT_MS);
        let wait = if self.count - FREE > 32 { LONGEST_WAIT_MS } else { doubled };
        let wait = wait.min(LONGEST_WAIT_MS);
        let passed = u64::try_from(now.ms_since(self.last)).unwrap_or(0);
        wait.saturating_sub(passed)
    }

    /// As they were kept.
    pub const fn kept(count: u32, last: Timestamp) -> Self {
        Self { count, last }
    }

    /// How many, and when the last one was: to keep them.
    pub const fn to_keep(&self) -> (u32, Timestamp) {
        (self.count, self.last)
    }

    /// What was last before this is forgotten.
    pub fn forgotten(now: Timestamp) -> Timestamp {
        now.plus_ms(-FORGOTTEN_MS)
    }

    /// Counts one more. An attempt counts as failed when it begins, and is taken
    /// back when it ends well: many at the same moment are many.
    pub fn add(&mut self, now: Timestamp) {
        let count = if self.is_forgotten(now) { 0 } else { self.count };
        *self = Self { count: count.saturating_add(1), last: now };
    }

    /// Takes back one that was none, by what was there before and after it was added.
    /// What was added since stays.
    pub fn take_back(&mut self, before: Self, after: Self) {
        if *self == after {
            *self = before;
        } else {
            self.count = self.count.saturating_sub(1);
        }
    }

    /// Whether nothing is left to remember.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.count == 0 || now.ms_since(self.last) >= FORGOTTEN_MS
    }
}

/// How fast something may be done over time, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How often in a period.
    pub times: u64,
    /// The period, milliseconds.
    pub period_ms: u64,
}

impl Pace {
    /// Microseconds between two of an even stream.
    fn interval_us(self) -> i64 {
        let period_us = self.period_ms.saturating_mul(1_000);
        i64::try_from(period_us / self.times.max(1)).unwrap_or(i64::MAX)
    }
}

/// What was done of late, against a [`Pace`]: `times` at once, then evenly (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent(Timestamp);

impl Spent {
    /// As it was kept.
    pub const fn kept(until: Timestamp) -> Self {
        Self(until)
    }

    /// Until when it is spent evenly: to keep it.
    pub const fn to_keep(self) -> Timestamp {
        self.0
    }

    /// Does it once more, or says how many milliseconds to wait until it may be.
    pub fn spend(&mut self, pace: Pace, now: Timestamp) -> Result<(), u64> {
        let wait_ms = self.wait_ms(pace, now);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        self.0 = Timestamp(self.0.max(now).0.saturating_add(pace.interval_us()));
        Ok(())
    }

    /// How many milliseconds to wait until it may be done; 0 if it may.
    pub fn wait_ms(&self, pace: Pace, now: Timestamp) -> u64 {
        let interval = pace.interval_us();
        if interval == 0 {
            // Quicker than the clock counts: nobody waits.
            return 0;
        }
        let room = interval.saturating_mul(i64::try_from(pace.times).unwrap_or(i64::MAX) - 1);
        let over = self.0.0.saturating_sub(now.0).saturating_sub(room);
        u64::try_from(over).map_or(0, |us| us.div_ceil(1_000))
    }

    /// Takes one back: it turned out not to count.
    pub fn give_back(&mut self, pace: Pace) {
        self.0 = Timestamp(self.0.0.saturating_sub(pace.interval_us()));
    }

    /// Whether nothing is left to remember.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.0 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_764_000_000_000_000);

    #[test]
    fn the_wait_doubles_after_five_failures_up_to_a_quarter_of_an_hour() {
        let mut failures = Failures::default();
        let mut waits = Vec::new();
        for _ in 0..20 {
            failures.add(NOW);
            waits.push(failures.wait_ms(NOW) / 1_000);
        }
        let expected =
            [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900];
        assert_eq!(waits, expected);
        assert_eq!(failures.wait_ms(NOW.plus_ms(899_999)), 1);
        assert_eq!(failures.wait_ms(NOW.plus_ms(900_000)), 0);
        for _ in 0..100 {
            failures.add(NOW);
        }
        assert_eq!(failures.wait_ms(NOW), 900_000);
    }

    #[test]
    fn a_day_without_a_failure_forgets_them() {
        let mut failures = Failures::default();
        (0..30).for_each(|_| failures.add(NOW));
        let day = NOW.plus_ms(FORGOTTEN_MS);
        assert!(!failures.is_forgotten(day.plus_ms(-1)) && failures.is_forgotten(day));
        failures.add(day);
        assert_eq!(failures.wait_ms(day), 0);
    }

    #[test]
    fn a_pace_gives_all_of_it_at_once_and_then_evenly() {
        let pace = Pace { times: 3, period_ms: 30_000 };
        let mut spent = Spent::default();
        for _ in 0..3 {
            assert_eq!(spent.spend(pace, NOW), Ok(()));
        }
        assert_eq!(spent.spend(pace, NOW), Err(10_000));
        assert_eq!(spent.spend(pace, NOW.plus_ms(9_999)), Err(1));
        assert_eq!(spent.spend(pace, NOW.plus_ms(10_000)), Ok(()));
        assert_eq!(spent.spend(pace, NOW.plus_ms(10_000)), Err(10_000));
        spent.give_back(pace);
        assert_eq!(spent.spend(pace, NOW.plus_ms(10_000)), Ok(()));
        // What was not used does not pile up.
        let later = NOW.plus_ms(1_000_000);
        assert!(spent.is_forgotten(later));
        assert_eq!((0..5).filter(|_| spent.spend(pace, later).is_ok()).count(), 3);
    }

    #[test]
    fn a_pace_quicker_than_the_clock_counts_holds_up_nobody_whose_clock_is_behind() {
        let pace = Pace { times: 1_000_000_000, period_ms: 60_000 };
        let mut spent = Spent::default();
        assert_eq!(spent.spend(pace, NOW), Ok(()));
        assert_eq!(spent.spend(pace, NOW.plus_ms(-1)), Ok(()));
    }
}
