//! Rust types of the contract, generated from `wit/`.
//!
//! Only types, and the typed call into the exports: host functions are linked
//! by hand in [`crate::capability`], so that each passes the same front door.
//! `Serialize` and `PartialEq` are there for the tape: it keeps these values,
//! and a replay compares them.
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

pub(crate) use exports::venn::plugin::entry as guest;
pub(crate) use venn::plugin::{accounts, host, http, overlaps, timeline, types};
