//! How fast one of many may call, for example a token: as many calls at once as in a
//! minute, then evenly.
//!
//! Kept in memory; what one organization costs beyond its calls is bounded where the work
//! is done.
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use venn_domain::{
    id::TokenId,
    throttle::{Pace, Spent},
    time::Timestamp,
};

/// Callers that are remembered before those that have not called lately are forgotten.
const REMEMBERED: usize = 10_000;
/// The period of the limit.
const MINUTE_MS: u64 = 60_000;

/// What each caller has called of late.
#[derive(Debug)]
pub struct Rate<Caller = TokenId> {
    pace: Pace,
    spent: Mutex<HashMap<Caller, Spent>>,
}

impl<Caller: Clone + Eq + Hash> Rate<Caller> {
    /// So many calls a minute, for each caller.
    pub fn a_minute(calls: u64) -> Self {
        Self { pace: Pace { times: calls, period_ms: MINUTE_MS }, spent: Mutex::default() }
    }

    /// Counts a call, or says how many milliseconds to wait before it is made.
    pub fn spend(&self, caller: &Caller, now: Timestamp) -> Result<(), u64> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = spent.get_mut(caller) {
            return known.spend(self.pace, now);
        }
        if spent.len() >= REMEMBERED {
            // Only those that are known get here: their number is an admin's doing.
            spent.retain(|_, one| !one.is_forgotten(now));
        }
        spent.entry(caller.clone()).or_default().spend(self.pace, now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_token_does_not_spend_anothers_calls_and_only_the_idle_are_forgotten() {
        let rate = Rate::a_minute(2);
        let now = Timestamp(1_764_000_000_000_000);
        let token = |n: usize| format!("tok_{n:026}").parse::<TokenId>().unwrap();
        assert_eq!((rate.spend(&token(1), now), rate.spend(&token(1), now)), (Ok(()), Ok(())));
        assert_eq!(rate.spend(&token(1), now), Err(30_000));
        assert_eq!(rate.spend(&token(2), now), Ok(()));
        assert_eq!(rate.spend(&token(1), now.plus_ms(30_000)), Ok(()));
        for n in 10..10 + REMEMBERED {
            rate.spend(&token(n), now.plus_ms(30_000)).unwrap();
        }
        assert!(rate.spend(&token(1), now.plus_ms(30_000)).is_err());
    }
}
