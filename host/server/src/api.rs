//! One file per noun: bodies and views, then handlers, then mapping.
//!
//! A handler looks up, decides, acts and answers. It takes a
//! [`crate::auth::Caller`] and states in its first line what it needs.
pub mod delivery;
pub mod inbox;
pub mod run;
