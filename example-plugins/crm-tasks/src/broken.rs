//! The bug of the release that is made with the feature `broken`: it takes the
//! first of a list that may be empty. It is here to show what becomes of a
//! release that traps; no real release has this file.
use venn_sdk::overlaps::Change;

/// What a hurried author writes: "every page has one of a key account manager".
#[expect(clippy::indexing_slicing, reason = "this is the bug")]
pub(crate) fn first_key_account(changes: &[Change]) -> &str {
    let is_key = |change: &&Change| change.overlap.their_owner.starts_with("Key Account");
    let key_accounts: Vec<_> = changes.iter().filter(is_key).collect();
    &key_accounts[0].overlap.our_name
}
