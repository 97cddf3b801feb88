//! The thread that moves the engine's epoch, so that a guest that never calls
//! out still yields. It holds a weak handle: with the last sandbox it ends.
use std::time::Duration;

use wasmtime::Engine;

use crate::error::SandboxError;

/// How often a busy guest yields and its CPU budget is looked at. Shorter
/// costs throughput, longer overshoots the budget by more.
const TICK_MS: u64 = 10;

/// Starts the thread.
pub(crate) fn start(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(Duration::from_millis(TICK_MS));
        }
    };
    std::thread::Builder::new()
        .name("venn-epoch".to_owned())
        .spawn(tick)
        .map(drop)
        .map_err(|error| SandboxError::Engine(error.to_string()))
}
