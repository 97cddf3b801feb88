//! Reads both clocks and the random source twice and tells what it saw. Used by
//! the suite on tapes: a replay without network must see the same values, and
//! the report must be the same to the byte.
use serde_json::json;
use venn_guests::{
    report,
    wasi::wasi::{
        clocks::{monotonic_clock, wall_clock},
        random::random,
    },
};
use venn_sdk::{Event, Fault, Plugin, Report};

struct Clock;

impl Plugin for Clock {
    fn handle(_: Event) -> Result<Report, Fault> {
        let look = || {
            let wall = wall_clock::now();
            json!({
                "monotonic-ns": monotonic_clock::now(),
                "wall": [wall.seconds, u64::from(wall.nanoseconds)],
                "random": random::get_random_u64().to_string(),
                "bytes": random::get_random_bytes(8),
            })
        };
        Ok(report(&json!([look(), look()])))
    }
}

venn_sdk::plugin!(Clock);
