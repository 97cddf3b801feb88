//! One run in our sandbox with everything on, against raw wasmtime: the same
//! engine configuration, component and records, a linker that answers the same
//! imports and does nothing else, `InstancePre`, a fresh store per call.
//!
//! `bench_run [GUEST.wasm]`, one JSON object a line. The guest's `handle` gets
//! `{"limit":N}`, asks for as many overlaps, and adds up lengths.
//! `bench_run GUEST.wasm --raw CALLS` runs the raw side alone, without records: a
//! measure for benches that cannot link the engine.
//! Without an argument a guest of the same shape, written by hand, is used.
//! Both sides hand over records that were made before: what it costs to make
//! them is the store's business and is printed apart (`make-page`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark fails by panicking, and prints ratios"
)]
#[path = "bench_run/allocations.rs"]
mod allocations;
#[path = "../tests/it/guest.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod guest;
#[path = "../tests/it/host.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod host;
#[path = "bench_run/raw.rs"]
mod raw;

use std::{hint::black_box, sync::Arc, time::Instant};

use host::{Memory, Ticking, control, job};
use venn_domain::{capability::Capability, overlap::OverlapPage, run::Ending};
use venn_sandbox::{OverlapAnswer, PoolSettings, Sandbox, Settings};

/// Rounds of each side, in turn; medians are of these.
const ROUNDS: usize = 300;
/// Calls of one round: more where they are short, so that a round is far
/// longer than the timer's resolution.
const fn calls(records: u32) -> u32 {
    if records >= 1_000 { 4 } else { 20 }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let component = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path).unwrap(),
        None => guest::sums_overlaps(),
    };
    if let Some(calls) = std::env::args().skip_while(|word| word != "--raw").nth(1) {
        return runtime.block_on(raw_alone(&component, calls.parse().unwrap()));
    }
    let settings = Settings { pool: PoolSettings { runs: 8 }, ..host::settings() };
    let sandbox = Sandbox::new(settings).unwrap();
    for records in [0, 10, 100, 1_000] {
        runtime.block_on(compare(&sandbox, &component, records));
    }
    runtime.block_on(guards(&sandbox, &component));
    make_page();
    authority();
}

/// Raw wasmtime alone: calls a second, one after the other.
async fn raw_alone(component: &[u8], calls: u32) {
    let raw = raw::Raw::new(component, host::page(0));
    black_box(raw.call(&payload(0)).await);
    let began = Instant::now();
    for _ in 0..calls {
        black_box(raw.call(&payload(0)).await);
    }
    println!("{{\"per_s\":{:.1}}}", f64::from(calls) / began.elapsed().as_secs_f64());
}

/// What the guest reads: both guests understand it.
fn payload(records: u32) -> String {
    format!("{{\"limit\":{records}}}")
}

async fn compare(sandbox: &Sandbox, component: &[u8], records: u32) {
    let prepared = sandbox.compile_here(component).unwrap();
    let memory = Memory::new(control(), records);
    let clock = Ticking::new();
    let payload = payload(records);
    let raw = raw::Raw::new(component, host::page(records));
    let said = raw.call(&payload).await;
    let (mut ours_us, mut raw_us) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..calls(records) {
            let job = job(&prepared, &memory, &payload);
            let (outcome, tape) =
                sandbox.run(job, Arc::clone(&memory) as _, Arc::clone(&clock) as _).await;
            // Both sides did the same work, and really read the page.
            let Ending::Ok(report) = &outcome.ending else { panic!("{:?}", outcome.ending) };
            assert_eq!((&report.summary, report.done), (&said.0, said.1));
            assert_eq!(outcome.calls.len(), usize::from(records > 0));
            black_box(tape);
        }
        ours_us.push(per_call(began, records));
        let began = Instant::now();
        for _ in 0..calls(records) {
            black_box(raw.call(&payload).await);
        }
        raw_us.push(per_call(began, records));
    }
    let (ours_us, raw_us) = (median(ours_us), median(raw_us));
    let ratio = ours_us / raw_us;
    println!(
        "{{\"bench\":\"run\",\"case\":\"{records}\",\"ratio\":{ratio:.3},\"ours_us\":{ours_us:.1},\"raw_us\":{raw_us:.1}}}"
    );
}

