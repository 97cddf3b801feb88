//! Sharing rules: what a population shows to one partner.
//!
//! The rule is the data owner's. It is on reading, because what a guest has
//! read cannot be kept from leaving: an install with an approved egress host
//! reads nothing from an owner who allows only `plugins`.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capability::FieldSet;

/// How much of a population the partner sees. Each level includes the ones before.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing, not even in counts. The default.
    #[default]
    Hidden,
    /// Counts of overlaps only.
    Counts,
    /// The accounts that overlap.
    Overlaps,
    /// Every account of the population.
    All,
}

/// What the partner may use it for. Each purpose includes the ones before.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// People look at it. The default.
    #[default]
    View,
    /// The partner's plugins without egress read it.
    Plugins,
    /// The partner's plugins with egress read it too.
    Egress,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* }) => {
        impl $type {
            /// The name in the API and the store.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names!(Level { Hidden = "hidden", Counts = "counts", Overlaps = "overlaps", All = "all" });
names!(Purpose { View = "view", Plugins = "plugins", Egress = "egress" });

impl Purpose {
    /// The purpose that an install needs of a data owner.
    pub const fn needed(has_egress: bool) -> Self {
        if has_egress { Self::Egress } else { Self::Plugins }
    }
}

/// What one population shows to one partner. Where there is none, `hidden`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharingRule {
    /// The owner's population, by key.
    pub population: String,
    /// How much.
    pub level: Level,
    /// Which fields, by the owner's names: `name`, `owner`, or a further value's
    /// (`extra.NAME` where no account has it yet).
    pub fields: FieldSet,
    /// What for.
    pub purpose: Purpose,
}

impl SharingRule {
    /// Whether an install reads overlaps of this population at all.
    pub fn lets_install_read(&self, has_egress: bool) -> bool {
        self.level >= Level::Overlaps && self.purpose >= Purpose::needed(has_egress)
    }

    /// Whether the partner's people see overlaps of this population.
    pub fn lets_people_read(&self) -> bool {
        self.level >= Level::Overlaps
    }
}

/// One count as the partner sees it: the number, rounded down to a multiple of `floor`
/// (at least 1) where a rule allows counts only, and whether it was suppressed.
pub fn visible_count(count: u64, level: Level, floor: u64) -> (u64, bool) {
    match level {
        Level::Hidden => (0, true),
        Level::Counts if count < floor => (0, true),
        Level::Counts => (count - count % floor.max(1), false),
        Level::Overlaps | Level::All => (count, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(level: Level, purpose: Purpose) -> SharingRule {
        SharingRule { population: "customers".into(), level, fields: FieldSet::default(), purpose }
    }

    #[test]
    fn an_install_with_egress_reads_nothing_where_only_plugins_is_allowed() {
        assert!(rule(Level::Overlaps, Purpose::Plugins).lets_install_read(false));
        assert!(!rule(Level::Overlaps, Purpose::Plugins).lets_install_read(true));
        assert!(rule(Level::Overlaps, Purpose::Egress).lets_install_read(true));
        assert!(!rule(Level::Counts, Purpose::Egress).lets_install_read(false));
        assert!(!rule(Level::All, Purpose::View).lets_install_read(false));
    }

    #[test]
    fn small_counts_are_suppressed_where_only_counts_are_shared() {
        assert_eq!(visible_count(4, Level::Counts, 5), (0, true));
        assert_eq!(visible_count(5, Level::Counts, 5), (5, false));
        assert_eq!(visible_count(9, Level::Counts, 5), (5, false));
        assert_eq!(visible_count(19, Level::Counts, 20), (0, true));
        assert_eq!(visible_count(1, Level::Overlaps, 5), (1, false));
        assert_eq!(visible_count(900, Level::Hidden, 5), (0, true));
    }
}
