//! Takes one MiB after another and writes to each. Payload: `{"mib": 100}`, or
//! without end. Used by the suite on limits: it ends at `run.memory`, or tells
//! how many MiB it got.
use std::hint::black_box;

use serde::Deserialize;
use venn_guests::payload;
use venn_sdk::{Event, Fault, Plugin, Report};

struct Grow;

#[derive(Deserialize)]
#[serde(default)]
struct Payload {
    mib: usize,
}

impl Default for Payload {
    fn default() -> Self {
        Self { mib: usize::MAX }
    }
}

/// One step.
const MIB: usize = 1 << 20;

impl Plugin for Grow {
    fn handle(event: Event) -> Result<Report, Fault> {
        let wanted = payload::<Payload>(&event).mib;
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        while blocks.len() < wanted {
            let mut block = Vec::new();
            // A refusal of the engine is a failed allocation here, not a trap.
            if block.try_reserve_exact(MIB).is_err() {
                break;
            }
            block.resize(MIB, 1);
            blocks.push(black_box(block));
        }
        Ok(Report::new(format!("{} MiB", blocks.len())))
    }
}

venn_sdk::plugin!(Grow);
