//! What a guest language costs: `bench_languages VENN NAME=COMPONENT...`, one JSON
//! object a line. `VENN` is the program whose compile child makes the artifact.
//!
//! The call is an event of a kind that no plugin knows: through the contract, the
//! language's engine and the SDK, and back with an empty report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]
#[path = "../tests/it/host.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod host;

use std::{sync::Arc, time::Instant};

use host::{Memory, Ticking, control, job};
use venn_domain::run::{Ending, Outcome};
use venn_sandbox::{Prepared, Sandbox, Settings};

/// Loads, each followed by a first run; medians are of these.
const LOADS: usize = 7;
/// Runs after the first; medians are of these.
const RUNS: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut arguments = std::env::args().skip(1);
    let compile_program = arguments.next().unwrap().into();
    let compile_args = vec!["compile-child".to_owned()];
    let settings = Settings { compile_program, compile_args, ..host::settings() };
    let sandbox = Sandbox::new(settings).unwrap();
    for argument in arguments {
        let (name, path) = argument.split_once('=').unwrap();
        let component = std::fs::read(path).unwrap();
        println!("{}", runtime.block_on(measure(&sandbox, name, &component)));
    }
}

async fn measure(sandbox: &Sandbox, name: &str, component: &[u8]) -> serde_json::Value {
    let began = Instant::now();
    let gated = sandbox.gate(component).await.unwrap();
    let gate_ms = ms(began);
    let artifact = gated.artifact.unwrap_or_else(|| panic!("{:?}", gated.inspection.findings));
    let (mut load_ms, mut first_ms, mut warm_us) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = 0;
    for _ in 0..LOADS {
        let began = Instant::now();
        let prepared = sandbox.load(&gated.inspection.digest, &artifact).unwrap();
        load_ms.push(ms(began));
        let began = Instant::now();
        let outcome = run(sandbox, &prepared).await;
        first_ms.push(ms(began));
        memory = outcome.usage.memory_bytes;
        for _ in 0..RUNS / LOADS {
            let began = Instant::now();
            run(sandbox, &prepared).await;
            warm_us.push(ms(began) * 1_000.0);
        }
    }
    serde_json::json!({
        "bench": "language", "case": name,
        "component_bytes": component.len(), "artifact_bytes": artifact.len(),
        "gate_ms": gate_ms.round(), "load_ms": median(load_ms), "first_ms": median(first_ms),
        "warm_us": median(warm_us), "memory_bytes": memory,
    })
}

async fn run(sandbox: &Sandbox, prepared: &Prepared) -> Outcome {
    let memory = Memory::new(control(), 0);
    let mut job = job(prepared, &memory, "{}");
    "nothing-known".clone_into(&mut job.event.kind);
    let (outcome, _) = sandbox.run(job, Arc::clone(&memory) as _, Ticking::new()).await;
    let Ending::Ok(report) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!(report.summary, "");
    outcome
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}

/// The middle value, to two places.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2] * 100.0).round() / 100.0
}
