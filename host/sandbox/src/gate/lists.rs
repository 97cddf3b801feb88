//! The lists of crates that `cargo auditable` puts into what it builds.
use wasmparser::{BinaryReaderError, Parser, Payload};

/// The section's name, the same in every kind of binary.
const SECTION: &str = ".dep-v0";

/// Each list in a component, as it lies in a core module of it: compressed, and
/// as true as whoever built it.
pub fn dependency_lists(component: &[u8]) -> Result<Vec<&[u8]>, BinaryReaderError> {
    let mut lists = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            lists.push(section.data());
        }
    }
    Ok(lists)
}
