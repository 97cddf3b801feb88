//! Computes without end before any export is called: a component calls
//! `_initialize` of its module while it is instantiated. Used by the suite on
//! limits: instantiation is under `run.cpu` too.
use venn_sdk::{Event, Fault, Plugin, Report};

struct Start;

impl Plugin for Start {
    fn handle(_: Event) -> Result<Report, Fault> {
        Ok(Report::new("nobody gets here"))
    }
}

/// The name is the one that `wit-component` looks for.
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "the name of a linker symbol is a promise that no compiler checks")]
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    let mut number = 1_u64;
    while number != 0 {
        // Odd numbers stay odd: it never becomes zero.
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

venn_sdk::plugin!(Start);
