//! Tests of the egress policy: hand vectors from the attack catalogue, and
//! properties over generated URLs, rules and addresses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod address;
mod customer_host;
mod header;
mod rule;
mod url;
mod vectors;
