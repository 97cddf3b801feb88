//! Support access: whom a customer lets look, and at what of one install.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most hours of one leave: two weeks, the longest that a case is worked on.
pub const HOURS_MAX: u32 = 14 * 24;

/// Who may be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Supporter {
    /// Those who run Venn.
    Platform,
    /// The publisher of the install's plugin.
    Publisher,
}

/// What may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// How runs ended, and what they called.
    Runs,
    /// Events on their way.
    Deliveries,
    /// What runs logged, in the plugin's own words.
    Logs,
}

impl Thing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Runs, Self::Deliveries, Self::Logs];

    /// The name in the API and the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Deliveries => "deliveries",
            Self::Logs => "logs",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|thing| thing.name() == name)
    }
}
