//! Verdicts: every row that one run can show, claims that lie, and routes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod route;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    authority::Denial,
    manifest::{Manifest, tests::good},
    run::{CallResult, CallSummary, Claim, Effects, Ending, Outcome, Report, Usage},
};

const TASKS: &str = "POST api.hubapi.com/crm/v3/objects/tasks/8123?x=1";

fn outcome(ending: Ending, calls: Vec<CallSummary>) -> Outcome {
    let (effects, usage) = (Effects::default(), Usage::default());
    Outcome { ending, effects, usage, log: Vec::new(), log_dropped: 0, calls }
}

fn http(target: &str, result: CallResult) -> CallSummary {
    let (call, target) = ("http.send".to_owned(), target.to_owned());
    CallSummary {
        call,
        target,
        result,
        connection: Some("crm".into()),
        host_from_config: false,
        wall_us: 1,
    }
}

fn status(status: u16) -> CallSummary {
    http(TASKS, CallResult::Status { status, retry_after_s: None })
}

fn network(kind: &str) -> CallSummary {
    http(TASKS, CallResult::NetworkFailed { kind: kind.into() })
}

fn denied(capability: &str, what: &str, why: &str, who: &str) -> CallResult {
    let denial = Denial {
        capability: capability.to_owned().into(),
        what: what.into(),
        why: why.into(),
        who_can_change_it: who.to_owned().into(),
    };
    CallResult::Denied { capability: capability.into(), denial }
}

fn own(call: &str, result: CallResult) -> CallSummary {
    let (call, target) = (call.to_owned(), String::new());
    CallSummary { call, target, result, connection: None, host_from_config: false, wall_us: 1 }
}

fn error(kind: &str) -> CallResult {
    CallResult::Error { kind: kind.into(), message: "S3CRET".into() }
}

fn claim(cause: &str, field: Option<&str>) -> Claim {
    let (code, field) = ("portal-unknown".to_owned(), field.map(str::to_owned));
    Claim { code, cause: cause.into(), field, message: "S3CRET".into(), retry_after_s: None }
}

fn judged_with(manifest: &Manifest, config: &serde_json::Value, outcome: &Outcome) -> Verdict {
    let version = semver::Version::new(1, 2, 0);
    let facts = Facts { plugin: "crm-tasks", version: &version, manifest, config };
    provisional(outcome, &facts).unwrap()
}

fn judged(outcome: &Outcome) -> Verdict {
    judged_with(&good(), &json!({"portal": "acme-4711"}), outcome)
}

fn fault(calls: Vec<CallSummary>) -> Verdict {
    judged(&outcome(Ending::Fault(claim("unknown", None)), calls))
}

fn short(verdict: &Verdict) -> String {
    let (class, kind, owner) = (verdict.class.name(), verdict.kind.name(), verdict.owner.name());
    let field = verdict.field.as_deref().unwrap_or("-");
    let retry = if verdict.retryable { "retry" } else { "no retry" };
    format!("{class} {kind} {owner} {field} {retry}: {}", verdict.evidence[0])
}

fn trap() -> Ending {
    Ending::Trap { code: "unreachable".into(), message: "S3CRET".into() }
}

fn limit(limit: &str, waiting_in: Option<&str>) -> Ending {
    Ending::Limit { limit: limit.into(), waiting_in: waiting_in.map(str::to_owned) }
}

#[test]
fn a_run_that_ended_well_has_no_verdict_whatever_failed_in_it() {
    let good_run = outcome(
        Ending::Ok(Report::default()),
        vec![status(500), own("state.get", CallResult::HostFailed)],
    );
    let manifest = good();
    let version = semver::Version::new(1, 0, 0);
    let facts = Facts { plugin: "p", version: &version, manifest: &manifest, config: &json!({}) };
    assert_eq!(provisional(&good_run, &facts), None);
    assert!(signal::signals(&good_run).is_empty());
}

