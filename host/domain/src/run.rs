//! A run: what the guest returned, how it ended, what it would change, what
//! it used, and what the host saw at the boundary.
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    account::SourceRow,
    authority::{Authority, Denial},
    capability::Capability,
    id::PartnershipId,
    time::Timestamp,
};

/// How a run ended. Always a value: a guest's misbehaviour is not our error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "kebab-case")]
pub enum Ending {
    /// The guest returned a report; effects are committed.
    Ok(Report),
    /// The guest returned a fault: its claim.
    Fault(Claim),
    /// The guest trapped.
    Trap {
        /// Stable code, for example `unreachable` or `stack-overflow`.
        code: String,
        /// The engine's text and the names of the innermost frames, cut.
        message: String,
    },
    /// A limit stopped it.
    Limit {
        /// The limit's name in [`crate::limits::TABLE`], for example `run.cpu`.
        limit: String,
        /// The host call that it waited in, for `run.wall`.
        waiting_in: Option<String>,
    },
    /// Something of ours failed; never the plugin's fault.
    HostFailed {
        /// What, without secrets.
        message: String,
    },
}

impl Ending {
    /// The stable name: `ok`, `fault`, `trap`, `limit` or `host-failed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ok(_) => "ok",
            Self::Fault(_) => "fault",
            Self::Trap { .. } => "trap",
            Self::Limit { .. } => "limit",
            Self::HostFailed { .. } => "host-failed",
        }
    }
}

/// What a guest returns when it worked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// One line for people.
    pub summary: String,
    /// Deliver the same event again at once, with this as continuation.
    pub again: Option<String>,
    /// Progress, in the plugin's own unit.
    pub done: u64,
    /// 0 if not known.
    pub total: u64,
    /// The answer to a `request`: content type and body.
    pub answer: Option<(String, Vec<u8>)>,
}

/// What a guest says went wrong. It never moves blame by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Claim {
    /// One of the manifest's fault codes, or not.
    pub code: String,
    /// The class that the guest names.
    pub cause: String,
    /// The configuration field that it names.
    pub field: Option<String>,
    /// Its text, cut.
    pub message: String,
    /// Seconds that it asks to wait.
    pub retry_after_s: Option<u32>,
}

/// What a run would change inside Venn; committed with an `ok` report only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Effects {
    /// State, one entry per key: the last write counts.
    pub state: Vec<StateWrite>,
    /// Timeline entries in order.
    pub timeline: Vec<TimelineEntry>,
    /// Accounts, if the run said anything about them: none at all says that
    /// its source was looked through and nothing differed.
    #[serde(default)]
    pub accounts: Option<Vec<AccountWrite>>,
    /// Partnerships whose rows the run read; effects carry them.
    pub read_from: Vec<PartnershipId>,
}

impl Effects {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty() && self.timeline.is_empty() && self.accounts.is_none()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.state.len() + self.timeline.len() + self.accounts.as_ref().map_or(0, Vec::len)
    }

    /// What is still allowed when the effects are committed, and how many are
    /// not: something may have been revoked since the guest made them.
    #[must_use]
    pub fn still_allowed(mut self, authority: &Authority) -> (Self, u64) {
        let before = self.len();
        let allowed = |capability, partnership: Option<&PartnershipId>| {
            authority.allows(capability).is_ok()
                && partnership.is_none_or(|id| authority.allows_partnership(id.as_str()).is_ok())
        };
        self.state.retain(|write| allowed(Capability::State, write.partnership.as_ref()));
        self.timeline
            .retain(|entry| allowed(Capability::TimelineWrite, entry.partnership.as_ref()));
        if authority.allows(Capability::AccountsWrite).is_err() {
            self.accounts = None;
        }
        if let Some(accounts) = &mut self.accounts {
            accounts.retain(|write| write.is_allowed(authority));
        }
        let dropped = before - self.len();
        (self, dropped as u64)
    }
}

/// What a source says about one account; the last word of a run counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountWrite {
    /// It is so.
    Upsert(SourceRow),
    /// It is gone: by external id.
    Remove(String),
}

