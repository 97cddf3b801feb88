//! Support access: whom a customer lets look, and at what of one install.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::TIMELINE_ADDED,
    run::{CallResult, CallSummary},
    verdict::signal::http_host,
};

/// Who may be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Supporter {
    /// Those who run Venn.
    Platform,
    /// The publisher of the install's plugin.
    Publisher,
}

/// What may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// How runs ended, and what they called.
    Runs,
    /// Events on their way.
    Deliveries,
    /// What runs logged, in the plugin's own words; not of runs that may know a partner's
    /// accounts.
    Logs,
}

impl Thing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Runs, Self::Deliveries, Self::Logs];

    /// The name in the API and the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Deliveries => "deliveries",
            Self::Logs => "logs",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|thing| thing.name() == name)
    }
}

/// Whether what a plugin said in a run may be of a partner's accounts: it was told some, by
/// its event too, or what an earlier run had kept or handed on. `step` counts the
/// continuations before it. An entry of no partnership is no exception: a later step of the
/// other plugin may have written it, of what an earlier one had read and handed on.
pub fn may_tell_of_partners(event_kind: &str, step: u64, calls: &[CallSummary]) -> bool {
    let told = |call: &CallSummary| {
        let reads = ["overlaps.", "state.get", "state.keys"];
        call.result == CallResult::Ok && reads.iter().any(|name| call.call.starts_with(name))
    };
    event_kind == TIMELINE_ADDED || step > 0 || calls.iter().any(told)
}

/// A call without the plugin's words: of an address its method and host, no text of a
/// refusal.
#[must_use]
pub fn without_words(mut call: CallSummary) -> CallSummary {
    if let Some(host) = http_host(&call).map(str::to_owned) {
        let method = call.target.split(' ').next().unwrap_or_default();
        call.target = format!("{method} {host}/…");
    }
    match &mut call.result {
        CallResult::Denied { denial, .. } => "…".clone_into(&mut denial.what),
        CallResult::Error { message, .. } => "…".clone_into(message),
        CallResult::Ok
        | CallResult::Status { .. }
        | CallResult::NetworkFailed { .. }
        | CallResult::HostFailed => {}
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SCHEDULE;

    fn call(name: &str, result: CallResult) -> CallSummary {
        let target = "GET api.hubapi.com/crm/company-1.com".to_owned();
        let call = name.to_owned();
        CallSummary { call, target, result, connection: None, host_from_config: false, wall_us: 1 }
    }

    #[test]
    fn who_was_told_of_partners_may_tell_of_them_and_so_may_who_looked_up_what_was_kept() {
        let error = CallResult::Error { kind: "invalid".to_owned(), message: "x".to_owned() };
        for name in ["find", "lookup", "counts", "changes"].map(|name| format!("overlaps.{name}")) {
            assert!(may_tell_of_partners(SCHEDULE, 0, &[call(&name, CallResult::Ok)]), "{name}");
            assert!(!may_tell_of_partners(SCHEDULE, 0, &[call(&name, error.clone())]), "{name}");
        }
        assert!(may_tell_of_partners(SCHEDULE, 0, &[call("state.get", CallResult::Ok)]));
        assert!(may_tell_of_partners(SCHEDULE, 0, &[call("state.keys", CallResult::Ok)]));
        assert!(may_tell_of_partners(SCHEDULE, 1, &[]));
        assert!(may_tell_of_partners(TIMELINE_ADDED, 0, &[]));
        let others = ["state.set", "http.send", "accounts.upsert", "timeline.append"];
        assert!(!may_tell_of_partners(SCHEDULE, 0, &others.map(|name| call(name, CallResult::Ok))));
    }

    #[test]
    fn a_call_without_words_says_where_it_went_and_no_more() {
        let sent = without_words(call("http.send", CallResult::HostFailed));
        assert_eq!(sent.target, "GET api.hubapi.com/…");
        let message = "company-1.com".to_owned();
        let refused = CallResult::Error { kind: "invalid".to_owned(), message };
        let refused = without_words(call("wasi:http", refused));
        assert!(!serde_json::to_string(&refused).unwrap().contains("company-1"), "{refused:?}");
    }
}
