//! The tests of this crate's public interface, as one binary.
//!
//! `real_lists` reads the two exports in `data/`; `bad_lists` has one case for
//! each problem code; `list_props`, `pairing_props` hold what must be true of any
//! input; `pairing` and `explain` tell the rules in small examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bad_lists;
mod explain;
mod list_props;
mod pairing;
mod pairing_props;
mod real_lists;
mod support;
