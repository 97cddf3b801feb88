//! What `wit-bindgen` makes of the contract in this crate's copy of `wit/`. Nothing
//! here is written by hand, and nothing of it is meant to be named by a plugin: the
//! modules beside this one give each interface a face. The test guests reach the
//! raw calls here.
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
    reason = "generated: lifting and lowering values needs pointers, and its docs stand in the WIT"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_entry",
    default_bindings_module: "venn_sdk::bindings",
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});
