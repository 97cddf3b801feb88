//! Dated facts on an account of the customer. Needs `timeline:write`.
//! Entries are committed with a report, or not at all; the same key is the
//! same entry for ever, so writing it again does no harm.
use crate::{Error, bindings::venn::plugin::timeline as raw};

/// One fact.
#[derive(Debug, Clone)]
#[must_use = "nothing is written before `append`"]
pub struct Entry(raw::Entry);

impl Entry {
    /// A fact on one of our accounts (an overlap's `our_account`): its key, a
    /// short kind of the plugin's own, and at most 2 KiB of text.
    pub fn new(account: &str, key: &str, kind: &str, text: impl Into<String>) -> Self {
        Self(raw::Entry {
            account: account.into(),
            kind: kind.into(),
            text: text.into(),
            at: None,
            key: key.into(),
            partnership: None,
        })
    }

    /// When it happened, in microseconds since 1970; now if not said.
    pub const fn at_us(mut self, at_us: i64) -> Self {
        self.0.at = Some(at_us);
        self
    }

    /// The partnership that it was derived from. A run that has read a
    /// partner's rows writes only to that partnership.
    pub fn partnership(mut self, partnership: &str) -> Self {
        self.0.partnership = Some(partnership.into());
        self
    }
}

/// Appends entries; at most 500 at once.
pub fn append(entries: impl IntoIterator<Item = Entry>) -> Result<(), Error> {
    let entries: Vec<_> = entries.into_iter().map(|entry| entry.0).collect();
    Ok(raw::append(&entries)?)
}
