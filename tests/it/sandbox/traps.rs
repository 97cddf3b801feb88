//! How guests break: a stable code, the last words in the log, and nothing of
//! what the run would have changed.
use serde_json::json;
use venn_domain::run::Ending;

use super::bed::{Bed, Ran};

fn trap(ran: &Ran) -> (&str, &str) {
    match &ran.outcome.ending {
        Ending::Trap { code, message } => (code, message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trap_has_its_code_and_no_effects() {
    let bed = Bed::start().await;
    let unreachable = bed.run("trap_unreachable", json!({})).await;
    assert_eq!(trap(&unreachable).0, "unreachable");
    assert!(unreachable.outcome.log.is_empty());
    let stack = bed.run("trap_stack", json!({})).await;
    assert_eq!(trap(&stack).0, "stack-overflow");
    for ran in [&unreachable, &stack] {
        assert!(ran.outcome.effects.is_empty());
        assert!(ran.outcome.usage.wall_us > 0);
    }
    // The host is as it was.
    assert_eq!(bed.run_on("old_guest", "installed", json!({})).await.summary(), "installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panics_words_are_in_the_log_and_its_writes_are_gone() {
    let bed = Bed::start().await;
    let ran = bed.run("trap_panic", json!({})).await;
    assert_eq!(trap(&ran).0, "unreachable");
    let lines: Vec<_> =
        ran.outcome.log.iter().map(|line| (line.level.as_str(), line.message.as_str())).collect();
    assert_eq!(lines[0], ("info", "about to panic"));
    let (level, words) = lines[1];
    assert_eq!(level, "panic");
    assert!(
        words.contains("the list of owners is empty") && words.contains("trap_panic.rs:"),
        "{words}"
    );
    assert_eq!(ran.outcome.calls.len(), 1, "the write was made and answered");
    assert!(ran.outcome.effects.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_told_by_the_guest_is_no_report() {
    let bed = Bed::start().await;
    let steps = json!({ "steps": [
        { "call": "state.set", "key": "k", "value": "v" }, { "call": "panic", "message": "no more" } ] });
    let ran = bed.run("script", steps).await;
    assert_eq!(trap(&ran).0, "unreachable");
    assert!(
        ran.outcome
            .log
            .iter()
            .any(|line| line.level == "panic" && line.message.contains("no more"))
    );
    assert!(ran.outcome.effects.is_empty());
}
