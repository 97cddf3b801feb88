//! The time that a simulated third party lives in. It moves when it is told to, and by one
//! millisecond a call; it never reads the wall clock, so two equal runs give equal bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-01-01T00:00:00Z in milliseconds: a fixed start that is easy to read in a transcript.
const START_MS: i64 = 1_767_225_600_000;

/// A clock that is moved by hand. Clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(START_MS)))
    }
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Moves the time on; a rate limit's window or a vendor's day passes without waiting.
    pub fn advance_ms(&self, by_ms: u32) {
        self.0.fetch_add(i64::from(by_ms), Ordering::SeqCst);
    }

    /// The time as vendors print it: `2026-01-01T00:00:00.000Z`.
    pub fn now_text(&self) -> String {
        timestamp_text(self.now_ms())
    }
}

/// A moment in milliseconds as RFC 3339 text with milliseconds and `Z`.
pub(crate) fn timestamp_text(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_it_is_moved() {
        let clock = Clock::default();
        assert_eq!(clock.now_text(), "2026-01-01T00:00:00.000Z");
        clock.clone().advance_ms(1_500);
        assert_eq!(clock.now_text(), "2026-01-01T00:00:01.500Z");
    }
}
