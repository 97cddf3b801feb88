//! Scripted failures: what the next matching calls get instead of (or on top of) a true answer.
//!
//! A rule says which fault, for which calls, how many of them, and whether the third party does
//! the work first. That last choice is the one that finds double writes: the vendor created the
//! task, and the caller never heard of it.
//!
//! To add a fault: a variant here, its arm in `exchange.rs`, a test in `tests/it/faults.rs`.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::matching::Matching;
use crate::party::Trouble;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// 401 in the vendor's words.
    Unauthorized,
    /// 403 in the vendor's words.
    Forbidden,
    /// 429 in the vendor's words.
    RateLimited {
        #[serde(default)]
        daily: bool,
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// 500.
    ServerError,
    /// 503.
    Unavailable {
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Any other status.
    Status { code: u16 },
    /// The true answer's head, the first half of its body, then the connection ends.
    Truncated,
    /// The true answer, late; without `delay_ms` never.
    SlowFirstByte {
        #[serde(default)]
        delay_ms: Option<u64>,
    },
    /// The connection ends without an answer.
    Close,
    /// 200 with a body that says it is JSON and is not.
    InvalidJson,
    /// 302 to that address.
    Redirect { to: String },
}

impl Fault {
    /// The trouble that the vendor words itself, if this fault is of that sort.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Unauthorized => Some(Trouble::Unauthorized),
            Self::Forbidden => Some(Trouble::Forbidden),
            Self::RateLimited { daily, retry_after_s } => {
                Some(Trouble::RateLimited { daily: *daily, retry_after_s: *retry_after_s })
            }
            Self::ServerError => Some(Trouble::Status { code: 500, retry_after_s: None }),
            Self::Unavailable { retry_after_s } => {
                Some(Trouble::Status { code: 503, retry_after_s: *retry_after_s })
            }
            Self::Status { code } => Some(Trouble::Status { code: *code, retry_after_s: None }),
            Self::Truncated
            | Self::SlowFirstByte { .. }
            | Self::Close
            | Self::InvalidJson
            | Self::Redirect { .. } => None,
        }
    }
}

/// A fault with the calls that it hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    #[serde(flatten)]
    pub fault: Fault,
    #[serde(flatten)]
    pub matching: Matching,
    /// This many matching calls pass untouched first.
    #[serde(default)]
    pub skip: u64,
    /// This many calls are hit; `None` until cleared.
    #[serde(default)]
    pub times: Option<u64>,
    /// The third party does the work, then the fault replaces its answer.
    #[serde(default)]
    pub after_effect: bool,
}

impl FaultRule {
    /// All calls, until cleared, without effect.
    pub fn new(fault: Fault) -> Self {
        Self { fault, matching: Matching::default(), skip: 0, times: None, after_effect: false }
    }

    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    #[must_use]
    pub fn path(mut self, prefix: impl Into<String>) -> Self {
        self.matching.path_prefix = Some(prefix.into());
        self
    }

    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.matching.method = Some(method.into());
        self
    }

    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }
}

/// The rules in force, in the order in which they were added; the first that matches wins.
#[derive(Default)]
pub(crate) struct Script(Mutex<Vec<FaultRule>>);

impl Script {
    pub(crate) fn add(&self, rule: FaultRule) {
        crate::lock(&self.0).push(rule);
    }

    pub(crate) fn clear(&self) {
        crate::lock(&self.0).clear();
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        crate::lock(&self.0).clone()
    }

    /// The fault of this call. Counts it against every rule that it had to pass.
    pub(crate) fn next(&self, method: &str, path: &str) -> Option<FaultRule> {
        let mut rules = crate::lock(&self.0);
        let mut hit = None;
        for (position, rule) in rules.iter_mut().enumerate() {
            if !rule.matching.matches(method, path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times.saturating_sub(1));
            hit = Some((position, rule.clone()));
            break;
        }
        let (position, rule) = hit?;
        if rule.times == Some(0) {
            rules.remove(position);
        }
        Some(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(script: &Script, calls: &[(&str, &str)]) -> Vec<bool> {
        calls.iter().map(|(method, path)| script.next(method, path).is_some()).collect()
    }

    #[test]
    fn a_rule_skips_then_hits_then_is_gone() {
        let script = Script::default();
        script.add(FaultRule::new(Fault::Close).path("/a").method("POST").skip(1).times(2));
        let calls = [
            ("POST", "/a"),
            ("GET", "/a"),
            ("POST", "/a"),
            ("POST", "/b"),
            ("POST", "/a/b"),
            ("POST", "/a"),
        ];
        assert_eq!(hits(&script, &calls), [false, false, true, false, true, false]);
        assert!(script.rules().is_empty());
    }

    #[test]
    fn the_rule_reads_as_flat_json() {
        let text = r#"{"fault":"rate-limited","retry_after_s":2,"path_prefix":"/crm","times":1}"#;
        let rule: FaultRule =
            serde_json::from_str(text).unwrap_or_else(|_| FaultRule::new(Fault::Close));
        let fault = Fault::RateLimited { daily: false, retry_after_s: Some(2) };
        assert_eq!(rule, FaultRule::new(fault).path("/crm").times(1));
    }
}
