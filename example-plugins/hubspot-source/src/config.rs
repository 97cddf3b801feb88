//! What the customer sets. The schema stands in `venn.toml`, with the same
//! defaults; the host has checked the text against it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// Further properties to keep.
    pub(crate) fields: Vec<String>,
    /// Lifecycle stage to population, or [`SKIP`].
    pub(crate) stages: BTreeMap<String, String>,
    /// The property that holds the amount; empty for none.
    pub(crate) amount: String,
    /// What every account id starts with.
    pub(crate) id_prefix: String,
}

/// The population of companies that are left out.
pub(crate) const SKIP: &str = "skip";

/// Properties that are always read.
const CORE: [&str; 9] = [
    "name",
    "domain",
    "website",
    "lifecyclestage",
    "hubspot_owner_id",
    "createdate",
    "hs_lastmodifieddate",
    "hs_object_id",
    "hs_merged_object_ids",
];

impl Config {
    /// Every property to ask for, once.
    pub(crate) fn properties(&self) -> Vec<&str> {
        let mut names = CORE.to_vec();
        let own = self.fields.iter().map(String::as_str).chain([self.amount.as_str()]);
        for name in own.filter(|name| !name.is_empty()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The properties that the customer named.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let amount = Some(("amount", self.amount.as_str())).filter(|(_, name)| !name.is_empty());
        self.fields.iter().map(|name| ("fields", name.as_str())).chain(amount)
    }

    /// The population of a stage; empty to let the host decide.
    pub(crate) fn population(&self, stage: &str) -> &str {
        self.stages.get(stage).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_empty_configuration_has_the_defaults_of_the_schema() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.properties(), CORE);
    }

    #[test]
    fn each_property_is_asked_for_once() {
        let config = Config {
            fields: vec!["industry".into(), "domain".into()],
            amount: "annualrevenue".into(),
            ..Config::default()
        };
        assert_eq!(config.properties()[9..], ["industry", "annualrevenue"]);
        let named: Vec<_> = config.named().collect();
        assert_eq!(named.last(), Some(&("amount", "annualrevenue")));
    }
}
