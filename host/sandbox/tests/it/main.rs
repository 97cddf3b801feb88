//! The sandbox from outside, with guests written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod child;
mod contract;
mod effects;
mod endings;
mod guest;
mod host;
mod replay;