#[test]
fn how_a_run_ended() {
    let host_failed = Ending::HostFailed { message: "S3CRET".into() };
    let cases = [
        (trap(), "plugin permanent publisher - retry: the plugin's code trapped: unreachable"),
        (
            limit("run.cpu", None),
            "plugin permanent publisher - retry: the plugin reached the limit `run.cpu`",
        ),
        (
            limit("run.memory", None),
            "plugin permanent publisher - retry: the plugin reached the limit `run.memory`",
        ),
        (
            limit("run.handles", None),
            "plugin permanent publisher - retry: the plugin reached the limit `run.handles`",
        ),
        (
            limit("event.loop", None),
            "plugin permanent publisher - no retry: what the plugin writes causes its own next event, \
             over and over: the limit `event.loop` stopped it",
        ),
        (
            limit("delivery.steps", None),
            "plugin permanent publisher - no retry: the plugin reached the limit `delivery.steps`",
        ),
        (
            limit("run.wall", Some("http.send")),
            "third-party transient publisher - retry: the time was used up waiting in http.send",
        ),
        (
            limit("check.wall", Some("wasi:http")),
            "third-party transient publisher - retry: the time was used up waiting in wasi:http",
        ),
        (
            limit("run.wall", Some("overlaps.changes")),
            "platform transient platform-admin - retry: the time was used up waiting in overlaps.changes",
        ),
        (
            limit("run.wall", Some("wasi:io/poll")),
            "plugin permanent publisher - retry: the time was used up waiting in wasi:io/poll",
        ),
        (
            limit("run.wall", None),
            "unknown transient platform-admin - retry: the time was used up, and not in a host call",
        ),
        (
            host_failed,
            "platform transient platform-admin - retry: something of the platform failed during the run",
        ),
    ];
    for (ending, expected) in cases {
        assert_eq!(short(&judged(&outcome(ending, Vec::new()))), expected);
    }
}

#[test]
fn what_a_third_party_answered() {
    let at = "POST https://api.hubapi.com/crm/v3/objects/tasks/…";
    let with = "with the credential of connection `crm`";
    let cases = [
        (400, "plugin contract publisher - no retry"),
        (401, "customer-config permanent customer-admin crm no retry"),
        (403, "customer-config permanent customer-admin crm no retry"),
        (404, "plugin permanent publisher - no retry"),
        (408, "third-party transient publisher - retry"),
        (422, "plugin contract publisher - no retry"),
        (429, "third-party quota publisher - retry"),
        (500, "third-party transient publisher - retry"),
        (503, "third-party transient publisher - retry"),
        (599, "third-party transient publisher - retry"),
    ];
    for (code, expected) in cases {
        assert_eq!(
            short(&fault(vec![status(code)])),
            format!("{expected}: {at} answered {code} {with}")
        );
    }
    let asked = http(TASKS, CallResult::Status { status: 429, retry_after_s: Some(17) });
    assert_eq!(fault(vec![asked]).retry_after_s, Some(17));
    let bare = CallSummary { connection: None, ..status(401) };
    assert_eq!(
        short(&fault(vec![bare.clone()])),
        format!("plugin contract publisher - no retry: {at} answered 401")
    );
    let elsewhere = CallSummary { target: "GET other.com/me".into(), ..bare };
    assert_eq!(
        short(&fault(vec![elsewhere])),
        "customer-config permanent customer-admin - no retry: GET https://other.com/me answered 401"
    );
}

