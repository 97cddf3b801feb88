//! Who may call what: every route, by everybody who must not get through.
//!
//! - [`table`]: every route with what it needs; a new route without a row fails
//! - [`people`]: those who are turned away, and what they learn by it
//! - [`bodies`]: requests that are not what a call takes
//! - [`namesakes`]: the same address in two organizations
//! - [`recovery`]: an organization does not lose its last way in, and gets a new one
//! - [`repeats`]: requests that are sent twice
//! - [`second_factor`]: what a login needs beside the password
//! - [`support`]: what a customer lets others look at
//! - [`sessions`]: people who log in with a password
mod bodies;
mod namesakes;
pub mod people;
mod recovery;
mod repeats;
mod second_factor;
pub mod sessions;
mod support;
pub mod table;

pub use people::member;
