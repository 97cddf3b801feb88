//! The vocabulary of Venn and every decision it takes.
//!
//! Pure: no async, no IO, no clock, no randomness. Callers bring the time and
//! the data; a decision is a function of its arguments, so it can be replayed,
//! tested and reasoned about alone.
//!
//! # Glossary (one word per idea)
//! - **organization**: a company on the platform; *customer*, *publisher*, or
//!   the one *platform*. A company may be customer and publisher at once.
//! - **partner**: only the other side of a **partnership**.
//! - **token**: what a program calls with. **session**: a token that a login with a
//!   password made, kept in a cookie. **invitation**: the one-time text with which a
//!   person sets a password. **second factor**: a device's codes beside it.
//! - **account**: a company in an organization's CRM. **population**: a named
//!   segment of accounts. **sharing rule**: what a population shows to one
//!   partner: level, fields, purpose.
//! - **overlap**: one account of ours paired with one of a partner's.
//! - **plugin**, **release** (immutable component + manifest), **manifest**.
//! - **signing key**: a publisher's Ed25519 key. **signature**: its word for a
//!   release. **statement**: the text that is signed.
//! - **capability** (asked for), **approval** (the admin's ceiling), **grant**
//!   (the customer's consent), **authority** (what is left of all of them and
//!   of every data owner's rule; it has a number that any change raises).
//! - **install**: a plugin enabled by one customer. **connection**: a
//!   customer's credential for a third party. **publisher credential**: the
//!   publisher's own (an OAuth client, a backend's key, a webhook's secret).
//! - **support grant** (or leave): what a customer lets the platform or a publisher look
//!   at, of one install, for a while. **supporter**: who has it.
//! - **schedule** (of a manifest: when a plugin runs by itself), **webhook** (of a
//!   manifest: what a third party calls, and how it shows that it is the one), **event**, its **lineage** (whose runs led to it), **delivery** (one event on its way to one install), **run**
//!   (one execution), **report** (what the guest returns), **outcome** (how
//!   the run ended), **effect** (what it changed inside Venn).
//! - **refusal**: declined before running. **denial**: a host call declined
//!   during a run. Neither is a trap.
//! - **breaker**: after failures in a row an install **rests**, and a **probe** finds out
//!   when it goes well again; nobody has to act. *Paused* is what a customer does, *stopped*
//!   what the platform or a publisher does.
//! - **detector**: finds what fails without failing: **silence** (no runs any more),
//!   **no progress** (runs that get nowhere).
//! - **claim** (what the plugin says went wrong), **verdict** (what the host
//!   concluded), **incident**, **route**, **bundle**, **tape**.
//!
//! # How to add a decision
//! One file, one small error enum whose variants carry data, a pure function,
//! and a test that states what a user or an attacker would notice.

pub mod account;
pub mod admission;
pub mod attempt;
pub mod audit;
pub mod authority;
pub mod breaker;
pub mod capability;
pub mod connection;
pub mod contract;
pub mod count;
pub mod cursor;
pub mod detector;
pub mod egress;
pub mod event;
pub mod grant;
pub mod id;
pub mod json;
pub mod limits;
pub mod lineage;
pub mod manifest;
pub mod organization;
pub mod overlap;
pub mod password;
pub mod peer;
pub mod retry;
pub mod room;
pub mod run;
pub mod schedule;
pub mod sharing;
pub mod signing;
pub mod support;
pub mod text;
pub mod throttle;
pub mod time;
pub mod verdict;
pub mod webhook;
