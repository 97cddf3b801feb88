//! The bug of the release that is made with the feature `broken`: it looks at
//! the first of a list that may be empty. It is here to show what becomes of a
//! release that traps; no real release has this file.

/// What a hurried author writes: "there is always at least one".
#[expect(clippy::indexing_slicing, reason = "this is the bug")]
pub(crate) fn first<'a>(owners: &'a [&'a str]) -> &'a str {
    owners[0]
}
