//! Calls itself without end until the stack overflows. Used by the suite on
//! endings: a `stack-overflow`, not a dead host.
use venn_sdk::{Event, Fault, Plugin, Report};

struct Trap;

impl Plugin for Trap {
    fn handle(event: Event) -> Result<Report, Fault> {
        Ok(Report::new(deeper(event.id.len() as u64, u64::MAX).to_string()))
    }
}

/// Uses the result after the call, in a way that cannot be made a loop, and
/// nothing of the guest's own stack in linear memory: its overflow would be
/// another trap.
#[inline(never)]
fn deeper(depth: u64, end: u64) -> u64 {
    if depth == end { depth } else { deeper(depth + 1, end).rotate_left(1) ^ depth }
}

venn_sdk::plugin!(Trap);
