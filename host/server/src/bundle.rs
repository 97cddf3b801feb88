//! The redacted bundle: what a publisher gets to see of a failed run.
//!
//! The guest is the publisher's own code, so everything that the guest could
//! have put a partner's value into is left out: log lines, messages of claims,
//! panic texts, URLs beyond the host and the manifest's own path prefix,
//! argument texts. What stays is what the host itself saw: codes, shapes,
//! timings, counts, and the names of functions in a trap's frames. The verdict's
//! fingerprint is left out too: it is made from paths, which a guest chooses.
use serde_json::{Value, json};
use venn_domain::{
    authority::Control,
    id::RunId,
    manifest::Manifest,
    run::{CallResult, CallSummary, Ending, Outcome},
    verdict::Verdict,
};
use venn_store::install::InstallFacts;

/// The SDKs' fault for what a plugin throws and does not catch.
const UNCAUGHT: &str = "unexpected";

/// A failed run and what belongs to it.
pub struct Case<'a> {
    /// The install's control data at the time.
    pub control: &'a Control,
    /// More of the install.
    pub facts: &'a InstallFacts,
    /// The run.
    pub run: &'a RunId,
    /// The event's kind.
    pub event_kind: &'a str,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// The verdict.
    pub verdict: &'a Verdict,
}

/// What the publisher and the platform read first: the host's words only. The
/// verdict's evidence names paths, and a path is the guest's text.
pub fn text(case: &Case<'_>) -> String {
    let manifest = &case.control.manifest;
    let (class, kind) = (case.verdict.class.name(), case.verdict.kind.name());
    let how = match &case.outcome.ending {
        Ending::Trap { code, .. } => format!("trapped ({code})"),
        Ending::Limit { limit, .. } => format!("was stopped by the limit {limit}"),
        Ending::HostFailed { .. } => "ended because something of the host failed".to_owned(),
        Ending::Fault(fault) => match code(&fault.code, manifest) {
            Some(code) => format!("reported the fault {code}"),
            None => "reported a fault that its manifest does not declare".to_owned(),
        },
        Ending::Ok(_) => "reported a fault".to_owned(),
    };
    let calls = match case.outcome.calls.len() {
        0 => "It made no HTTP call.",
        _ => "The bundle has its HTTP calls and their results.",
    };
    format!(
        "A run of {} {} on {} {how}. Verdict: {class}, {kind}. {calls} What it logged and the fault's own words may hold accounts: only the customer can show you those.",
        manifest.name, manifest.version, case.event_kind
    )
}

/// The bundle as JSON; the same members always.
pub fn redacted(case: &Case<'_>) -> Value {
    let manifest = &case.control.manifest;
    let calls: Vec<Value> = case.outcome.calls.iter().map(|one| call(one, manifest)).collect();
    json!({
        "format": 1,
        "plugin": manifest.name,
        "version": manifest.version.to_string(),
        "digest": case.facts.proof.digest,
        "install": case.control.install,
        "run": case.run,
        "event_kind": case.event_kind,
        "ending": ending(&case.outcome.ending, manifest),
        "verdict": verdict(case.verdict),
        "calls": calls,
        "usage": case.outcome.usage,
        "log_lines": case.outcome.log.len(),
        "redacted": ["log", "messages", "paths", "queries", "headers", "bodies", "account values", "configuration"],
    })
}

/// The code is the guest's text: only one that its manifest declares, or that the SDKs
/// give to what is not caught, is known to be a code.
fn code<'c>(code: &'c str, manifest: &Manifest) -> Option<&'c str> {
    (code == UNCAUGHT || manifest.fault(code).is_some()).then_some(code)
}

fn ending(ending: &Ending, manifest: &Manifest) -> Value {
    match ending {
        Ending::Ok(_) => json!({ "ending": "ok" }),
        Ending::Fault(fault) => json!({ "ending": "fault", "code": code(&fault.code, manifest) }),
        Ending::Trap { code, message } => {
            json!({ "ending": "trap", "code": code, "frames": message })
        }
        Ending::Limit { limit, waiting_in } => {
            json!({ "ending": "limit", "limit": limit, "waiting_in": waiting_in })
        }
        Ending::HostFailed { .. } => json!({ "ending": "host-failed" }),
    }
}

fn verdict(verdict: &Verdict) -> Value {
    json!({
        "class": verdict.class,
        "kind": verdict.kind,
        "owner": verdict.owner,
        "confidence_permille": verdict.confidence_permille,
        "retryable": verdict.retryable,
        "algorithm_version": verdict.algorithm_version,
    })
}

fn call(call: &CallSummary, manifest: &Manifest) -> Value {
    json!({
        "call": call.call,
        "target": target(&call.target, manifest),
        "result": result(&call.result),
        "connection": call.connection.as_ref().filter(|name| {
            manifest.connections.iter().any(|connection| connection.name == **name)
        }),
        "wall_us": call.wall_us,
    })
}

/// Method, host and the manifest's own path prefix: nothing that a guest can
/// make up at run time.
fn target(target: &str, manifest: &Manifest) -> Option<String> {
    let (method, rest) = target.split_once(' ')?;
    let known_method =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    let rest = rest.strip_prefix("https://").unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let rule = &manifest.egress.iter().find(|request| request.rule.host == host)?.rule;
    let prefix = rule
        .paths
        .iter()
        .filter(|prefix| path.starts_with(prefix.as_str()))
        .max_by_key(|p| p.len());
    known_method.then(|| format!("{method} {host}{}…", prefix.map_or("/", String::as_str)))
}

fn result(result: &CallResult) -> Value {
    match result {
        CallResult::Ok => json!({ "result": "ok" }),
        CallResult::Status { status, retry_after_s } => {
            json!({ "result": "status", "status": status, "retry_after_s": retry_after_s })
        }
        CallResult::Denied { denial, .. } => json!({
            "result": "denied",
            "capability": denial.capability,
            "why": denial.why,
            "who_can_change_it": denial.who_can_change_it,
        }),
        CallResult::NetworkFailed { kind } => json!({ "result": "network-failed", "kind": kind }),
        CallResult::Error { kind, .. } => json!({ "result": "error", "kind": kind }),
        CallResult::HostFailed => json!({ "result": "host-failed" }),
    }
}
