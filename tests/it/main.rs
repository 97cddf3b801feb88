//! Venn from outside: real components in the sandbox, a real database file,
//! real TLS to simulated third parties, the real HTTP API.
//!
//! A test reads as sentences: `world.acme.install(..)`, `run.denied(..)`.
//! Time moves by hand; nothing sleeps to let something happen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::needless_pass_by_value,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and reads best with short calls"
)]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod support;

mod access;
mod asks;
mod at_once;
mod attacks;
mod audit;
mod breakers;
mod capabilities;
mod command_line;
mod connections;
mod contract;
mod crash;
mod deliveries;
mod erasure;
mod faults;
mod imports;
mod languages;
mod main_job;
mod model;
mod openapi;
mod partnerships;
mod publish;
mod sandbox;
mod schedules;
mod several;
mod sources;
mod storage;
mod storm;
mod tidy;
mod waiting;
mod watched;
mod webhooks;
