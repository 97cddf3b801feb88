//! Asks for random bytes, many at once. Payload: `{"bytes": 67108864}`. Used by
//! the suite on limits: `run.random`.
use serde::Deserialize;
use venn_guests::{payload, wasi::wasi::random::random};
use venn_sdk::{Event, Fault, Plugin, Report};

struct Random;

#[derive(Deserialize)]
#[serde(default)]
struct Payload {
    bytes: u64,
}

impl Default for Payload {
    fn default() -> Self {
        Self { bytes: 64 << 20 }
    }
}

impl Plugin for Random {
    fn handle(event: Event) -> Result<Report, Fault> {
        let bytes = random::get_random_bytes(payload::<Payload>(&event).bytes);
        Ok(Report::new(format!("{} bytes", bytes.len())))
    }
}

venn_sdk::plugin!(Random);
