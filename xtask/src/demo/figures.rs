//! The figures that the demo ends with; each one is read from an answer.
use serde_json::{Value, json};

/// What the API returned, counted.
#[derive(Default)]
pub(crate) struct Figures {
    pub accounts: u64,
    pub shared_domains: u64,
    pub overlaps: u64,
    pub unpaired: u64,
    pub tasks_created: u64,
    pub denials: u64,
    pub verdicts: Vec<String>,
    /// Who, and the token; printed when the server is left up.
    pub credentials: Vec<(String, String)>,
}

impl Figures {
    pub(crate) fn json(&self) -> Value {
        let verdicts =
            |class: &str| self.verdicts.iter().filter(|verdict| *verdict == class).count();
        json!({
            "accounts": self.accounts,
            "shared_domains": self.shared_domains,
            "overlaps": self.overlaps,
            "unpaired": self.unpaired,
            "tasks_created": self.tasks_created,
            "denials": self.denials,
            "verdicts": {
                "customer-config": verdicts("customer-config"),
                "third-party": verdicts("third-party"),
                "plugin": verdicts("plugin"),
            },
        })
    }
}
