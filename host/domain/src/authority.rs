//! Authority: what is left of manifest, approval, grant and every data owner's
//! rule, as one immutable numbered snapshot per install.
//!
//! A host call compares one number and asks this; an allow does not allocate.
//! A denial names the layer that lacks it, and who can change that.
use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    capability::{Capability, CapabilitySet, OverlapFields},
    egress::{EgressRule, Target, customer_host::CompletedHost},
    grant::{Approval, Grant},
    id::{InstallId, OrganizationId, PartnershipId, PluginId, ReleaseId},
    manifest::{ConnectionRequest, Manifest},
    sharing::SharingRule,
};

mod decide;
#[cfg(test)]
mod tests;

/// Why a host call was declined, and who can change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Denial {
    /// The capability's name.
    pub capability: Cow<'static, str>,
    /// What was asked for.
    pub what: String,
    /// The reason, in one sentence.
    pub why: String,
    /// `publisher`, `platform-admin`, `customer-admin` or `data-owner`.
    pub who_can_change_it: Cow<'static, str>,
}

/// What the store knows of one install when a run starts: the input of
/// [`Authority::new`]. All of it is read in one transaction.
#[derive(Debug, Clone)]
pub struct Control {
    /// The number at which all of it was read.
    pub number: u64,
    /// The customer.
    pub organization: OrganizationId,
    /// The install.
    pub install: InstallId,
    /// The plugin.
    pub plugin: PluginId,
    /// The release that runs.
    pub release: ReleaseId,
    /// Its manifest.
    pub manifest: Manifest,
    /// The ceiling.
    pub approval: Approval,
    /// The consent.
    pub grant: Grant,
    /// The install is enabled and the plugin is not suspended; else why not.
    pub stopped: Option<String>,
    /// The granted partnerships, also ended ones.
    pub partnerships: Vec<PartnershipControl>,
    /// Connections that are in place, by the manifest's name.
    pub connections: Vec<String>,
    /// Hosts that came of the customer's configuration.
    pub customer_hosts: Vec<CompletedHost>,
    /// What is about to go.
    pub farewell: Farewell,
}

/// What is about to go, and may be looked at once more so that it goes elsewhere too.
#[derive(Debug, Clone, Default)]
pub struct Farewell {
    /// The install itself: what is left to it is its state, and calls to clean up with.
    pub leaving: bool,
    /// Partnerships of which everything derived is being erased.
    pub erasing: Vec<PartnershipId>,
}

impl Control {
    /// Puts the customer's words into every layer's hosts that have a place for
    /// them. What the configuration does not say stays a place, and allows nothing.
    pub fn complete(&mut self, config: &serde_json::Value) {
        self.customer_hosts = self.manifest.complete(config);
        self.approval.complete(config);
        self.grant.complete(config);
    }
}

/// One partnership as an install's authority sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnershipControl {
    /// The partnership.
    pub id: PartnershipId,
    /// The partner's name.
    pub partner: String,
    /// Both sides agree, now.
    pub active: bool,
    /// The partner's rules toward us.
    pub rules: Vec<SharingRule>,
}

/// What an install may do now. Built from [`Control`]; immutable.
#[derive(Debug, Clone)]
pub struct Authority {
    control: Control,
    capabilities: CapabilitySet,
    fields: OverlapFields,
    egress: Vec<EgressRule>,
}

impl Authority {
    /// The number at which it was read.
    pub const fn number(&self) -> u64 {
        self.control.number
    }

    /// The install.
    pub const fn install(&self) -> &InstallId {
        &self.control.install
    }

    /// The customer.
    pub const fn organization(&self) -> &OrganizationId {
        &self.control.organization
    }

    /// The plugin.
    pub const fn plugin(&self) -> &PluginId {
        &self.control.plugin
    }

    /// The release's manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.control.manifest
    }

    /// The effective capabilities.
    pub const fn capabilities(&self) -> CapabilitySet {
        self.capabilities
    }

    /// The effective fields, before the data owners' rules.
    pub const fn fields(&self) -> &OverlapFields {
        &self.fields
    }

    /// The granted populations of ours.
    pub fn populations(&self) -> &[String] {
        &self.control.grant.populations
    }

    /// The effective destinations.
    pub fn egress(&self) -> &[EgressRule] {
        &self.egress
    }

    /// Whether a host is the customer's own word: nobody else may read it.
    pub fn is_customer_host(&self, host: &str) -> bool {
        self.control.customer_hosts.iter().any(|customer| customer.host == host)
    }

    /// Whether any destination is left: decides which purpose data owners must allow.
    pub fn has_egress(&self) -> bool {
        !self.egress.is_empty() && self.capabilities.has(Capability::HttpEgress)
    }

    /// The manifest's entry for a connection that is in place.
    pub fn connection(&self, name: &str) -> Option<&ConnectionRequest> {
        let in_place = self.control.connections.iter().any(|connection| connection == name);
        let request = self.control.manifest.connections.iter().find(|request| request.name == name);
        request.filter(|_| in_place)
    }

    /// The granted partnerships.
    pub fn partnerships(&self) -> &[PartnershipControl] {
        &self.control.partnerships
    }
}

/// The question that an outbound call asks; answered in `decide`.
#[derive(Debug, Clone, Copy)]
pub struct EgressQuestion<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// Where to.
    pub target: &'a Target,
    /// The connection whose credential is wanted.
    pub connection: Option<&'a str>,
}
