//! The customer's own accounts, for plugins that sync a CRM. Needs
//! `accounts:write`. Writes are committed with a report, or not at all.
use crate::{Error, bindings::venn::plugin::accounts as raw};

pub use raw::{AccountRow, UpsertResult};

/// Adds or changes accounts by external id; at most 500 at once.
pub fn upsert(rows: &[AccountRow]) -> Result<UpsertResult, Error> {
    Ok(raw::upsert(rows)?)
}

/// Removes accounts by external id, at most 500 at once; answers how many.
pub fn remove(external_ids: &[String]) -> Result<u32, Error> {
    Ok(raw::remove(external_ids)?)
}
