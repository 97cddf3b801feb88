//! What the run is, and what the host last declined. Needs no capability.
use crate::{Denial, bindings::venn::plugin::host as raw};

pub use raw::RunInfo;

/// Ids of the run, the install and the plugin, the version, and which attempt
/// at the delivery this is (1 for the first).
pub fn info() -> RunInfo {
    raw::info()
}

/// The newest denial of this run, also one that a WASI call returned as a bare
/// standard code.
pub fn last_denial() -> Option<Denial> {
    raw::last_denial()
}
