//! Accounts, their fields, and the populations that they fall into.
//!
//! To add a core field: a bit in [`CoreField`], a column in the store, a
//! member in the contract's `overlap` (a new major version).
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{id::AccountId, time::Timestamp};

/// A company in an organization's CRM. Every text is empty if not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// The id that the CRM gave it.
    pub external_id: String,
    /// Name, as the CRM has it.
    pub name: String,
    /// Website, as the CRM has it.
    pub website: String,
    /// The registrable domain of the website; empty if it has none.
    pub domain: String,
    /// The owner's name in the CRM.
    pub owner: String,
    /// Stage, as the CRM has it.
    pub stage: String,
    /// Decimal text, no currency.
    pub amount: String,
    /// `YYYY-MM-DD`.
    pub created_on: String,
    /// The population's key, for example `customers`.
    pub population: String,
    /// Further columns that the import was told to keep, by name.
    pub extra: Vec<(String, String)>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who keeps it: [`IMPORT`], or the id of the install that is its source.
    pub source: String,
    /// As of when it is known to be so: when a list or its source last named it,
    /// or its source's last complete sync began, whichever is later.
    pub synced_at: Timestamp,
}

/// [`Account::source`] of accounts that lists keep and no live source.
pub const IMPORT: &str = "import";

/// An account as a live source says it, before it is normalised.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceRow {
    /// The id that the CRM gave it, trimmed.
    pub external_id: String,
    /// Name.
    pub name: String,
    /// Website.
    pub website: String,
    /// The owner's name.
    pub owner: String,
    /// Stage.
    pub stage: String,
    /// Amount.
    pub amount: String,
    /// Date of creation.
    pub created_on: String,
    /// A population's key; empty to go by the stage, as an import does.
    pub population: String,
    /// Further values, by name.
    pub extra: Vec<(String, String)>,
}

impl SourceRow {
    /// The population that the account falls into.
    pub fn population(&self) -> &str {
        if self.population.is_empty() {
            population_of_stage(&self.stage).0
        } else {
            &self.population
        }
    }

    /// What it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let core = [
            &self.external_id,
            &self.name,
            &self.website,
            &self.owner,
            &self.stage,
            &self.amount,
            &self.created_on,
            &self.population,
        ];
        let core: usize = core.into_iter().map(String::len).sum();
        core + self.extra.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>()
    }
}

/// What writing an account comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountChange {
    /// It was not there.
    Added,
    /// It was there, otherwise.
    Changed,
    /// It was there, just so.
    Unchanged,
}

/// The fields of an account that a sharing rule or a grant can name, besides
/// extra ones. Id, domain and population are part of every overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoreField {
    /// `name`
    Name,
    /// `website`
    Website,
    /// `owner`
    Owner,
    /// `stage`
    Stage,
    /// `amount`
    Amount,
    /// `created-on`
    CreatedOn,
}

impl CoreField {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 6] =
        [Self::Name, Self::Website, Self::Owner, Self::Stage, Self::Amount, Self::CreatedOn];

    /// The name in rules, grants and the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Website => "website",
            Self::Owner => "owner",
            Self::Stage => "stage",
            Self::Amount => "amount",
            Self::CreatedOn => "created-on",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl fmt::Display for CoreField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The populations that every organization starts with, key and title.
pub const STANDARD_POPULATIONS: [(&str, &str); 3] = [
    ("customers", "Customers"),
    ("open-opportunities", "Open opportunities"),
    ("prospects", "Prospects"),
];

/// The population that a CRM's stage falls into by default.
///
/// The second value is false if the stage was not known and the account fell
/// into prospects for want of a better place; an import reports these.
pub fn population_of_stage(stage: &str) -> (&'static str, bool) {
    match stage.trim().to_lowercase().as_str() {
        "customer" => ("customers", true),
        "opportunity" | "open opportunity" => ("open-opportunities", true),
        "lead" | "salesqualifiedlead" | "prospect" => ("prospects", true),
        _ => ("prospects", false),
    }
}

/// Why a text is not a key (of a population, an organization or a plugin).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit"
)]
pub struct BadKey(pub String);

/// Checks a key as it stands in URLs: organizations, populations, plugins.
pub fn check_key(key: &str) -> Result<(), BadKey> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = (1..=64).contains(&key.len())
        && key.bytes().all(allowed)
        && !key.starts_with('-')
        && !key.ends_with('-');
    if good { Ok(()) } else { Err(BadKey(key.chars().take(80).collect())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_fall_into_populations_whatever_their_case() {
        assert_eq!(population_of_stage("Customer"), ("customers", true));
        assert_eq!(population_of_stage(" Open Opportunity "), ("open-opportunities", true));
        assert_eq!(population_of_stage("salesqualifiedlead"), ("prospects", true));
        assert_eq!(population_of_stage("churned"), ("prospects", false));
    }

    #[test]
    fn a_key_is_refused_with_the_rule() {
        assert_eq!(check_key("crm-tasks"), Ok(()));
        for bad in ["", "-a", "a-", "A", "a b", "ünïcode", "a/b"] {
            assert_eq!(check_key(bad), Err(BadKey(bad.to_owned())));
        }
    }
}
