//! The publisher's toolchain: `venn new`, `venn build`, and what `venn check`
//! looks at before anything is sent.
//!
//! Works on folders and files alone: no server, no network but what cargo and
//! the set-up of the wasm target need. Messages say what, where, and what to
//! type next.
//!
//! - [`toolchain`]: a compiler that can make wasm, set up if it must be.
//! - [`language`]: which language a folder is written in.
//! - [`cargo`], [`typescript`], [`python`]: one language each, to the bytes of a
//!   component. [`cache`] keeps their tools, [`tool`] runs them, [`inputs`] says
//!   whether there is something to do.
//! - [`component`]: what a compiler made to a component of the contract.
//! - [`build`]: a folder to a component and a manifest.
//! - [`new`]: a folder that builds at once, with an SDK of its own: [`sdk`].
//! - [`check`]: what the gate will say.
//!
//! To add a guest language: a variant of [`language::Language`], a module beside
//! [`typescript`] that ends in the bytes of a component, a branch in [`build`],
//! a folder in `template/`.
pub mod build;
mod cache;
mod cargo;
pub mod check;
pub mod component;
mod inputs;
pub mod language;
pub mod new;
pub mod python;
pub mod sdk;
mod tool;
pub mod toolchain;
pub mod typescript;

/// Told to a person while something long goes on, one line at a time.
pub type Tell<'a> = &'a mut dyn FnMut(&str);
