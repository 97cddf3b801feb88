//! Leaves a secret in its memory and tells what it found there first. Used by
//! the suite on isolation: whatever ran before in the same slot of the pool,
//! every run finds `fresh`, in statics and in memory that it grows into.
use std::sync::atomic::{AtomicU64, Ordering};

use venn_sdk::{Event, Fault, Plugin, Report};

struct Isolate;

/// In linear memory, as every static.
static LEFT: AtomicU64 = AtomicU64::new(0);
/// A number that nobody writes by accident.
const SECRET: u64 = 0x5EC2_E75E_C2E7_5EC2;
/// Grown beyond what a small run touches.
const BLOCK_WORDS: usize = 1 << 20;

impl Plugin for Isolate {
    fn handle(_: Event) -> Result<Report, Fault> {
        let before = LEFT.swap(SECRET, Ordering::SeqCst);
        let mut block: Vec<u64> = Vec::with_capacity(BLOCK_WORDS);
        let spare = block.spare_capacity_mut();
        // Volatile: the compiler may otherwise think what it likes of memory
        // that nobody wrote to.
        #[expect(unsafe_code, reason = "safe code cannot look at fresh memory; all bits are a u64")]
        let dirty = spare.iter().any(|word| unsafe { word.as_ptr().read_volatile() } == SECRET);
        for word in spare.iter_mut() {
            word.write(SECRET);
        }
        // So that the writes are not left out, though nothing reads them here.
        std::hint::black_box(&mut block);
        let fresh = before == 0 && !dirty;
        Ok(Report::new(if fresh { "fresh" } else { "someone was here before" }))
    }
}

venn_sdk::plugin!(Isolate);
