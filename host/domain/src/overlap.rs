//! Overlaps as the contract, the API and the store speak of them.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    capability::OverlapFields,
    id::{AccountId, OverlapId, PartnershipId},
    time::Timestamp,
};

/// One account of ours paired with one of a partner's: flat, all keys always
/// there, empty text where not known, not granted or not shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Overlap {
    /// The overlap's id.
    pub id: OverlapId,
    /// The partnership.
    pub partnership: PartnershipId,
    /// The partner organization's name.
    pub partner: String,
    /// The registrable domain on which the two were paired.
    pub domain: String,
    /// `host-and-name`, `host`, `name`, `similar`, `confirmed` or `linked`.
    pub evidence: String,
    /// `sure` or `likely`.
    pub confidence: String,
    /// When the two were first paired.
    pub paired_at: Timestamp,
    /// Our account.
    pub our_account: AccountId,
    /// Our population's key.
    pub our_population: String,
    /// Our account's name.
    pub our_name: String,
    /// Our account's website.
    pub our_website: String,
    /// Our account's owner.
    pub our_owner: String,
    /// Our account's stage.
    pub our_stage: String,
    /// Our account's amount, decimal text.
    pub our_amount: String,
    /// Our account's date of creation, `YYYY-MM-DD`.
    pub our_created_on: String,
    /// The partner's account.
    pub their_account: AccountId,
    /// The partner's population's key.
    pub their_population: String,
    /// The partner's account's name.
    pub their_name: String,
    /// The partner's account's website.
    pub their_website: String,
    /// The partner's account's owner.
    pub their_owner: String,
    /// The partner's account's stage.
    pub their_stage: String,
    /// The partner's account's amount, decimal text.
    pub their_amount: String,
    /// The partner's account's date of creation, `YYYY-MM-DD`.
    pub their_created_on: String,
    /// Further fields, named `our-…` or `their-…`.
    pub extra: BTreeMap<String, String>,
}

impl Overlap {
    /// The partner's fields that have a value, by name.
    pub fn their_fields(&self) -> impl Iterator<Item = &str> {
        use crate::account::CoreField as F;
        let theirs = [
            (F::Name, &self.their_name),
            (F::Website, &self.their_website),
            (F::Owner, &self.their_owner),
            (F::Stage, &self.their_stage),
            (F::Amount, &self.their_amount),
            (F::CreatedOn, &self.their_created_on),
        ];
        let core = theirs.into_iter().filter(|(_, value)| !value.is_empty());
        let extra = self.extra.iter().filter(|(_, value)| !value.is_empty());
        core.map(|(field, _)| -> &str { field.name() })
            .chain(extra.filter_map(|(name, _)| name.strip_prefix("their-")))
    }

    /// Empties every field that is not in `allowed`.
    pub fn keep_only(&mut self, allowed: &OverlapFields) {
        use crate::account::CoreField as F;
        let ours = [
            (F::Name, &mut self.our_name),
            (F::Website, &mut self.our_website),
            (F::Owner, &mut self.our_owner),
            (F::Stage, &mut self.our_stage),
            (F::Amount, &mut self.our_amount),
            (F::CreatedOn, &mut self.our_created_on),
        ];
        for (field, value) in ours {
            if !allowed.ours.has(field) {
                value.clear();
            }
        }
        let theirs = [
            (F::Name, &mut self.their_name),
            (F::Website, &mut self.their_website),
            (F::Owner, &mut self.their_owner),
            (F::Stage, &mut self.their_stage),
            (F::Amount, &mut self.their_amount),
            (F::CreatedOn, &mut self.their_created_on),
        ];
        for (field, value) in theirs {
            if !allowed.theirs.has(field) {
                value.clear();
            }
        }
        self.extra.retain(|name, _| allowed.has_name(name));
    }
}

/// What to read: the arguments of `overlaps.find`. Empty lists mean all that is granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OverlapQuery {
    /// One partnership, or all; as the guest wrote it.
    pub partnership: Option<String>,
    /// Our populations' keys.
    pub our_populations: Vec<String>,
    /// The partners' populations' keys.
    pub their_populations: Vec<String>,
    /// Fields to fill.
    pub fields: Vec<String>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// Page size; 0 means the default.
    pub limit: u32,
}

/// One page of overlaps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OverlapPage {
    /// The overlaps.
    pub items: Vec<Overlap>,
    /// Present if there is more.
    pub cursor: Option<String>,
    /// Fields asked for that at least one data owner withholds.
    pub withheld: Vec<String>,
    /// Names of partners of whom rows were left out by their rules.
    pub withheld_partners: Vec<String>,
}

/// The number of overlaps of two populations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapCount {
    /// The partnership.
    pub partnership: PartnershipId,
    /// The partner organization's name.
    pub partner: String,
    /// Our population's key.
    pub our_population: String,
    /// The partner's population's key.
    pub their_population: String,
    /// 0 where suppressed.
    pub count: u64,
    /// The number is too small to be told.
    pub suppressed: bool,
}

/// What happened to an overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new since the cursor.
    Added,
    /// One of the two accounts, or the evidence, changed.
    Changed,
    /// It is gone; only ids, populations and domain are filled.
    Removed,
}

/// One overlap that appeared, changed or went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapChange {
    /// What happened.
    pub kind: ChangeKind,
    /// The overlap as it is now.
    pub overlap: Overlap,
}

/// One page of changes of one partnership, in commit order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChangePage {
    /// The changes.
    pub items: Vec<OverlapChange>,
    /// Where to go on next time; always present.
    pub cursor: String,
    /// There is more to read now.
    pub more: bool,
    /// How many changes remain after this page.
    pub remaining: u64,
    /// Fields asked for that the data owner withholds.
    pub withheld: Vec<String>,
}