/// What single guards cost by themselves, as a share of a run without records.
async fn guards(sandbox: &Sandbox, component: &[u8]) {
    let prepared = sandbox.compile_here(component).unwrap();
    let memory = Memory::new(control(), 0);
    let clock = Ticking::new();
    let whole = time(2_000, async || {
        let job = job(&prepared, &memory, &payload(0));
        black_box(sandbox.run(job, Arc::clone(&memory) as _, Arc::clone(&clock) as _).await);
    })
    .await;
    let make_job = time(20_000, async || {
        black_box(job(&prepared, &memory, &payload(0)));
    })
    .await;
    let wall = time(20_000, async || {
        let limit = std::time::Duration::from_secs(10);
        black_box(tokio::time::timeout(limit, std::future::ready(())).await.ok());
    })
    .await;
    let cpu = time(20_000, async || {
        use rustix::time::{ClockId, clock_gettime};
        black_box((clock_gettime(ClockId::ThreadCPUTime), clock_gettime(ClockId::ThreadCPUTime)));
    })
    .await;
    let parts = [
        ("job (the caller's)", make_job),
        ("wall timeout", wall),
        ("cpu clock, twice a poll", cpu),
    ];
    for (guard, us) in parts {
        let share = us / whole;
        println!(
            "{{\"bench\":\"run-guard\",\"case\":\"{guard}\",\"ratio\":{share:.4},\"us\":{us:.3}}}"
        );
    }
    let job = job(&prepared, &memory, &payload(0));
    let (_, tape) = sandbox.run(job, Arc::clone(&memory) as _, Arc::clone(&clock) as _).await;
    let encode = time(5_000, async || {
        black_box(tape.encode().unwrap());
    })
    .await;
    println!(
        "{{\"bench\":\"run-guard\",\"case\":\"tape encode (after the run)\",\"ratio\":{:.4},\"us\":{encode:.3}}}",
        encode / whole
    );
}

/// From the store's rows to what guest and tape share, by moving; the ratio is
/// to copying the rows once, in turn.
fn make_page() {
    let (mut moved_ns, mut copied_ns) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let page: OverlapPage = host::page(1_000);
        let began = Instant::now();
        let copy = black_box(page.clone());
        copied_ns.push(began.elapsed().as_secs_f64() * 1e9 / 1_000.0);
        drop(copy);
        let began = Instant::now();
        black_box(OverlapAnswer::from(page));
        moved_ns.push(began.elapsed().as_secs_f64() * 1e9 / 1_000.0);
    }
    let (moved, copied) = (median(moved_ns), median(copied_ns));
    println!(
        "{{\"bench\":\"make-page\",\"case\":\"1000\",\"ratio\":{:.3},\"ns_per_record\":{moved:.1}}}",
        moved / copied
    );
}

/// One check of a capability and of fields, and what an allow allocates.
fn authority() {
    const CHECKS: u32 = 100_000;
    let authority = Memory::new(control(), 0).authority_now();
    let fields = authority.fields().clone();
    let before = allocations::count();
    let began = Instant::now();
    for _ in 0..CHECKS {
        black_box(authority.allows(black_box(Capability::OverlapsRead))).unwrap();
        black_box(authority.allows_fields(black_box(&fields))).unwrap();
    }
    let ns = began.elapsed().as_secs_f64() * 1e9 / f64::from(CHECKS);
    let allocations = allocations::count() - before;
    println!(
        "{{\"bench\":\"authority\",\"case\":\"allow\",\"ratio\":{:.4},\"ns\":{ns:.1},\"allocations\":{allocations}}}",
        // To the aim: one microsecond.
        ns / 1_000.0
    );
}

async fn time(rounds: u32, mut work: impl AsyncFnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..rounds {
        work().await;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
}

fn per_call(began: Instant, records: u32) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / f64::from(calls(records))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
