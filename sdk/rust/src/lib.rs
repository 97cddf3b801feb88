//! Write a Venn plugin in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and is named once in
//! [`plugin!`]. Everything that it can reach is a module here, one for each
//! interface of the contract in `wit/`; what a call costs in permissions
//! stands at the head of its module.
//!
//! ```
//! use venn_sdk::{Event, Fault, Plugin, Report, overlaps::Query};
//!
//! struct Count;
//!
//! impl Plugin for Count {
//!     fn handle(event: Event) -> Result<Report, Fault> {
//!         let page = Query::new().partnership(&event.subject).send()?;
//!         Ok(Report::new(format!("{} overlaps", page.items.len())))
//!     }
//! }
//!
//! venn_sdk::plugin!(Count);
//! ```
//!
//! # What happens around a run
//! One event arrives, [`Plugin::handle`] runs once in a fresh instance, and
//! what it wrote ([`state`], [`timeline`], [`accounts`]) is committed only if
//! it returns a [`Report`]. A [`Fault`] or a panic commits nothing. HTTP calls
//! have gone out by then, and the same event may be delivered again: name what
//! a call does with [`http::Request::operation`], and upsert by a key of your
//! own.
//!
//! # Targets
//! `wasm32-unknown-unknown` is the default of `venn build`: the component
//! imports this contract and nothing else, and is a fifth smaller. Choose
//! `wasm32-wasip2` for a library that needs a clock or randomness from `std`.
//! Built natively (for unit tests) host calls panic: keep logic apart from them.
//!
//! # To add an interface
//! A file named like it, with the same parts as its siblings: a head that says
//! which capability it needs, thin functions that return [`Error`], no policy.
#![warn(missing_docs)]

/// The plugin in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod accounts;
#[doc(hidden)]
pub mod bindings;
pub mod config;
mod entry;
mod error;
mod event;
mod fault;
pub mod host;
pub mod http;
pub mod log;
pub mod overlaps;
mod report;
pub mod state;
pub mod timeline;

pub use entry::{Draft, Finding, Plugin};
#[doc(hidden)]
pub use entry::{Entry, assert_plugin};
pub use error::{Denial, Error};
pub use event::{
    AddedEntry, BACKFILL, Event, EventKind, OverlapsChanged, RUN_NOW, ScheduleDue, TimelineAdded,
};
pub use fault::{Cause, Fault};
pub use report::Report;

/// Makes a type that implements [`Plugin`] the plugin of this crate.
///
/// Once per crate, and the crate's type is `cdylib`. On a native target it only
/// checks that the type fits, so that `cargo test` works.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::Entry<$plugin>;
    $crate::bindings::export_entry!(Exported with_types_in $crate::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = $crate::assert_plugin::<$plugin>;
    };
}
