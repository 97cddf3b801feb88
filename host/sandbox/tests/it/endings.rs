//! How runs end, whatever a guest does: always a value, never our error.
use venn_domain::run::{Ending, Outcome};
use venn_sandbox::{ReplayVerdict, Tape};

use crate::{
    guest::{OK, plugin, sums_overlaps},
    host::{Memory, Ticking, control, job, sandbox},
};

/// Runs a guest once, and its tape again: the replay must agree.
async fn run(component: &[u8], payload: &str) -> (Outcome, Tape) {
    run_with(component, payload, Memory::new(control(), 3)).await
}

async fn run_with(
    component: &[u8],
    payload: &str,
    memory: std::sync::Arc<Memory>,
) -> (Outcome, Tape) {
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(component).unwrap();
    let job = job(&prepared, &memory, payload);
    let (outcome, tape) = sandbox.run(job, memory, Ticking::new()).await;
    let tape = Tape::decode(&tape.encode().unwrap()).unwrap();
    let replayed = sandbox.replay(&prepared, &tape).await;
    assert_eq!(replayed.verdict, ReplayVerdict::Same, "{}", tape.transcript());
    assert_eq!(replayed.outcome.effects, outcome.effects);
    assert_eq!(replayed.outcome.calls.len(), outcome.calls.len());
    (outcome, tape)
}

fn limit(name: &str) -> Ending {
    Ending::Limit { limit: name.to_owned(), waiting_in: None }
}

#[tokio::test]
async fn a_guest_reads_overlaps_and_reports() {
    let (outcome, tape) = run(&sums_overlaps(), "100").await;
    let Ending::Ok(report) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    // `Example 0 Ltd`, thrice.
    assert_eq!(report.done, 39);
    assert_eq!(outcome.calls.len(), 1);
    assert!(outcome.usage.cpu_us > 0 && outcome.usage.memory_bytes == 4 * 65_536);
    assert!(tape.transcript().starts_with("ok:  (39/0)\ncalls:\n  overlaps.find -> ok\n"));
}

#[tokio::test]
async fn a_page_beyond_the_limit_is_refused_with_the_limit() {
    let (outcome, _) = run(&sums_overlaps(), "1001").await;
    // The guest traps on any refusal; the call says what it was.
    assert!(matches!(&outcome.ending, Ending::Trap { code, .. } if code == "unreachable"));
    let [call] = outcome.calls.as_slice() else { panic!("one call") };
    assert_eq!(
        serde_json::to_value(&call.result).unwrap(),
        serde_json::json!({
            "result": "error", "kind": "invalid", "message": "`limit` is at most 1000"
        })
    );
}

#[tokio::test]
async fn what_was_not_granted_is_a_typed_denial() {
    let mut control = control();
    control.grant.capabilities = venn_domain::capability::CapabilitySet::default();
    let (outcome, _) = run_with(&sums_overlaps(), "10", Memory::new(control, 3)).await;
    let denials: Vec<_> = outcome.denials().collect();
    let [denial] = denials.as_slice() else { panic!("one denial") };
    assert_eq!(
        (&*denial.capability, &*denial.what, &*denial.why, &*denial.who_can_change_it),
        (
            "overlaps:read",
            "capability overlaps:read",
            "the customer did not grant it",
            "customer-admin"
        )
    );
}

#[tokio::test]
async fn a_loop_ends_at_the_cpu_budget_wherever_it_is() {
    let looping = plugin("", "(loop $for_ever (br $for_ever)) unreachable");
    assert_eq!(run(&looping, "").await.0.ending, limit("run.cpu"));
    let at_start = plugin("(func $f (loop $for_ever (br $for_ever))) (start $f)", OK);
    assert_eq!(run(&at_start, "").await.0.ending, limit("run.cpu"));
}

#[tokio::test]
async fn traps_have_stable_codes_and_the_names_of_their_frames() {
    let (outcome, _) = run(&plugin("", "unreachable"), "").await;
    let Ending::Trap { code, message } = outcome.ending else { panic!() };
    assert_eq!(code, "unreachable");
    assert_eq!(message, "wasm trap: wasm `unreachable` instruction executed in handle");
    let deep = plugin("(func $deep (call $deep))", "(call $deep) i32.const 1024");
    assert!(
        matches!(run(&deep, "").await.0.ending, Ending::Trap { code, .. } if code == "stack-overflow")
    );
    let outside = plugin("", "(i32.load (i32.const 0x7fffffff))");
    assert!(
        matches!(run(&outside, "").await.0.ending, Ending::Trap { code, .. } if code == "memory-out-of-bounds")
    );
}

#[tokio::test]
async fn memory_beyond_the_limit_is_declined_and_named() {
    // It grows until it cannot, and gives up.
    let greedy = plugin(
        "",
        "(block $full (loop $more
           (br_if $full (i32.eq (memory.grow (i32.const 16)) (i32.const -1))) (br $more)))
         unreachable",
    );
    let (outcome, _) = run(&greedy, "").await;
    assert_eq!(outcome.ending, limit("run.memory"));
    assert!(outcome.usage.memory_bytes <= 64 << 20);
}

#[tokio::test]
async fn a_lying_length_ends_the_run_before_anything_is_allocated() {
    let lying = plugin(
        r#"(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))"#,
        "(call $write (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0x40000000)) i32.const 1024",
    );
    let (outcome, _) = run(&lying, "").await;
    assert!(matches!(outcome.ending, Ending::Trap { code, .. } if code == "abi"));
}

#[tokio::test]
async fn a_storm_of_tiny_calls_ends_at_the_number_of_calls() {
    let storm = plugin(
        r#"(import "venn:plugin/config@0.1.0" "get" (func $get (param i32)))"#,
        "(loop $for_ever (call $get (i32.const 512)) (br $for_ever)) unreachable",
    );
    let ending = run(&storm, "").await.0.ending;
    assert!(ending == limit("run.calls") || ending == limit("run.cpu"), "{ending:?}");
}

#[tokio::test]
async fn lines_of_the_log_are_kept_up_to_the_limit() {
    let chatty = plugin(
        r#"(import "venn:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32)))"#,
        r"(loop $again
            (call $write (i32.const 600) (i32.const 4) (local.get $kind) (local.get $kind_len))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 300))))
          i32.const 1024",
    );
    let (outcome, _) = run(&chatty, "").await;
    assert_eq!((outcome.log.len(), outcome.log_dropped), (256, 44));
    assert_eq!(outcome.log[0].message, "overlaps-changed");
}