impl AccountWrite {
    /// Which account.
    pub fn external_id(&self) -> &str {
        match self {
            Self::Upsert(row) => &row.external_id,
            Self::Remove(external_id) => external_id,
        }
    }

    fn is_allowed(&self, authority: &Authority) -> bool {
        match self {
            Self::Upsert(row) => {
                let population = row.population();
                authority.allows_population(Capability::AccountsWrite, population).is_ok()
            }
            Self::Remove(_) => true,
        }
    }
}

/// One key of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWrite {
    /// The partition, none for the common one.
    pub partnership: Option<PartnershipId>,
    /// The key.
    pub key: String,
    /// The value, none to remove it.
    pub value: Option<Vec<u8>>,
}

/// A dated fact on an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// One of our accounts.
    pub account: String,
    /// A short kind of the plugin's own.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// When it happened.
    pub at: Timestamp,
    /// The same key is the same entry for ever.
    pub key: String,
    /// The partnership that it was derived from.
    pub partnership: Option<PartnershipId>,
}

/// What a run was told of one partner's accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartnerRead {
    /// Rows that were handed over, each time.
    pub rows: u64,
    /// The partner's fields that had a value in one of them.
    pub fields: BTreeSet<String>,
    /// Numbers of overlaps that were told, without rows.
    pub counts: u64,
}

/// The same by partnership.
pub type PartnerReads = BTreeMap<PartnershipId, PartnerRead>;

/// What a run used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// CPU time of the guest and its host calls on our threads, microseconds.
    pub cpu_us: u64,
    /// Wall time, microseconds.
    pub wall_us: u64,
    /// Peak of all linear memories, bytes.
    pub memory_bytes: u64,
    /// Host calls.
    pub host_calls: u64,
    /// HTTP calls that went out.
    pub http_calls: u64,
    /// Bytes sent over HTTP (bodies).
    pub http_sent_bytes: u64,
    /// Bytes received over HTTP (bodies).
    pub http_received_bytes: u64,
}

/// A line of the run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// `debug`, `info`, `warn`, `error`; `panic` for a panic's text; `withheld` where Venn
    /// tells a supporter that there is nothing to read.
    pub level: String,
    /// One record, control characters escaped.
    pub message: String,
}

/// One host call as the verdict and the transcript see it: the shape, no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallSummary {
    /// `overlaps.changes`, `http.send`, `wasi:http` …
    pub call: String,
    /// For HTTP `POST api.example.com/v1/tasks` without query; else a short note.
    pub target: String,
    /// What came of it.
    pub result: CallResult,
    /// The connection whose credential was added.
    pub connection: Option<String>,
    /// The HTTP host stands in the install's configuration, not in the manifest.
    pub host_from_config: bool,
    /// Microseconds of wall time.
    pub wall_us: u64,
}

/// What came of a host call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum CallResult {
    /// It worked (for HTTP see `status`).
    Ok,
    /// An HTTP answer arrived.
    Status {
        /// The status code.
        status: u16,
        /// Seconds, from `Retry-After`.
        retry_after_s: Option<u32>,
    },
    /// The call was declined.
    Denied {
        /// The capability.
        capability: String,
        /// The whole denial.
        denial: Denial,
    },
    /// HTTP did not work: `dns`, `connect`, `tls`, `timeout`, `protocol`, `body-too-large`.
    NetworkFailed {
        /// Which of them.
        kind: String,
    },
    /// The argument made no sense, a limit, a conflict, not available.
    Error {
        /// Which of them.
        kind: String,
        /// The text that the guest got.
        message: String,
    },
    /// Something of ours failed.
    HostFailed,
}

/// Everything that came of one run, before the verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What it would change; empty unless `ok`.
    pub effects: Effects,
    /// What it used.
    pub usage: Usage,
    /// Its log.
    pub log: Vec<LogLine>,
    /// Log lines beyond the limit.
    pub log_dropped: u64,
    /// Its host calls in order.
    pub calls: Vec<CallSummary>,
}

impl Outcome {
    /// The denials of this run, with the capability concerned.
    pub fn denials(&self) -> impl Iterator<Item = &Denial> {
        self.calls.iter().filter_map(|call| match &call.result {
            CallResult::Denied { denial, .. } => Some(denial),
            _ => None,
        })
    }
}
