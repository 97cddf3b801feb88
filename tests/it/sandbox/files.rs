//! Scratch files: what a guest can do with them, where it has none, and what it
//! is told when there is no more room.
use serde_json::{Value, json};
use venn_domain::{
    authority::Control, capability::Capability, manifest::CapabilityRequest, run::Ending,
};
use venn_sandbox::{ReplayVerdict, RunLimits};

use super::bed::{self, Bed, START};

/// With files, too.
pub fn control() -> Control {
    let mut control = bed::control();
    let reason = "To be tested.".to_owned();
    control.manifest.capabilities.push(CapabilityRequest { name: Capability::Scratch, reason });
    control.approval.capabilities = control.manifest.capability_set();
    control.grant.capabilities = control.manifest.capability_set();
    control
}

/// What programs do with temporary files.
pub fn work() -> Value {
    json!({ "files": [
        { "do": "open", "path": "note.txt", "how": "cwr", "to": "note" },
        { "do": "stream", "at": "note", "text": "hello " },
        { "do": "append", "at": "note", "text": "world" },
        { "do": "write", "at": "note", "text": "W", "number": 6 },
        { "do": "read", "at": "note", "number": 6 },
        { "do": "read", "at": "note", "number": 11 },
        { "do": "make-directory", "path": "b" },
        { "do": "rename", "path": "note.txt", "to": "b/note" },
        { "do": "make-directory", "path": "a" },
        { "do": "list" },
        { "do": "stat", "path": "b/note" },
        { "do": "pour", "at": "note" },
        { "do": "same", "at": "note", "path": "." },
        { "do": "unlink", "path": "b/note" },
        { "do": "stat", "path": "b/note" },
        { "do": "pour", "at": "note", "number": 8 },
        { "do": "set-size", "at": "note", "number": 2 },
        { "do": "pour", "at": "note" },
        { "do": "remove-directory", "path": "b" },
        { "do": "list" },
    ] })
}

/// What the step of this number was answered; 0 is what was found at first.
fn ok(value: &Value) -> Value {
    json!({ "ok": value })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_a_directory_of_its_own() {
    let bed = Bed::with(control()).await;
    let told = bed.run("scratch_files", work()).await.told();
    let modified = START.0 / 1_000_000;
    let expected = [
        json!(["/tmp"]),
        json!(null),
        json!(6),
        json!(5),
        json!(1),
        json!(["World", false]),
        json!(["", true]),
        json!(null),
        json!(null),
        json!(null),
        json!(["a", "b"]),
        json!({ "type": "DescriptorType::RegularFile", "size": 11, "modified": modified }),
        json!("hello World"),
        json!("same"),
        json!(null),
        json!("gone"),
        json!("rld"),
        json!(null),
        json!("he"),
        json!(null),
        json!(["a"]),
    ];
    for (number, (seen, expected)) in told.as_array().unwrap().iter().zip(&expected).enumerate() {
        match expected.as_str() {
            Some("same") => assert_eq!(*seen, json!({ "error": "not-directory" }), "{number}"),
            Some("gone") => assert_eq!(*seen, json!({ "error": "no-entry" }), "{number}"),
            _ => assert_eq!(*seen, ok(expected), "{number}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_grant_there_is_no_directory() {
    let mut asked = control();
    asked.grant.capabilities = bed::control().grant.capabilities;
    let mut approved = control();
    approved.approval.capabilities = bed::control().approval.capabilities;
    for control in [bed::control(), asked, approved] {
        let bed = Bed::with(control).await;
        let ran = bed.run("scratch_files", json!({ "files": [{ "do": "list" }] })).await;
        assert_eq!(ran.told(), json!([{ "ok": [] }, { "error": "bad-descriptor" }]));
        let replayed = bed.sandbox.replay(&ran.prepared, &ran.tape).await;
        assert_eq!(replayed.verdict, ReplayVerdict::Same);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_no_space_left_and_the_run_says_why() {
    let mut bed = Bed::with(control()).await;
    bed.limits = RunLimits { scratch_bytes: 10, scratch_files: 2, ..bed.limits };
    let full = json!([
        { "do": "open", "path": "a", "how": "cwr", "to": "a" },
        { "do": "stream", "at": "a", "text": "0123456789" },
        { "do": "append", "at": "a", "text": "x" },
        { "do": "write", "at": "a", "text": "x", "number": 10 },
        { "do": "set-size", "at": "a", "number": 11 },
        { "do": "write", "at": "a", "text": "x", "number": 9 },
    ]);
    let ran = bed.run("scratch_files", json!({ "files": full })).await;
    let told = ran.told();
    for number in [3, 4, 5] {
        assert_eq!(told[number], json!({ "error": "insufficient-space" }), "{number}");
    }
    assert_eq!(told[6], ok(&json!(1)), "what is there can be changed");
    let said: Vec<_> = ran.outcome.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        said,
        ["host: the limit scratch.bytes was reached; the plugin was told that no space is left"]
    );
    assert_eq!(bed.sandbox.replay(&ran.prepared, &ran.tape).await.verdict, ReplayVerdict::Same);
    // A program that does not get over it ends at the limit, not in a riddle.
    let many = json!([
        { "do": "make-directory", "path": "$n", "times": 3 },
        { "do": "trap" },
    ]);
    let ran = bed.run("scratch_files", json!({ "files": many })).await;
    assert_eq!(
        ran.outcome.ending,
        Ending::Limit { limit: "scratch.files".to_owned(), waiting_in: None }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_counts_at_the_next_call() {
    let bed = Bed::with(control()).await;
    let mut without = bed::control();
    without.number = 2;
    bed.memory.becomes(2, without);
    let steps = json!([
        { "do": "open", "path": "a", "how": "cwr", "to": "a" },
        { "do": "write", "at": "a", "text": "x" },
        { "do": "write", "at": "a", "text": "x" },
        { "do": "open", "path": "b", "how": "cw" },
    ]);
    let ran = bed.run("scratch_files", json!({ "files": steps })).await;
    let told = ran.told();
    assert_eq!((&told[2], &told[3]), (&ok(&json!(1)), &json!({ "error": "not-permitted" })));
    assert_eq!(told[4], json!({ "error": "not-permitted" }));
    let denials: Vec<_> = ran.outcome.denials().map(|denial| denial.capability.clone()).collect();
    assert_eq!(denials, ["scratch", "scratch"]);
    assert_eq!(bed.sandbox.replay(&ran.prepared, &ran.tape).await.verdict, ReplayVerdict::Same);
}
