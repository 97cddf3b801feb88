//! What the customer sets. The schema stands in `venn.toml`, with the same
//! defaults; the host has checked the text against it.
use serde::{Deserialize, Serialize};

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) task_priority: Priority,
    pub(crate) task_prefix: String,
    pub(crate) min_confidence: Confidence,
    pub(crate) assign_company: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            task_priority: Priority::Medium,
            task_prefix: "Overlap:".into(),
            min_confidence: Confidence::Sure,
            assign_company: true,
        }
    }
}

/// HubSpot's values of `hs_task_priority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Priority {
    None,
    Low,
    Medium,
    High,
}

/// The least confidence of an overlap that becomes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confidence {
    Sure,
    Likely,
}

impl Confidence {
    /// Whether an overlap of that confidence is enough. A word that is not
    /// known here counts as less than likely.
    pub(crate) fn accepts(self, confidence: &str) -> bool {
        match self {
            Self::Sure => confidence == "sure",
            Self::Likely => matches!(confidence, "sure" | "likely"),
        }
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
    }

    #[test]
    fn only_sure_overlaps_unless_likely_ones_are_wanted() {
        assert!(Confidence::Sure.accepts("sure") && !Confidence::Sure.accepts("likely"));
        assert!(Confidence::Likely.accepts("sure") && Confidence::Likely.accepts("likely"));
        assert!(!Confidence::Likely.accepts("perhaps"));
    }
}
