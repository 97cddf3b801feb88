//! Uploads, thrown at the gate that looks at them before any compiler does. Apart from
//! the other targets because the gate lies in the crate with the engine.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a finding is a panic"
)]
mod component;
mod world;

use venn_fuzz::Target;

/// All of them.
pub const TARGETS: [Target; 1] = [Target { name: "component", run: component::run }];
