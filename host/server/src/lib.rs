//! Venn's server: the HTTP API, the workers and the wiring between the
//! domain, the store, the mapping and the sandbox; and the command line.
//!
//! - [`app`]: what every handler and worker shares.
//! - [`api`]: one file per noun: bodies and views, handlers, mapping.
//! - [`routes`]: the table of calls and nothing else.
//! - [`call`]: a call with its description, and the layer around every one;
//!   [`openapi`] writes them down.
//! - [`account_row`]: a row of a CRM, normalised: of lists and of live sources.
//! - [`workers`]: imports, pairing, deliveries.
//! - [`accesses`]: who read what, on its way into the audit.
//! - [`installation`]: data folder, database and keys that belong together; [`refused`]
//!   says what an operator has to do otherwise.
//! - [`erasures`]: organizations and people that go, also out of restored backups.
//! - [`releases`], [`signing`]: what is believed before it is loaded.
//! - [`answers`]: who waits for what a run answers.
//! - [`checking`]: publishers' schemas, off the threads that answer.
//! - [`dependencies`], [`advisories`]: what a component was built from, and what is
//!   known against that.
//! - [`ports`]: what a running guest reads, from the store; [`credential`] what its calls
//!   are given, [`oauth`] where tokens come from.
//! - [`hooks`]: what third parties call.
//! - [`telemetry`]: logs, traces, metrics.
//! - [`author`]: the publisher's toolchain behind `venn new|build|check`.
//! - [`cli`]: the `venn` command.
pub mod accesses;
pub mod account_row;
pub mod advisories;
pub mod answer;
pub mod answers;
pub mod api;
pub mod app;
pub mod attempts;
pub mod auth;
pub mod author;
pub mod backup;
pub mod body;
pub mod bundle;
pub mod call;
pub mod checking;
pub mod cli;
pub mod conclude;
pub mod credential;
pub mod dependencies;
pub mod erasures;
pub mod error;
pub mod folder;
pub mod headers;
pub mod hooks;
pub mod idempotency;
pub mod installation;
pub mod keys;
pub mod oauth;
pub mod openapi;
pub mod page;
pub mod password;
pub mod ports;
pub mod rate;
pub mod refused;
pub mod refused_upload;
pub mod releases;
pub mod routes;
pub mod second_factor;
pub mod serve;
pub mod signing;
pub mod telemetry;
pub mod turns;
pub mod workers;
