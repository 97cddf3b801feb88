//! What an outcome shows: typed signals, the most telling one first.
//!
//! A signal is the host's own observation. The guest's text never becomes one.
//! To add one: a variant, where it is found in [`signals`], its row in
//! `provisional`.
use std::collections::BTreeSet;

use crate::run::{CallResult, CallSummary, Ending, Outcome};

/// One observation at the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// The guest trapped.
    Trap(&'a str),
    /// A limit stopped the run while the guest computed.
    Limit(&'a str),
    /// The time was used up waiting in this host call.
    WaitedIn(&'a str),
    /// Something of ours failed outside a host call.
    HostFailed,
    /// A host call failed, and the guest did not get over it.
    Failed(&'a CallSummary),
}

/// The signals of a run: how it ended, then failed calls, newest first.
pub fn signals(outcome: &Outcome) -> Vec<Signal<'_>> {
    let mut signals = Vec::new();
    match &outcome.ending {
        Ending::Ok(_) => return signals,
        Ending::Fault(_) => {}
        Ending::Trap { code, .. } => signals.push(Signal::Trap(code)),
        Ending::Limit { waiting_in: Some(call), limit } if is_wall(limit) => {
            signals.push(Signal::WaitedIn(call));
        }
        Ending::Limit { limit, .. } => signals.push(Signal::Limit(limit)),
        Ending::HostFailed { .. } => signals.push(Signal::HostFailed),
    }
    // More is never shown; a run may have 100,000 failed calls.
    let room = SIGNALS_MAX.saturating_sub(signals.len());
    signals.extend(unmended(outcome).take(room).map(Signal::Failed));
    signals
}

/// Failed calls that the guest did not get over, newest first: nothing later shows that
/// the same service answers well, or that the same host call works.
pub fn unmended(outcome: &Outcome) -> impl Iterator<Item = &CallSummary> {
    let mut mended = BTreeSet::new();
    outcome.calls.iter().rev().filter(move |call| {
        let what =
            http_host(call).map_or((call.call.as_str(), call.target.as_str()), |host| ("", host));
        if is_failure(&call.result) {
            return !mended.contains(&what);
        }
        mended.insert(what);
        false
    })
}

/// Whether this limit is one of wall time.
pub fn is_wall(limit: &str) -> bool {
    matches!(limit, "run.wall" | "check.wall")
}

/// As many as one verdict's evidence can use.
const SIGNALS_MAX: usize = 5;

/// Whether a result is one that a guest may stumble over.
pub const fn is_failure(result: &CallResult) -> bool {
    match result {
        CallResult::Ok => false,
        CallResult::Status { status, .. } => *status >= 400,
        _ => true,
    }
}

/// Whether this call went to a third party.
pub fn is_http(call: &str) -> bool {
    call.starts_with("http.") || call.starts_with("wasi:http")
}

/// The host of an HTTP call's target (`POST api.example.com/v1`, with or
/// without a scheme).
pub fn http_host(call: &CallSummary) -> Option<&str> {
    if !is_http(&call.call) {
        return None;
    }
    let (_, rest) = call.target.split_once(' ')?;
    without_scheme(rest).split(['/', '?', ':']).next()
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// The call as a sentence shows it and a fingerprint keeps it: no query, no
/// ids, no numbers, and no host that stands in the customer's configuration.
pub fn place(call: &CallSummary) -> String {
    let Some((method, url)) = call.target.split_once(' ').filter(|_| is_http(&call.call)) else {
        return call.call.clone();
    };
    let rest = without_scheme(url);
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = if call.host_from_config { "(configured host)" } else { host };
    let segments = path.split('/').map(|s| if is_value(s) { "…" } else { s });
    format!("{method} https://{host}/{}", segments.collect::<Vec<_>>().join("/"))
}

/// Whether a path segment may be an id or another value, and not a fixed word
/// such as `contacts` or `v3`.
fn is_value(segment: &str) -> bool {
    let version = segment.strip_prefix('v').unwrap_or_default();
    let is_version =
        (1..=2).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
    let word = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b':');
    // The longest fixed segments of the vendors' APIs have some 30 letters.
    !is_version && (segment.len() > 40 || !segment.bytes().all(word))
}
