//! Computes without end and without a host call. Used by the suite on limits:
//! it ends at `run.cpu`, and innocent runs beside it do not.
use std::hint::black_box;

use venn_sdk::{Event, Fault, Plugin, Report};

struct Loop;

impl Plugin for Loop {
    fn handle(event: Event) -> Result<Report, Fault> {
        let mut number = event.id.len() as u64;
        loop {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            // Never true, but the compiler cannot know.
            if black_box(false) {
                return Ok(Report::new(number.to_string()));
            }
        }
    }
}

venn_sdk::plugin!(Loop);
