//! What becomes of a delivery after a failed attempt: another one later,
//! parked until someone acts, or dead with a reason.
//!
//! Pure: the caller brings the time and the randomness. A fault that only a
//! person can mend is not hammered: it waits for that person.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    limits,
    time::Timestamp,
    verdict::{Class, Verdict},
};

/// Seconds before the 2nd to the 8th attempt: about 28 hours in all, so that a
/// vendor's bad day, or a publisher's correction, falls within.
const DELAYS_S: [u32; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
/// At most a fifth is added by chance: waiting deliveries come back spread out.
const JITTER_DIVISOR: i64 = 5;
/// A third party may ask for a longer pause, up to our own longest one.
const RETRY_AFTER_S_MAX: u32 = 36_000;

/// Nothing waits longer for its next attempt: what seems to was put there by a clock that has
/// been put back since.
pub const LONGEST_MS: i64 =
    RETRY_AFTER_S_MAX as i64 * 1_000 * (JITTER_DIVISOR + 1) / JITTER_DIVISOR;

/// An attempt that ended with the server does not count, so often: deliveries are not given up
/// because servers die. One under which they die more often may be what they die of.
pub const CUT_OFF: u64 = 100;

/// What a parked delivery waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "until", rename_all = "kebab-case")]
pub enum Until {
    /// The connection or the configuration changes.
    Configured {
        /// The connection or configuration field, if the host knows it.
        field: Option<String>,
    },
    /// What the install may do changes.
    Authorized,
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured { field: Some(field) } => {
                write!(f, "`{field}` is corrected in the connections or the configuration")
            }
            Self::Configured { field: None } => {
                f.write_str("a connection or the configuration is corrected")
            }
            Self::Authorized => f.write_str("what is missing is approved, granted or shared"),
        }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another attempt at this moment.
    At(Timestamp),
    /// Another attempt once this has happened.
    Parked {
        /// What it waits for.
        until: Until,
    },
    /// Another attempt when its breaker lets it; this one was a probe, and does not count.
    Held,
    /// No further attempt by itself.
    Dead {
        /// Why, in one sentence.
        why: &'static str,
    },
}

/// Decides after the failed attempt number `attempt` (from 1). The jitter is
/// random, 0 to 1000.
pub fn next_attempt(attempt: u32, now: Timestamp, verdict: &Verdict, jitter_permille: u16) -> Next {
    if !verdict.retryable {
        return match verdict.class {
            Class::CustomerConfig => {
                Next::Parked { until: Until::Configured { field: verdict.field.clone() } }
            }
            Class::GrantMissing => Next::Parked { until: Until::Authorized },
            _ => Next::Dead { why: "another attempt would fail in the same way" },
        };
    }
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let left = u64::from(attempt) < limits::DELIVERY_ATTEMPTS;
    let Some(own_s) = DELAYS_S.get(index).filter(|_| left) else {
        return Next::Dead { why: "all attempts were used up" };
    };
    let asked_s = verdict.retry_after_s.unwrap_or(0).min(RETRY_AFTER_S_MAX);
    Next::At(spread(now, i64::from(asked_s.max(*own_s)) * 1_000, jitter_permille))
}

/// Decides after a failed attempt that was a probe. A service that is down for long takes
/// no attempts of those that find out; a plugin that trips over an event does.
pub fn after_probe(attempt: u32, now: Timestamp, verdict: &Verdict, jitter_permille: u16) -> Next {
    if verdict.retryable && matches!(verdict.class, Class::ThirdParty | Class::Platform) {
        return Next::Held;
    }
    next_attempt(attempt, now, verdict, jitter_permille)
}

/// Decides after a failed attempt at what a person asked at Venn: whoever sees that it failed
/// asks again, and nobody waits behind attempts whose answer nobody sees.
pub const fn after_ask() -> Next {
    Next::Dead { why: "it failed, and who asked can ask again" }
}

/// The same of what is of use until then only: an attempt that comes later is none, and what
/// waits behind it need not wait until then.
pub fn in_time(next: Next, until: Option<Timestamp>) -> Next {
    match next {
        Next::At(at) if until.is_some_and(|until| at >= until) => {
            Next::Dead { why: "another attempt would come too late" }
        }
        next => next,
    }
}

