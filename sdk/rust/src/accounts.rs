//! The customer's own accounts, for plugins that sync a CRM. Needs
//! `accounts:write`. Writes are committed with a report, or not at all.
//!
//! A delivery whose runs write accounts is a sync; it ends with the report that
//! asks for no further run. Say so too where there is nothing new: [`upsert`]
//! no rows. Removals count at the end of the sync; more than a fifth of the
//! source waits for a person's yes. 5,000 accounts in one run at most, and none
//! in a run that has read a partner's rows.
use crate::{Error, bindings::venn::plugin::accounts as raw};

pub use crate::bindings::venn::plugin::types::Field;
pub use raw::{AccountRow, UpsertResult};

/// Most rows of one call.
pub const BATCH: usize = 500;

impl AccountRow {
    /// A row with nothing but an id and a name; set what else is known.
    pub fn new(external_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            external_id: external_id.into(),
            name: name.into(),
            website: String::new(),
            owner: String::new(),
            stage: String::new(),
            amount: String::new(),
            created_on: String::new(),
            population: String::new(),
            extra: Vec::new(),
        }
    }

    /// Adds a further value; an empty one is none.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.extra.push(Field { name: name.into(), value: value.into() });
    }
}

/// Adds or changes accounts by external id; at most [`BATCH`] at once, all of
/// them or none.
pub fn upsert(rows: &[AccountRow]) -> Result<UpsertResult, Error> {
    Ok(raw::upsert(rows)?)
}

/// Removes accounts by external id, at most [`BATCH`] at once; answers how many
/// of them are this source's.
pub fn remove(external_ids: &[String]) -> Result<u32, Error> {
    Ok(raw::remove(external_ids)?)
}
