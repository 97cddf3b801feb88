//! Writes ever more state until the host declines, and tells where that was.
//! Payload: `{"value_bytes": 1024, "key_bytes": 16, "keys": 20000}`. Used by the
//! suite on limits: `state.keys`, `state.bytes`, `state.value`, `state.key`.
use serde::Deserialize;
use serde_json::json;
use venn_guests::{answer, payload, report};
use venn_sdk::{Event, Fault, Plugin, Report, state};

struct Flood;

#[derive(Deserialize)]
#[serde(default)]
struct Payload {
    value_bytes: usize,
    key_bytes: usize,
    keys: u32,
}

impl Default for Payload {
    fn default() -> Self {
        Self { value_bytes: 1 << 10, key_bytes: 16, keys: 20_000 }
    }
}

impl Plugin for Flood {
    fn handle(event: Event) -> Result<Report, Fault> {
        let Payload { value_bytes, key_bytes, keys } = payload(&event);
        let value = vec![b'x'; value_bytes];
        for written in 0..keys {
            let key = format!("{written:0>key_bytes$}");
            let result = state::common().set(&key, &value);
            if result.is_err() {
                return Ok(report(&json!({ "written": written, "then": answer(result) })));
            }
        }
        Ok(report(&json!({ "written": keys, "then": null })))
    }
}

venn_sdk::plugin!(Flood);
