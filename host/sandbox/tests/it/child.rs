//! The compile child: what it makes runs in a serving sandbox, and what kills
//! it is a refusal.
use std::fmt::Write as _;

use venn_domain::run::Ending;
use venn_sandbox::{LoadError, Sandbox, Settings};

use crate::{
    guest::{OK, plugin, sums_overlaps},
    host::{Memory, Ticking, control, job, settings},
};

/// A sandbox whose child is the example program of this crate.
fn serving() -> Sandbox {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples/compile_child");
    Sandbox::new(Settings { compile_program: program, ..settings() }).unwrap()
}

#[tokio::test]
async fn what_the_child_compiled_is_sealed_loaded_and_runs() {
    let sandbox = serving();
    let component = sums_overlaps();
    let gated = sandbox.gate(&component).await.unwrap();
    assert!(gated.inspection.ok(), "{:?}", gated.inspection.findings);
    let mut sealed = gated.artifact.unwrap();
    let prepared = sandbox.load(&gated.inspection.digest, &sealed).unwrap();
    let memory = Memory::new(control(), 2);
    let job = job(&prepared, &memory, "10");
    let (outcome, _) = sandbox.run(job, memory, Ticking::new()).await;
    assert!(matches!(outcome.ending, Ending::Ok(report) if report.done == 26));

    let other = sandbox.load(&"0".repeat(64), &sealed).err();
    assert_eq!(other, Some(LoadError::NotOurs));
    *sealed.last_mut().unwrap() ^= 1;
    let changed = sandbox.load(&gated.inspection.digest, &sealed).err();
    assert_eq!(changed, Some(LoadError::NotOurs));
}

#[tokio::test]
async fn what_does_not_compile_is_refused_with_the_reason() {
    // A body of the wrong type: the scan does not validate, the child does.
    let mut component = plugin("", OK);
    let at = component.windows(3).rposition(|w| w == [0x41, 0x80, 0x08]).unwrap();
    component[at] = 0x42;
    let gated = serving().gate(&component).await.unwrap();
    let finding = &gated.inspection.findings[0];
    assert_eq!((finding.check, finding.ok), ("compile.failed", false));
    assert!(finding.message.starts_with("it does not compile: "), "{}", finding.message);
    assert!(gated.artifact.is_none());
}

#[tokio::test]
async fn a_compile_bomb_kills_the_child_and_nothing_else() {
    // Thousands of variables alive across as many branches.
    let mut locals = String::new();
    let mut body = String::new();
    for i in 0..9_000 {
        locals.push_str(" i64");
        let _ = write!(
            body,
            "(if (i32.wrap_i64 (local.get {i})) (then (local.set {} (i64.add (local.get {i}) (local.get {})))))",
            (i * 7 + 1) % 9_000,
            (i * 13 + 5) % 9_000
        );
    }
    let bomb = plugin(&format!("(func $bomb (export \"bomb\") (local{locals}) {body})"), OK);
    let gated = serving().gate(&bomb).await.unwrap();
    let finding = &gated.inspection.findings[0];
    assert_eq!((finding.check, finding.ok), ("compile.died", false), "{finding:?}");
    assert!(finding.message.starts_with("compiling it was stopped: it took more than "));
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_our_error() {
    let sandbox = Sandbox::new(settings()).unwrap();
    let error = sandbox.gate(&sums_overlaps()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the compile child could not be run: No such file or directory (os error 2). Check that `compile_program` is the venn binary and may be executed"
    );
}
