//! Sleeps on the standard monotonic clock. Payload: `{"sleep_ms": 3600000}`.
//! Used by the suite on limits: it ends at `run.wall` though it uses no CPU.
use serde::Deserialize;
use venn_guests::{payload, wasi::wasi::clocks::monotonic_clock};
use venn_sdk::{Event, Fault, Plugin, Report};

struct Poll;

#[derive(Deserialize)]
#[serde(default)]
struct Payload {
    sleep_ms: u64,
}

impl Default for Payload {
    fn default() -> Self {
        Self { sleep_ms: 3_600_000 }
    }
}

/// The clock counts nanoseconds.
const NANOS_PER_MILLI: u64 = 1_000_000;

impl Plugin for Poll {
    fn handle(event: Event) -> Result<Report, Fault> {
        let sleep_ms = payload::<Payload>(&event).sleep_ms;
        monotonic_clock::subscribe_duration(sleep_ms.saturating_mul(NANOS_PER_MILLI)).block();
        Ok(Report::new("awake"))
    }
}

venn_sdk::plugin!(Poll);
