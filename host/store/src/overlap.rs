//! Reading overlaps: for people and for plugins.
//!
//! Every read of a partner's rows is one statement that joins the partnership
//! (active), the partner's *live* sharing rule for the account's *present*
//! population, and for an install its live grant of the partnership. What a
//! rule does not share is emptied per row by that same joined rule. Nothing
//! here trusts a rule that was read earlier.
//!
//! - `overlap/view.rs`: which partnerships a reader sees, and from which side
//! - `overlap/columns.rs`: the select list, and a row as an [`Overlap`]
//! - `overlap/people.rs`: matrix, overlaps and leftovers for people
//! - `overlap/plugin.rs`: pages, lookups and counts for plugins
//! - `overlap/changes.rs`: changes since a cursor
//! - `overlap/cursor.rs`: cursors that cannot be forged
//! - `overlap/why_not.rs`: what the answer to "why not?" may be made of
//!
//! To add a read: start from `view.rs`, join with `View::joins`, and add it to
//! the canary test.
//!
//! [`Overlap`]: venn_domain::overlap::Overlap
mod changes;
mod columns;
pub(crate) mod counts;
mod cursor;
mod people;
mod plugin;
#[cfg(test)]
mod tests;
mod view;
mod why_not;

pub use cursor::{CursorError, ReadError};
pub use people::{Matrix, OverlapFilter, SeenOverlap, UnpairedAccount};
pub use plugin::InstallScope;
pub use why_not::{PairedWith, SharedAccount, WhyNot};
