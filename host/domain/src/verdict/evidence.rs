//! The host's sentences about what it saw, without values, and the fingerprint
//! under which equal failures are grouped.
use sha2::{Digest, Sha256};

use super::{Class, Kind, signal};
use crate::run::{CallResult, CallSummary};

/// One sentence about a call.
pub(super) fn describe(call: &CallSummary) -> String {
    let place = signal::place(call);
    match &call.result {
        CallResult::Ok => format!("{place} worked"),
        CallResult::Status { status, .. } => match &call.connection {
            Some(name) => {
                format!("{place} answered {status} with the credential of connection `{name}`")
            }
            None => format!("{place} answered {status}"),
        },
        // What was asked for may hold a URL; the place says it without ids.
        CallResult::Denied { denial, .. } => {
            format!("{place} was declined ({}): {}", denial.capability, denial.why)
        }
        CallResult::NetworkFailed { kind } => format!("{place} failed: {}", network(kind)),
        CallResult::Error { kind, .. } => format!("{place} was answered with `{kind}`"),
        CallResult::HostFailed => format!("{place} failed inside the platform"),
    }
}

fn network(kind: &str) -> &str {
    match kind {
        "dns" => "its host name does not resolve",
        "connect" => "no connection could be made",
        "tls" => "no secure connection could be made",
        "timeout" => "no whole answer arrived in time",
        "protocol" => "the answer was cut off or was not HTTP",
        "body-too-large" => "the answer was larger than allowed",
        other => other,
    }
}

/// Equal failures have equal fingerprints: no versions, ids or numbers go in,
/// and nothing that a guest can vary at will.
pub(super) fn fingerprint(class: Class, kind: Kind, plugin: &str, place: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [class.name(), kind.name(), plugin, place] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    // 64 bits: a million kinds of failure collide with odds of 1 in 10^7.
    let bytes = hasher.finalize();
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
