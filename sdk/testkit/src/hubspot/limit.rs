//! HubSpot's two request limits, on the injected clock: per rolling ten seconds and per day.

use std::collections::VecDeque;

use super::error::Problem;
use crate::Clock;

/// The burst window that HubSpot documents and reports in its headers.
const WINDOW_MS: i64 = 10_000;
/// A day of HubSpot's daily limit; it resets at midnight of the portal's time zone, here UTC.
const DAY_MS: i64 = 86_400_000;

/// How many calls are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub ten_secondly_max: u32,
    pub daily_max: u32,
}

impl Default for RateLimit {
    /// What HubSpot documents for a private app of a Professional account.
    fn default() -> Self {
        Self { ten_secondly_max: 190, daily_max: 625_000 }
    }
}

/// Counts calls, and declines them once limits are set.
#[derive(Default)]
pub(super) struct Limits {
    enforced: Option<RateLimit>,
    window: VecDeque<i64>,
    day: i64,
    today: u32,
}

impl Limits {
    pub(super) fn set(&mut self, limit: RateLimit) {
        self.enforced = Some(limit);
    }

    pub(super) fn reset(&mut self) {
        *self = Self { enforced: self.enforced, ..Self::default() };
    }

    pub(super) fn count(&mut self, clock: &Clock) -> Result<(), Problem> {
        let now_ms = clock.now_ms();
        let Some(limit) = self.enforced else {
            return Ok(());
        };
        if now_ms / DAY_MS != self.day {
            (self.day, self.today) = (now_ms / DAY_MS, 0);
        }
        while self.window.front().is_some_and(|at_ms| now_ms - at_ms >= WINDOW_MS) {
            self.window.pop_front();
        }
        if self.today >= limit.daily_max {
            return Err(Problem::rate_limited(true));
        }
        if self.window.len() >= limit.ten_secondly_max as usize {
            return Err(Problem::rate_limited(false));
        }
        self.today += 1;
        self.window.push_back(now_ms);
        Ok(())
    }

    /// The documented headers. Without a limit in force nothing is ever used up.
    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        let limit = self.enforced.unwrap_or_default();
        let used = u32::try_from(self.window.len()).unwrap_or(u32::MAX);
        [
            ("x-hubspot-ratelimit-daily", limit.daily_max.to_string()),
            (
                "x-hubspot-ratelimit-daily-remaining",
                limit.daily_max.saturating_sub(self.today).to_string(),
            ),
            ("x-hubspot-ratelimit-interval-milliseconds", WINDOW_MS.to_string()),
            ("x-hubspot-ratelimit-max", limit.ten_secondly_max.to_string()),
            (
                "x-hubspot-ratelimit-remaining",
                limit.ten_secondly_max.saturating_sub(used).to_string(),
            ),
        ]
    }
}
