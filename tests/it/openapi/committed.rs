//! The committed description is that of the code.
use std::{fs, path::Path};

#[test]
fn the_committed_description_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == venn_server::openapi::text(),
        "docs/openapi.json is not what the code says: run `cargo xtask openapi`, read the \
         difference, and commit it"
    );
}
