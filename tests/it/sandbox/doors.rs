//! The two doors for outbound calls end in one guard: the same decisions, the
//! same idempotency keys, the same secrets kept. And what `check` and `migrate`
//! may do.
use serde_json::{Value, json};
use venn_domain::run::Ending;
use venn_sandbox::{CheckJob, MigrateJob, RunLimits};

use super::bed::{Bed, SECRET, START, clock, control, info};
use crate::support::{
    guest,
    script::{denied, refused},
};

/// The same call through `http.send`.
async fn easy(bed: &Bed, call: &Value) -> Value {
    let mut step = call.clone();
    step["call"] = json!("http.send");
    bed.run("script", json!({ "steps": [step, { "call": "host.last-denial" }] })).await.told()
}

/// The same call through `wasi:http`.
async fn standard(bed: &Bed, call: &Value) -> Value {
    bed.run("http_wasi", call.clone()).await.told()
}

fn call(method: &str, url: &str) -> Value {
    json!({ "method": method, "url": url, "headers": [] })
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_are_denied_by_the_same_guard() {
    let bed = Bed::start().await;
    for (method, url) in [
        ("GET", "https://evil.example.com/any"),
        ("DELETE", "https://echo.example/any"),
        ("GET", "https://echo.example/other"),
        ("GET", "https://echo.example:8443/any"),
        ("GET", "http://echo.example/any"),
    ] {
        let call = call(method, url);
        let denial = denied(
            "http:egress",
            &format!("{method} {url}"),
            "the manifest does not ask for it",
            "publisher",
        );
        assert_eq!(easy(&bed, &call).await, json!([denial, { "ok": denial["denied"] }]));
        let seen = standard(&bed, &call).await;
        assert_eq!(seen["last-denial"], denial["denied"], "{url}");
        assert_eq!(seen["result"], json!({ "error": "ErrorCode::HttpRequestDenied" }), "{url}");
    }
    let mut without = control();
    without.grant.egress_hosts.clear();
    let bed = Bed::with(without).await;
    let call = call("GET", "https://echo.example/any");
    let denial = denied(
        "http:egress",
        "GET https://echo.example/any",
        "the customer did not grant it",
        "customer-admin",
    );
    assert_eq!(easy(&bed, &call).await[0], denial);
    assert_eq!(standard(&bed, &call).await["last-denial"], denial["denied"]);
    assert_eq!(bed.echo.calls().len(), 0, "nothing was sent");
}

/// What the third party says that it was sent.
fn echoed(told: &Value) -> Value {
    serde_json::from_str(told["ok"]["body"].as_str().unwrap_or_else(|| panic!("{told}"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_send_the_same_message_with_the_same_key() {
    let bed = Bed::start().await;
    let easy_call = json!({ "method": "POST", "url": "https://echo.example/any?q=1", "headers": [["x-own", "1"]],
                            "body": "hello", "operation": "task/1", "connection": "echo" });
    let standard_call = json!({ "method": "POST", "url": "https://echo.example/any?q=1", "body": "hello",
                                "headers": [["x-own", "1"], ["venn-operation", "task/1"], ["venn-connection", "echo"]] });
    let by_easy = echoed(&easy(&bed, &easy_call).await[0]);
    let by_standard = echoed(&standard(&bed, &standard_call).await["result"]);
    for seen in [&by_easy, &by_standard] {
        assert_eq!(
            (&seen["method"], &seen["path"], &seen["body"]),
            (&json!("POST"), &json!("/any"), &json!("hello"))
        );
        assert_eq!(seen["headers"]["authorization"], json!(["Bearer [redacted]"]));
        assert_eq!(seen["headers"]["x-own"], json!(["1"]));
        assert!(
            !seen.to_string().contains(SECRET) && !seen.to_string().contains("venn-"),
            "{seen}"
        );
    }
    let key = |seen: &Value| seen["headers"]["idempotency-key"].clone();
    assert!(key(&by_easy)[0].is_string());
    assert_eq!(key(&by_easy), key(&by_standard), "one operation is one operation");
    assert_eq!(bed.echo.calls().iter().filter(|call| call.authorized).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_host_are_refused_at_both_doors() {
    let bed = Bed::start().await;
    for name in ["host", "idempotency-key", "transfer-encoding", "x-forwarded-for"] {
        let call =
            json!({ "method": "GET", "url": "https://echo.example/any", "headers": [[name, "x"]] });
        let by_easy = easy(&bed, &call).await[0].clone();
        assert_eq!(by_easy, refused("invalid", &format!("the header `{name}` is set by the host")));
        let by_standard = standard(&bed, &call).await;
        assert!(by_standard["result"]["error"].is_string(), "{name}: {by_standard}");
    }
    assert_eq!(bed.echo.calls().len(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_may_look_and_not_touch() {
    let bed = Bed::start().await;
    let prepared = bed.sandbox.compile_here(&guest("check_findings")).unwrap();
    let job = CheckJob {
        prepared,
        info: info(),
        config: json!({ "url": "https://echo.example/any", "connection": "echo" }).to_string(),
        connections: vec!["echo".to_owned()],
        authority: bed.memory.now(),
        started_at: START,
    };
    let checked = bed.sandbox.check(job, bed.memory.clone(), clock()).await;
    let found: Vec<(&str, Value)> = checked
        .findings
        .iter()
        .map(|finding| {
            (finding.field.as_deref().unwrap(), serde_json::from_str(&finding.message).unwrap())
        })
        .collect();
    let nothing = "check() runs before the install is enabled: it has no data and no effects";
    assert_eq!(
        found,
        [
            ("get", json!({ "ok": 200 })),
            ("head", json!({ "ok": 200 })),
            (
                "post",
                denied(
                    "http:egress",
                    "method POST in check()",
                    "check() may look (GET, HEAD) and not change anything",
                    "publisher"
                )
            ),
            ("overlaps", denied("overlaps:read", "overlaps.find", nothing, "publisher")),
            ("state", denied("state", "state.set", nothing, "publisher")),
            ("timeline", denied("timeline:write", "timeline.append", nothing, "publisher")),
        ]
    );
    assert!(checked.outcome.effects.is_empty());
    assert_eq!(bed.echo.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_moves_state_and_does_nothing_else() {
    let bed = Bed::start().await;
    bed.memory.state.lock().unwrap().insert("old".to_owned(), b"kept".to_vec());
    let prepared = bed.sandbox.compile_here(&guest("migrate_state")).unwrap();
    let job = |old_version: &str| MigrateJob {
        prepared: prepared.clone(),
        info: info(),
        old_version: old_version.to_owned(),
        config: "{}".to_owned(),
        authority: bed.memory.now(),
        limits: RunLimits::default(),
        started_at: START,
    };
    let (moved, _) = bed.sandbox.migrate(job("0.1.0"), bed.memory.clone(), clock()).await;
    assert!(matches!(moved.ending, Ending::Ok(_)), "{:?}", moved.ending);
    let writes: Vec<_> = moved
        .effects
        .state
        .iter()
        .map(|write| (write.key.as_str(), write.value.as_deref()))
        .collect();
    assert_eq!(writes, [("new", Some(b"kept".as_slice())), ("old", None)]);
    let denials: Vec<_> =
        moved.denials().map(|denial| (denial.what.as_str(), denial.why.as_str())).collect();
    assert_eq!(denials, [("http.send", "migrate() may use state only")]);
    let (failed, _) = bed.sandbox.migrate(job("0.0.0"), bed.memory.clone(), clock()).await;
    assert!(
        matches!(&failed.ending, Ending::Fault(claim) if claim.code == "too-old"),
        "{:?}",
        failed.ending
    );
    assert!(failed.effects.is_empty());
}
