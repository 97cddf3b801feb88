//! What strangers write, thrown at what reads it.
//!
//! A target takes any bytes and panics where a promise is broken: it is a finding.
//! `cargo xtask fuzz` runs the targets in libFuzzer for as long as one likes;
//! [`smoke`] runs them in every test run, on what was kept and on some mutations of
//! that.
//!
//! To add one: a file with `run`, a line in [`TARGETS`], at least one file in
//! `corpus/NAME`, and in `words/NAME` what chance would not write. What is found goes
//! to `found/NAME`, and stays there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a finding is a panic"
)]
mod address;
mod audit;
mod cursor;
mod customer_host;
mod header;
mod list;
mod manifest;
pub mod smoke;
mod statement;
mod url;
mod webhook;

/// Something that reads what strangers write.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As `cargo xtask fuzz` names it.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "url", run: url::run },
    Target { name: "customer-host", run: customer_host::run },
    Target { name: "address", run: address::run },
    Target { name: "header", run: header::run },
    Target { name: "manifest", run: manifest::run },
    Target { name: "list", run: list::run },
    Target { name: "audit", run: audit::run },
    Target { name: "cursor", run: cursor::run },
    Target { name: "statement", run: statement::run },
    Target { name: "webhook", run: webhook::run },
];
