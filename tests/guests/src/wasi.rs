//! The standard interfaces, for guests that go past the SDK: clocks, random,
//! poll, files and `wasi:http`. An interface that a guest does not call is not among
//! its imports.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes_without_reason,
    reason = "generated: lifting and lowering values needs pointers"
)]

wit_bindgen::generate!({
    path: "wit-wasi",
    world: "standard",
    generate_all,
});
