//! What a guest takes too much of: it is stopped at the published limit, by its
//! name, and nothing else notices.
use serde_json::json;
use venn_domain::{limits, run::Ending};
use venn_sandbox::{RunLimits, Sandbox};

use super::bed::{Bed, settings};
use crate::support::guest;

fn limit(name: &str) -> Ending {
    Ending::Limit { limit: name.to_owned(), waiting_in: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn computing_without_end_stops_at_the_cpu_limit_and_others_go_on() {
    let bed = Bed::start().await;
    let (looping, innocent) = tokio::join!(
        bed.run("cpu_loop", json!({})),
        bed.run_on("old_guest", "installed", json!({})),
    );
    assert_eq!(looping.outcome.ending, limit("run.cpu"));
    assert_eq!(innocent.summary(), "installed");
    let used_ms = looping.outcome.usage.cpu_us / 1_000;
    assert!((limits::RUN_CPU_MS..2 * limits::RUN_CPU_MS).contains(&used_ms), "{used_ms} ms");
    // Also before any export is called.
    assert_eq!(bed.run("cpu_loop_start", json!({})).await.outcome.ending, limit("run.cpu"));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_without_end_stops_at_the_wall_limit_and_says_what_it_waited_in() {
    let mut bed = Bed::start().await;
    // Enough to come to the poll where much else runs.
    bed.limits = RunLimits { wall_ms: 1_000, ..RunLimits::default() };
    let ran = bed.run("wall_poll", json!({})).await;
    let Ending::Limit { limit, waiting_in } = &ran.outcome.ending else {
        panic!("{:?}", ran.outcome.ending)
    };
    assert_eq!(limit, "run.wall");
    assert!(waiting_in.as_deref().is_some_and(|call| call.contains("poll")), "{waiting_in:?}");
    assert!(ran.outcome.usage.cpu_us < 100_000, "it slept: {} us", ran.outcome.usage.cpu_us);
    // A short sleep is none of our business.
    let ran = bed.run("wall_poll", json!({ "sleep_ms": 1 })).await;
    assert_eq!(ran.summary(), "awake");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_given_up_to_the_limit() {
    let mut bed = Bed::start().await;
    bed.limits = RunLimits { cpu_ms: limits::RUN_CPU_MS_MAX, ..RunLimits::default() };
    let modest = bed.run("memory_grow", json!({ "mib": 40 })).await;
    assert_eq!(modest.summary(), "40 MiB");
    let greedy = bed.run("memory_grow", json!({})).await;
    // An allocation that fails is the guest's to handle: it tells how far it got.
    let got: u64 = greedy.summary().strip_suffix(" MiB").unwrap().parse().unwrap();
    assert!((50..64).contains(&got), "{got} MiB");
    let peak = greedy.outcome.usage.memory_bytes;
    assert!(peak <= limits::RUN_MEMORY_BYTES && peak > 50 << 20, "{peak}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_is_cut_counted_and_one_line_each() {
    let mut bed = Bed::start().await;
    bed.limits = RunLimits { cpu_ms: limits::RUN_CPU_MS_MAX, ..RunLimits::default() };
    let ran = bed.run("log_flood", json!({})).await;
    assert_eq!(ran.summary(), "flooded");
    assert_eq!(
        (ran.outcome.log.len() as u64, ran.outcome.log_dropped),
        (limits::RUN_LOG_LINES, 1_000 - limits::RUN_LOG_LINES)
    );
    for line in &ran.outcome.log {
        assert!(
            line.message.len() as u64 <= limits::RUN_LOG_LINE_BYTES + 16,
            "{}",
            line.message.len()
        );
        assert!(!line.message.chars().any(char::is_control), "{:?}", &line.message[..80]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_hands_over_or_asks_for_so_much_only() {
    let mut bed = Bed::start().await;
    bed.limits = RunLimits { cpu_ms: limits::RUN_CPU_MS_MAX, ..RunLimits::default() };
    assert_eq!(bed.run("random_big", json!({})).await.outcome.ending, limit("run.random"));
    assert_eq!(
        bed.run("random_big", json!({ "bytes": 65_537 })).await.outcome.ending,
        limit("run.random")
    );
    assert_eq!(bed.run("random_big", json!({ "bytes": 65_536 })).await.summary(), "65536 bytes");
    for door in ["state", "log", "fields"] {
        let ran = bed.run("hostcall_big", json!({ "door": door, "mib": 16 })).await;
        assert_eq!(ran.outcome.ending, limit("run.hostcall"), "{door}");
        assert!(ran.outcome.effects.is_empty() && ran.outcome.log.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn state_of_one_run_stops_at_the_installs_limits() {
    let mut bed = Bed::start().await;
    bed.limits = RunLimits { cpu_ms: limits::RUN_CPU_MS_MAX, ..RunLimits::default() };
    let many = bed.run("state_flood", json!({ "value_bytes": 1 })).await.told();
    let text = "state.keys: an install keeps at most 10000 keys";
    assert_eq!(
        many,
        json!({ "written": 10_000, "then": { "error": { "kind": "limit", "message": text } } })
    );
    let large = bed.run("state_flood", json!({ "value_bytes": 65_536 })).await.told();
    let text = "state.bytes: an install keeps at most 16777216 bytes";
    assert_eq!(
        large,
        json!({ "written": 256, "then": { "error": { "kind": "limit", "message": text } } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_finds_fresh_memory_whoever_was_there_before() {
    let mut bed = Bed::start().await;
    // The pool of a serving sandbox, with one slot that every run gets.
    bed.sandbox = Sandbox::new(settings(&bed.echo)).unwrap();
    bed.limits = RunLimits { cpu_ms: limits::RUN_CPU_MS_MAX, ..RunLimits::default() };
    let prepared = bed.sandbox.compile_here(&guest("isolate_memory")).unwrap();
    for _ in 0..5 {
        assert_eq!(bed.run_prepared(&prepared, "installed", json!({})).await.summary(), "fresh");
    }
}
