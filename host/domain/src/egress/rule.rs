//! One allowed destination, as a manifest asks for it, an admin approves it
//! and a customer grants it.
use serde::{Deserialize, Serialize};

use super::url::Target;

/// A host and what may be called there. Empty lists mean "any" for methods
/// (of the standard ones) and paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressRule {
    /// Exact host in canonical form, or `*.` and a registrable domain or longer
    /// for exactly one more label.
    pub host: String,
    /// The port.
    #[serde(default = "https_port")]
    pub port: u16,
    /// Methods, upper case; empty for all standard ones.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path prefixes, each starting with `/`; empty for all.
    #[serde(default)]
    pub paths: Vec<String>,
}

const fn https_port() -> u16 {
    443
}

impl EgressRule {
    /// Whether a call with this method to this target is allowed by this rule.
    pub fn allows(&self, _method: &str, _target: &Target) -> bool {
        false
    }

    /// Whether everything this rule allows, `other` allows too.
    pub fn is_within(&self, _other: &Self) -> bool {
        false
    }
}
