//! The sandbox by itself, with real hostile guests: however they behave, a run
//! is a value, within its limits, and can be repeated from its tape.
//!
//! - [`bed`]: the rest of the host, as small as a test needs it
//! - [`limits`]: what a guest takes too much of
//! - [`traps`]: how guests break, and what stays of it
//! - [`doors`]: `http.send` and `wasi:http` end in one guard; `check`, `migrate`
//! - [`files`]: scratch files
//! - [`tapes`]: replays and transcripts
pub mod bed;
mod doors;
mod files;
mod limits;
mod tapes;
mod traps;
