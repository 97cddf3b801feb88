//! Hands the host one string of many MiB, as a state value, a log line or a
//! field name. Payload: `{"door": "state" | "log" | "fields", "mib": 16}`. Used
//! by the suite on limits: `run.hostcall`, without the host copying it.
use serde::Deserialize;
use venn_guests::{answer, payload, report};
use venn_sdk::{Event, Fault, Plugin, Report, log, overlaps, state};

struct Big;

#[derive(Deserialize)]
#[serde(default)]
struct Payload {
    door: String,
    mib: usize,
}

impl Default for Payload {
    fn default() -> Self {
        Self { door: "state".into(), mib: 16 }
    }
}

impl Plugin for Big {
    fn handle(event: Event) -> Result<Report, Fault> {
        let Payload { door, mib } = payload(&event);
        let text = "x".repeat(mib << 20);
        Ok(report(&match door.as_str() {
            "log" => {
                log::write("info", &text);
                answer(Ok(()))
            }
            "fields" => answer(overlaps::lookup("example.com", [text.as_str()])),
            _ => answer(state::common().set("big", text.as_bytes())),
        }))
    }
}

venn_sdk::plugin!(Big);
