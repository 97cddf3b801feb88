//! libFuzzer around one target, named by `VENN_FUZZ_TARGET`; `cargo xtask fuzz`
//! builds and starts it.
#![no_main]
#![allow(clippy::panic, reason = "a wrong name ends the program before it begins")]
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use venn_fuzz::Target;
use venn_fuzz_component::TARGETS;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("VENN_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("VENN_FUZZ_TARGET={name} is not a target"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