#[test]
fn what_the_network_did() {
    let at = "POST https://api.hubapi.com/crm/v3/objects/tasks/… failed";
    let cases = [
        ("dns", "third-party transient publisher - retry", "its host name does not resolve"),
        ("connect", "third-party transient publisher - retry", "no connection could be made"),
        ("tls", "third-party transient publisher - retry", "no secure connection could be made"),
        ("timeout", "third-party transient publisher - retry", "no whole answer arrived in time"),
        (
            "protocol",
            "third-party transient publisher - retry",
            "the answer was cut off or was not HTTP",
        ),
        (
            "body-too-large",
            "plugin contract publisher - no retry",
            "the answer was larger than allowed",
        ),
        ("quantum", "unknown transient platform-admin - retry", "quantum"),
    ];
    for (kind, expected, text) in cases {
        assert_eq!(short(&fault(vec![network(kind)])), format!("{expected}: {at}: {text}"));
    }
    let configured = CallSummary { host_from_config: true, ..network("dns") };
    assert_eq!(
        short(&fault(vec![configured])),
        "customer-config permanent customer-admin - no retry: POST https://(configured host)/crm/v3/objects/tasks/… failed: its host name does not resolve"
    );
}

#[test]
fn what_was_denied() {
    let call = |result| vec![own("overlaps.find", result)];
    let field = |who| denied("overlaps:read", "field their-owner", "because", who);
    let told = "overlaps.find was declined (overlaps:read): because";
    let cases = [
        ("publisher", "plugin contract publisher - no retry"),
        ("platform-admin", "grant-missing permanent platform-admin - no retry"),
        ("customer-admin", "grant-missing permanent customer-admin - no retry"),
        ("data-owner", "grant-missing permanent data-owner - no retry"),
        ("the moon", "unknown permanent platform-admin - no retry"),
    ];
    for (who, expected) in cases {
        assert_eq!(short(&fault(call(field(who)))), format!("{expected}: {told}"));
    }
    let egress =
        |what: &str, who| http("GET evil.com/x", denied("http:egress", what, "because", who));
    let told = "GET https://evil.com/x was declined (http:egress): because";
    let outside = egress("GET https://evil.com/x", "publisher");
    assert_eq!(
        short(&fault(vec![outside.clone()])),
        format!("plugin security publisher - no retry: {told}")
    );
    let unconnected = egress("connection crm", "customer-admin");
    assert_eq!(
        short(&fault(vec![unconnected])),
        format!("customer-config permanent customer-admin crm no retry: {told}")
    );
    let guarded = CallSummary { host_from_config: true, ..outside };
    assert_eq!(
        short(&fault(vec![guarded])),
        "customer-config permanent customer-admin - no retry: GET https://(configured host)/x was declined (http:egress): because"
    );
}

