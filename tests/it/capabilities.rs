//! What a plugin can do, through the server with real components: each
//! capability allowed, denied and exceeded; and nothing beside it.
//!
//! - [`overlaps`]: partnership, population, field, and the data owner's purpose
//! - [`egress`]: where a call may go, as which message, with which credential
//! - [`effects`]: state and timeline (accounts: see `sources`)
//! - [`hearing`]: what other plugins add to the timeline
//! - [`revoked`]: what is taken away while a plugin runs
//! - [`farewell`]: what is left to it before it goes
mod effects;
mod egress;
mod farewell;
mod hearing;
mod overlaps;
mod revoked;
