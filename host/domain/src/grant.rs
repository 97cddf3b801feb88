//! The approval (the platform admin's ceiling) and the grant (the customer's
//! consent). Both are stored as JSON with exactly these members.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    capability::{CapabilitySet, OverlapFields},
    egress::{EgressRule, customer_host::complete, rule::host_covers},
    id::PartnershipId,
    manifest::Manifest,
};

/// The most that a plugin may be granted, by anyone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Capabilities.
    pub capabilities: CapabilitySet,
    /// Fields of overlaps.
    pub fields: OverlapFields,
    /// Destinations.
    pub egress: Vec<EgressRule>,
}

/// What one customer consents to for one install.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Capabilities.
    pub capabilities: CapabilitySet,
    /// Partnerships whose overlaps it may read.
    pub partnerships: Vec<PartnershipId>,
    /// Our populations, by key: whose overlaps it may read, and whose accounts it
    /// may write.
    pub populations: Vec<String>,
    /// Fields of overlaps.
    pub fields: OverlapFields,
    /// Destinations, by host as the manifest writes it.
    pub egress_hosts: Vec<String>,
}

/// Something approved or granted that was not asked for or approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not {limit}")]
pub struct Excess {
    /// For example `capability http:egress` or `field their-amount`.
    pub what: String,
    /// `asked for by any release of this plugin's manifest` or `approved for this plugin`.
    pub limit: &'static str,
}

const ASKED: &str = "asked for by the release's manifest";
const APPROVED: &str = "approved for this plugin";

impl Approval {
    /// Exactly what the manifest asks for.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            capabilities: manifest.capability_set(),
            fields: manifest.fields.clone(),
            egress: manifest.egress_rules(),
        }
    }

    /// Puts the customer's words into the hosts that have a place for them.
    pub fn complete(&mut self, config: &Value) {
        for rule in &mut self.egress {
            complete(&mut rule.host, config);
        }
    }

    /// Lists what this approval has beyond what the manifest asks for.
    pub fn excess(&self, manifest: &Manifest) -> Vec<Excess> {
        beyond(self, &Self::of(manifest), ASKED)
    }

    /// What this approval has that another one lacks, such as `field their-amount`.
    pub fn lacking_in(&self, other: &Self) -> Vec<String> {
        beyond(self, other, APPROVED).into_iter().map(|excess| excess.what).collect()
    }

    /// Whether a release that asks for this fits under the ceiling.
    pub fn covers(&self, manifest: &Manifest) -> bool {
        beyond(&Self::of(manifest), self, APPROVED).is_empty()
    }
}

impl Grant {
    /// Puts the customer's words into the hosts that have a place for them.
    pub fn complete(&mut self, config: &Value) {
        for host in &mut self.egress_hosts {
            complete(host, config);
        }
    }

    /// Lists what this grant has beyond the approval.
    pub fn excess(&self, approval: &Approval) -> Vec<Excess> {
        let asked = Approval {
            capabilities: self.capabilities,
            fields: self.fields.clone(),
            egress: Vec::new(),
        };
        let mut excess = beyond(&asked, approval, APPROVED);
        for host in &self.egress_hosts {
            // One subdomain may be granted where a wildcard was approved.
            if !approval.egress.iter().any(|rule| host_covers(&rule.host, host)) {
                excess.push(Excess { what: format!("host {host}"), limit: APPROVED });
            }
        }
        excess
    }
}

fn beyond(inner: &Approval, outer: &Approval, limit: &'static str) -> Vec<Excess> {
    let mut excess = Vec::new();
    for capability in inner.capabilities.iter().filter(|c| !outer.capabilities.has(*c)) {
        excess.push(Excess { what: format!("capability {}", capability.name()), limit });
    }
    for name in inner.fields.names().filter(|name| !outer.fields.has_name(name)) {
        excess.push(Excess { what: format!("field {name}"), limit });
    }
    for rule in &inner.egress {
        if !outer.egress.iter().any(|other| rule.is_within(other)) {
            excess.push(Excess { what: format!("host {}", rule.host), limit });
        }
    }
    excess
}

#[cfg(test)]
mod tests;
