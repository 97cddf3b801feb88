//! The simulators as their callers meet them: over TLS, by name, with a real HTTP client. One
//! binary, so that the crate links once. A new third party gets a file of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod admin;
mod client;
mod echo;
mod faults;
mod holds;
mod hubspot_access;
mod hubspot_batch;
mod hubspot_client;
mod hubspot_objects;
mod hubspot_properties;
mod hubspot_search;
mod hubspot_sync;
mod hubspot_upsert;
mod oauth;
mod process;
mod tls;
