//! Tapes: the same again, or where it differs.
use std::sync::{Arc, atomic::Ordering};

use venn_domain::run::Ending;
use venn_sandbox::{ReplayVerdict, RunLimits, Tape, TapeError};

use crate::{
    guest::{OK, plugin, sums_overlaps},
    host::{Memory, Ticking, control, job, sandbox},
};

async fn tape(payload: &str) -> (venn_sandbox::Sandbox, Tape) {
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(&sums_overlaps()).unwrap();
    let memory = Memory::new(control(), 3);
    let job = job(&prepared, &memory, payload);
    let (_, tape) = sandbox.run(job, memory, Ticking::new()).await;
    (sandbox, tape)
}

#[tokio::test]
async fn a_newer_release_that_asks_something_else_has_diverged() {
    let (sandbox, tape) = tape("10").await;
    let other = plugin(
        r#"(import "venn:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32 i32 i32 i32)))"#,
        "(call $get (i32.const 0) (i32.const 0) (i32.const 0) (local.get $kind)
           (local.get $kind_len) (i32.const 512)) i32.const 1024",
    );
    let replayed = sandbox.replay(&sandbox.compile_here(&other).unwrap(), &tape).await;
    assert_eq!(
        replayed.verdict,
        ReplayVerdict::Diverged {
            at_call: 0,
            expected: "overlaps.find".into(),
            got: "state.get".into()
        }
    );
}

#[tokio::test]
async fn a_newer_release_that_stops_earlier_has_another_outcome() {
    let (sandbox, tape) = tape("10").await;
    let idle = sandbox.compile_here(&plugin("", OK)).unwrap();
    let replayed = sandbox.replay(&idle, &tape).await;
    assert_eq!(replayed.verdict, ReplayVerdict::OutcomeDiffers { before_call: 0 });
    assert!(matches!(replayed.outcome.ending, Ending::Ok(_)));
}

#[tokio::test]
async fn a_host_call_that_never_returns_ends_at_the_wall_limit_and_is_named() {
    let sandbox = sandbox();
    let prepared = sandbox.compile_here(&sums_overlaps()).unwrap();
    let memory = Memory::new(control(), 3);
    memory.silent.store(true, Ordering::SeqCst);
    let mut job = job(&prepared, &memory, "10");
    job.limits = RunLimits { wall_ms: 50, ..RunLimits::default() };
    let (outcome, tape) = sandbox.run(job, Arc::clone(&memory) as _, Ticking::new()).await;
    let limit =
        Ending::Limit { limit: "run.wall".into(), waiting_in: Some("overlaps.find".into()) };
    assert_eq!(outcome.ending, limit);
    let replayed = sandbox.replay(&prepared, &tape).await;
    assert_eq!((replayed.verdict, replayed.outcome.ending), (ReplayVerdict::Same, limit));
}

#[tokio::test]
async fn a_tape_of_another_format_or_a_damaged_one_is_named() {
    let (_, tape) = tape("10").await;
    let bytes = tape.encode().unwrap();
    let at = bytes.windows(6).position(|w| w == b"format").unwrap() + 6;
    let mut newer = bytes.clone();
    newer[at] = 9;
    assert_eq!(
        Tape::decode(&newer).unwrap_err().to_string(),
        "the tape has format 9, and this program reads format 1; use the version of venn that recorded it"
    );
    for length in 0..bytes.len() {
        assert!(matches!(Tape::decode(&bytes[..length]), Err(TapeError::Damaged(_))), "{length}");
    }
}
