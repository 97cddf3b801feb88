//! Overlap data. Needs `overlaps:read`; what comes back is within the grant
//! and every data owner's sharing rules.
//!
//! A field outside the grant is a denial; a field that a data owner does not
//! share is empty and named in `withheld`. `limit` is at most 1,000; 0 means 100.
use crate::{Error, bindings::venn::plugin::overlaps as raw};

pub use crate::bindings::venn::plugin::{
    overlaps::{Change, ChangePage, Count, Page},
    types::{Field, Overlap},
};

/// What to read. What is not said means "all that is granted".
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `send`"]
pub struct Query(raw::Query);

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

impl Query {
    /// All overlaps that are granted, without fields beyond the fixed ones.
    pub const fn new() -> Self {
        Self(raw::Query {
            partnership: None,
            our_populations: Vec::new(),
            their_populations: Vec::new(),
            fields: Vec::new(),
            cursor: None,
            limit: 0,
        })
    }

    /// Of one partnership only.
    pub fn partnership(mut self, partnership: &str) -> Self {
        self.0.partnership = Some(partnership.into());
        self
    }

    /// Only where our account is in one of these populations.
    pub fn our_populations<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.our_populations = owned(names);
        self
    }

    /// Only where the partner's account is in one of these populations.
    pub fn their_populations<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.their_populations = owned(names);
        self
    }

    /// Fields to fill, for example `their-name`.
    pub fn fields<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.fields = owned(names);
        self
    }

    /// Goes on after the page that ended with this cursor.
    pub fn cursor(mut self, cursor: Option<String>) -> Self {
        self.0.cursor = cursor;
        self
    }

    /// Overlaps in one page.
    pub const fn limit(mut self, limit: u32) -> Self {
        self.0.limit = limit;
        self
    }

    /// Reads one page.
    pub fn send(&self) -> Result<Page, Error> {
        Ok(raw::find(&self.0)?)
    }
}

/// The overlaps on one domain: a URL, a host or a registrable domain.
pub fn lookup<'a>(domain: &str, fields: impl IntoIterator<Item = &'a str>) -> Result<Page, Error> {
    Ok(raw::lookup(domain, &owned(fields))?)
}

/// Overlap counts per pair of populations.
pub fn counts(partnership: Option<&str>) -> Result<Vec<Count>, Error> {
    Ok(raw::counts(partnership)?)
}

/// Changes of one partnership in commit order. Without a cursor it starts
/// where the install was enabled; keep `cursor` of the page in
/// [`crate::state`] for the next time.
pub fn changes<'a>(
    partnership: &str,
    cursor: Option<&str>,
    fields: impl IntoIterator<Item = &'a str>,
    limit: u32,
) -> Result<ChangePage, Error> {
    Ok(raw::changes(partnership, cursor, &owned(fields), limit)?)
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(String::from).collect()
}