#[test]
fn what_other_host_calls_answered() {
    let cases = [
        (
            error("invalid"),
            "plugin contract publisher - no retry: state.set was answered with `invalid`",
        ),
        (error("limit"), "plugin quota publisher - retry: state.set was answered with `limit`"),
        (
            error("conflict"),
            "plugin transient publisher - retry: state.set was answered with `conflict`",
        ),
        (
            error("unavailable"),
            "platform transient platform-admin - retry: state.set was answered with `unavailable`",
        ),
        (
            error("decode"),
            "third-party contract publisher - retry: state.set was answered with `decode`",
        ),
        (
            error("new"),
            "unknown transient platform-admin - retry: state.set was answered with `new`",
        ),
        (
            CallResult::HostFailed,
            "platform transient platform-admin - retry: state.set failed inside the platform",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(short(&fault(vec![own("state.set", result)])), expected);
    }
}

#[test]
fn the_last_failure_that_was_not_overcome_counts_most() {
    let ok = http(
        "GET api.hubapi.com/crm/v3/objects/tasks",
        CallResult::Status { status: 200, retry_after_s: None },
    );
    let verdict = fault(vec![status(503), own("state.get", CallResult::Ok), status(401)]);
    assert_eq!(verdict.class, Class::CustomerConfig);
    assert_eq!(
        verdict.evidence,
        [
            "POST https://api.hubapi.com/crm/v3/objects/tasks/… answered 401 with the credential of connection `crm`",
            "before that, POST https://api.hubapi.com/crm/v3/objects/tasks/… answered 503 with the credential of connection `crm`",
            "the release was 1.2.0",
        ]
    );
    assert_eq!(fault(vec![status(404), ok.clone()]).class, Class::Unknown);
    assert_eq!(
        fault(vec![status(401), own("timeline.append", CallResult::Ok)]).class,
        Class::CustomerConfig
    );
    // A trap is the plugin's, unless our own failure led to it.
    let after = |call| judged(&outcome(trap(), vec![call]));
    assert_eq!(
        (after(status(503)).class, after(status(503)).confidence_permille),
        (Class::Plugin, 700)
    );
    assert_eq!(after(own("state.get", CallResult::HostFailed)).class, Class::Platform);
    assert_eq!(after(ok).confidence_permille, 900);
}

#[test]
fn a_claim_is_believed_only_with_what_the_host_can_see() {
    let judge = |config: serde_json::Value, claim: Claim, calls| {
        let verdict = judged_with(&good(), &config, &outcome(Ending::Fault(claim), calls));
        (verdict.class, verdict.field, verdict.evidence[0].clone())
    };
    let fine = || json!({"portal": "acme-4711"});
    let config = |field| claim("customer-config", field);
    let nothing = "the plugin reported a fault, and the host saw nothing fail";
    for claim in [
        config(Some("portal")),
        config(Some("nowhere")),
        config(None),
        claim("third-party", None),
        claim("platform", None),
        claim("grant-missing", None),
        claim("S3CRET", None),
    ] {
        assert_eq!(judge(fine(), claim, vec![]), (Class::Unknown, None, nothing.into()));
    }
    let broken = judge(json!({}), config(Some("portal")), vec![]);
    assert_eq!(
        broken,
        (
            Class::CustomerConfig,
            Some("portal".into()),
            "the configuration breaks its schema at `portal`".into()
        )
    );
    assert_eq!(judge(json!({}), config(Some("due_days")), vec![]).0, Class::Unknown);
    assert_eq!(judge(fine(), claim("plugin", None), vec![]).0, Class::Plugin);
    // The value that the customer entered stands in the refused call.
    let portal = |code| CallSummary {
        target: "GET api.hubapi.com/portals/acme-4711/tasks".into(),
        ..status(code)
    };
    for code in [400, 404, 422] {
        let (class, field, evidence) = judge(fine(), config(Some("portal")), vec![portal(code)]);
        assert_eq!((class, field.as_deref()), (Class::CustomerConfig, Some("portal")));
        assert!(!evidence.contains("4711"), "{evidence}");
        assert_eq!(judge(fine(), config(Some("due_days")), vec![portal(code)]).0, Class::Plugin);
        assert_eq!(judge(fine(), config(Some("portal")), vec![status(code)]).0, Class::Plugin);
    }
}

#[test]
fn equal_failures_have_equal_fingerprints() {
    let base = fault(vec![status(503)]).fingerprint;
    assert_eq!(base.len(), 16);
    let other_id =
        CallSummary { target: "POST api.hubapi.com/crm/v3/objects/tasks/99".into(), ..status(503) };
    assert_eq!(fault(vec![other_id]).fingerprint, base);
    let version = semver::Version::new(9, 9, 9);
    let (manifest, config) = (good(), json!({}));
    let facts = |plugin| Facts { plugin, version: &version, manifest: &manifest, config: &config };
    let run = outcome(Ending::Fault(claim("S3CRET", None)), vec![status(503)]);
    assert_eq!(provisional(&run, &facts("crm-tasks")).unwrap().fingerprint, base);
    assert_ne!(provisional(&run, &facts("other")).unwrap().fingerprint, base);
    assert_ne!(fault(vec![status(500)]).fingerprint, base);
    // A guest cannot make up groups with texts of its own.
    let made_up = |n: u32| {
        let code = format!("code-{n}");
        judged(&outcome(Ending::Fault(Claim { code, ..claim("unknown", None) }), vec![]))
            .fingerprint
    };
    assert_eq!(made_up(1), made_up(2));
}
