//! Every target, briefly, in every test run.
use std::path::Path;

use venn_fuzz::smoke;
use venn_fuzz_component::TARGETS;

#[test]
fn component() {
    let [target] = &TARGETS;
    smoke::run(Path::new(env!("CARGO_MANIFEST_DIR")), target);
}
