//! What a run changes: kept with a report, dropped with anything else.
use venn_domain::run::{Ending, StateWrite};
use venn_sandbox::ReplayVerdict;

use crate::{
    guest::{OK, plugin},
    host::{Memory, Ticking, control, job, sandbox},
};

const STATE: &str = r#"
  (import "venn:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "venn:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32 i32 i32 i32)))"#;

/// Writes the event's kind under itself, reads it back, and reports its length.
const WRITES: &str = r"
  (call $set (i32.const 0) (i32.const 0) (i32.const 0) (local.get $kind) (local.get $kind_len)
    (local.get $kind) (local.get $kind_len) (i32.const 512))
  (call $get (i32.const 0) (i32.const 0) (i32.const 0) (local.get $kind) (local.get $kind_len)
    (i32.const 560))
  (i64.store (i32.const 1056) (i64.extend_i32_u (i32.load (i32.const 572))))";

async fn run(component: &[u8], memory: &std::sync::Arc<Memory>) -> venn_domain::run::Outcome {
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(component).unwrap();
    let job = job(&prepared, memory, "5");
    sandbox.run(job, std::sync::Arc::clone(memory) as _, Ticking::new()).await.0
}

#[tokio::test]
async fn a_run_reads_its_own_writes_and_a_report_keeps_them() {
    let outcome = run(&plugin(STATE, &format!("{WRITES} {OK}")), &Memory::new(control(), 0)).await;
    assert!(matches!(&outcome.ending, Ending::Ok(report) if report.done == 16), "{outcome:?}");
    let written = StateWrite {
        partnership: None,
        key: "overlaps-changed".into(),
        value: Some(b"overlaps-changed".to_vec()),
    };
    assert_eq!(outcome.effects.state, [written]);
}

#[tokio::test]
async fn a_fault_or_a_trap_keeps_nothing() {
    let fault = "(i32.store8 (i32.const 1024) (i32.const 1)) i32.const 1024";
    for end in [fault, "unreachable"] {
        let outcome =
            run(&plugin(STATE, &format!("{WRITES} {end}")), &Memory::new(control(), 0)).await;
        assert!(!matches!(outcome.ending, Ending::Ok(_)));
        assert!(outcome.effects.is_empty());
        assert_eq!(outcome.calls.len(), 2);
    }
}

#[tokio::test]
async fn what_was_read_from_a_partner_is_not_written_for_all() {
    let reads = format!(
        r#"(import "venn:plugin/overlaps@0.1.0" "find" (func $find
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))){STATE}"#
    );
    let handle = format!(
        "(call $find {} (i32.const 5) (i32.const 640)) {WRITES} {OK}",
        "(i32.const 0) ".repeat(12)
    );
    let outcome = run(&plugin(&reads, &handle), &Memory::new(control(), 3)).await;
    let denials: Vec<_> = outcome.denials().collect();
    let [denial] = denials.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(denial.what, "write for no partnership");
    assert_eq!(
        denial.why,
        "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`)"
    );
    assert!(outcome.effects.state.is_empty());
    assert_eq!(outcome.effects.read_from.len(), 1);
}

#[tokio::test]
async fn what_an_event_tells_of_a_partner_is_not_written_for_all_and_replays_the_same() {
    let memory = Memory::new(control(), 0);
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(&plugin(STATE, &format!("{WRITES} {OK}"))).unwrap();
    let mut job = job(&prepared, &memory, r#"{"entries":[]}"#);
    job.event.kind = "timeline-added".into();
    job.event.subject = "pty_00000000000000000000000001".into();
    let (outcome, tape) = sandbox.run(job, memory, Ticking::new()).await;
    let denials: Vec<_> = outcome.denials().map(|denial| denial.what.as_str()).collect();
    assert_eq!(denials, ["write for no partnership"]);
    assert!(outcome.effects.state.is_empty());
    assert_eq!(outcome.effects.read_from.len(), 1);
    let replayed = sandbox.replay(&prepared, &tape).await;
    assert_eq!(replayed.verdict, ReplayVerdict::Same);
    assert_eq!(replayed.outcome.effects, outcome.effects);
}

#[tokio::test]
async fn a_grant_that_was_taken_away_counts_at_the_next_call() {
    let memory = Memory::new(control(), 0);
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(&plugin(STATE, &format!("{WRITES} {OK}"))).unwrap();
    let job = job(&prepared, &memory, "5");
    // The job was made under the old authority; the run sees the new number.
    let mut less = control();
    less.grant.capabilities = venn_domain::capability::CapabilitySet::default();
    memory.change(less);
    let (outcome, _) = sandbox.run(job, memory, Ticking::new()).await;
    assert_eq!(outcome.denials().count(), 2);
    assert!(outcome.effects.is_empty());
}