/// So much later, and by chance up to a fifth more.
pub(crate) fn spread(now: Timestamp, delay_ms: i64, jitter_permille: u16) -> Timestamp {
    let jitter = i64::from(jitter_permille.min(1_000));
    now.plus_ms(delay_ms + delay_ms / JITTER_DIVISOR * jitter / 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::{ALGORITHM_VERSION, Kind, Owner};

    const NOW: Timestamp = Timestamp(1_764_000_000_000_000);

    fn verdict(class: Class, retryable: bool, retry_after_s: Option<u32>) -> Verdict {
        Verdict {
            class,
            kind: Kind::Transient,
            owner: Owner::Publisher,
            confidence_permille: 800,
            evidence: Vec::new(),
            claimed_class: None,
            retryable,
            retry_after_s,
            fingerprint: String::new(),
            field: Some("crm".to_owned()),
            algorithm_version: ALGORITHM_VERSION,
        }
    }

    #[test]
    fn eight_attempts_over_about_28_hours() {
        let failing = verdict(Class::ThirdParty, true, None);
        let (mut now, mut attempts) = (NOW, 1);
        let dead = loop {
            match next_attempt(attempts, now, &failing, 0) {
                Next::At(at) => now = at,
                other => break other,
            }
            attempts += 1;
        };
        assert_eq!(attempts, 8);
        assert_eq!(now.ms_since(NOW), 99_305_000);
        assert_eq!(dead, Next::Dead { why: "all attempts were used up" });
    }

    #[test]
    fn what_a_person_must_mend_is_parked_and_not_hammered() {
        let config = next_attempt(1, NOW, &verdict(Class::CustomerConfig, false, None), 0);
        let Next::Parked { until } = config else { unreachable!("{config:?}") };
        assert_eq!(until.to_string(), "`crm` is corrected in the connections or the configuration");
        let grant = next_attempt(1, NOW, &verdict(Class::GrantMissing, false, None), 0);
        assert_eq!(grant, Next::Parked { until: Until::Authorized });
        let bad = next_attempt(1, NOW, &verdict(Class::Plugin, false, Some(5)), 0);
        assert_eq!(bad, Next::Dead { why: "another attempt would fail in the same way" });
    }

    #[test]
    fn a_third_party_may_ask_for_more_time_within_reason() {
        let at = |asked| match next_attempt(1, NOW, &verdict(Class::ThirdParty, true, asked), 0) {
            Next::At(at) => at.ms_since(NOW),
            other => unreachable!("{other:?}"),
        };
        assert_eq!((at(None), at(Some(1)), at(Some(60))), (5_000, 5_000, 60_000));
        assert_eq!(at(Some(u32::MAX)), 36_000_000);
    }

    #[test]
    fn a_service_that_is_down_takes_no_attempts_of_its_probes() {
        for attempt in [1, 8, 80] {
            for class in [Class::ThirdParty, Class::Platform] {
                let probe = after_probe(attempt, NOW, &verdict(class, true, None), 0);
                assert_eq!(probe, Next::Held);
            }
        }
        // What trips over an event ends in the end, also behind a breaker.
        let trips = after_probe(8, NOW, &verdict(Class::Plugin, true, None), 0);
        assert_eq!(trips, Next::Dead { why: "all attempts were used up" });
        let config = after_probe(1, NOW, &verdict(Class::CustomerConfig, false, None), 0);
        assert!(matches!(config, Next::Parked { .. }), "{config:?}");
    }

    #[test]
    fn an_attempt_that_would_come_too_late_is_none() {
        let late = Next::Dead { why: "another attempt would come too late" };
        let at = Next::At(NOW);
        assert_eq!(in_time(at.clone(), None), at);
        assert_eq!(in_time(at.clone(), Some(NOW.plus_ms(1))), at);
        assert_eq!(in_time(at, Some(NOW)), late);
        assert_eq!(in_time(Next::Held, Some(NOW)), Next::Held);
    }

    proptest! {
        #[test]
        fn jitter_only_adds_and_at_most_a_fifth(attempt in 0_u32..20, jitter in any::<u16>(), asked in any::<Option<u32>>()) {
            let failing = verdict(Class::ThirdParty, true, asked);
            let without = next_attempt(attempt, NOW, &failing, 0);
            match (without, next_attempt(attempt, NOW, &failing, jitter)) {
                (Next::At(early), Next::At(late)) => {
                    let delay = early.ms_since(NOW);
                    prop_assert!(delay >= 5_000);
                    prop_assert!((0..=delay / 5).contains(&late.ms_since(early)));
                    prop_assert!(late.ms_since(NOW) <= LONGEST_MS);
                }
                (without, with) => prop_assert_eq!(without, with),
            }
        }
    }
}
