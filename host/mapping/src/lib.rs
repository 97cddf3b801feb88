//! Account mapping: which account of ours is which account of a partner's.
//!
//! Pure compute on plain values. No async, no clock, no database, no network,
//! no type of another crate of ours; the only IO is reading a company list from
//! an `impl Read` that the caller brings.
//!
//! # Code map
//! | file | what |
//! |---|---|
//! | [`list`] | a company list (CSV of a CRM) read row by row, with a report |
//! | [`Host`] | website text to host and registrable domain |
//! | `shared_host` | the table of free-mail and hosting domains |
//! | [`NameKey`] | company name to comparable key |
//! | [`Entry`] | one account, ready to be paired |
//! | [`Decisions`] | what people confirmed, rejected, linked |
//! | [`pair_domain`] | the rules, for the accounts of one registrable domain |
//! | [`map_lists`] | the same for two whole lists |
//! | [`explain`] | "why not?" for one account |
//!
//! # How to add a pairing rule
//! A variant of [`Rule`], a pass in `pair.rs` at its place in the order, a
//! sentence in `explain.rs`, a row in the table at the head of `pair.rs`, and a
//! test in `tests/it/pairing.rs`. Pairings change for everyone: measure on real
//! lists first (`cargo run -p venn-mapping --example two_lists`).

#[cfg(feature = "bench")]
pub mod bench_data;
mod decision;
mod entry;
mod evidence;
mod explain;
mod host;
pub mod list;
mod mapping;
mod name;
mod pair;
mod shared_host;
mod similar;

pub use decision::{Decided, Decision, Decisions, LiveDecisions};
pub use entry::{Entry, Side};
pub use evidence::{Confidence, DomainPairing, Evidence, Pair, Rule};
pub use explain::{Explanation, Reason, explain};
pub use host::{Host, NoDomain};
pub use mapping::{Figures, Mapping, map_lists, pair_crossing, touched_domains};
pub use name::NameKey;
pub use pair::pair_domain;
pub use similar::{SIMILAR_ACCOUNTS_MAX, SIMILAR_MIN_PERMILLE, similarity_permille};
