//! The publisher's toolchain: `venn new`, `venn build`, and what `venn check`
//! looks at before anything is sent.
//!
//! Works on folders and files alone: no server, no network but what cargo and
//! the set-up of the wasm target need. Messages say what, where, and what to
//! type next.
//!
//! - [`toolchain`]: a compiler that can make wasm, set up if it must be.
//! - [`cargo`]: running cargo and reading which files it made.
//! - [`build`]: a folder to a component and a manifest.
//! - [`new`]: a folder that builds at once.
//! - [`check`]: what the gate will say.
//!
//! To add a guest language: a module beside [`cargo`] that ends in the bytes of
//! a component, and a branch in [`build`].
pub mod build;
mod cargo;
pub mod check;
pub mod new;
pub mod toolchain;

/// Told to a person while something long goes on, one line at a time.
pub type Tell<'a> = &'a mut dyn FnMut(&str);
