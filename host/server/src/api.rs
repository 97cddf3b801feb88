//! One file per noun: bodies and views, then handlers, then mapping.
//!
//! A handler looks up, decides, acts and answers. It takes a
//! [`crate::auth::Caller`] and states in its first line what it needs.
pub mod account;
pub mod check;
pub mod delivery;
pub mod import;
pub mod inbox;
pub mod me;
pub mod member;
pub mod organization;
pub mod population;
pub mod run;
pub mod token;
