//! The room for runs of one server: who gets the next of it.
//!
//! What is free goes to the organization that holds least of it for its weight, and
//! within it to the install that waits longest; so nobody who waits has less than any
//! who was served. Who is alone may use what nobody asks for, but never more than
//! stays free: whoever comes finds room at once, and as much as the one who has most.
//! The same holds for a plugin, whoever installed it.
//!
//! Pure: the caller brings what is held and who waits.
use std::collections::{BTreeMap, HashSet};

use crate::{
    id::{InstallId, OrganizationId, PluginId},
    time::Timestamp,
};

/// By this, loads of different weights can be told apart in whole numbers.
const PARTS: u64 = 1_000;

/// An install with work to do, none of which runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The install.
    pub install: InstallId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it runs.
    pub plugin: PluginId,
    /// Since when it has waited for its turn.
    pub since: Timestamp,
}

/// What is free, and who holds the rest.
#[derive(Debug, Clone, Default)]
pub struct Room {
    free: u64,
    organizations: BTreeMap<OrganizationId, u64>,
    plugins: BTreeMap<PluginId, u64>,
}

impl Room {
    /// Room for so many more runs.
    pub fn new(free: u64) -> Self {
        Self { free, ..Self::default() }
    }

    /// So many runs hold room already.
    pub fn hold(&mut self, organization: OrganizationId, plugin: PluginId, runs: u64) {
        *self.organizations.entry(organization).or_default() += runs;
        *self.plugins.entry(plugin).or_default() += runs;
    }

    /// What the organization would hold with one more run, for its weight: the lowest
    /// is served first.
    pub fn load(&self, organization: &OrganizationId) -> u64 {
        let held = self.organizations.get(organization).copied().unwrap_or(0);
        (held + 1) * PARTS / weight(organization)
    }

    /// Whether the organization may hold one more.
    pub fn admits(&self, organization: &OrganizationId) -> bool {
        self.load(organization) <= self.free * PARTS
    }

    /// Plugins that may not hold one more.
    pub fn full_plugins(&self) -> impl Iterator<Item = &PluginId> {
        self.plugins.keys().filter(|plugin| !self.admits_plugin(plugin))
    }

    fn admits_plugin(&self, plugin: &PluginId) -> bool {
        self.plugins.get(plugin).copied().unwrap_or(0) < self.free
    }

    /// Gives what is free to those who wait, as far as it goes: in the order in which
    /// they get it, each install once.
    pub fn give(&mut self, mut waiting: Vec<Waiting>) -> Vec<Waiting> {
        let mut seen = HashSet::new();
        waiting.retain(|one| seen.insert(one.install.clone()));
        let mut given = Vec::new();
        while let Some(next) = self.next(&waiting) {
            let next = waiting.swap_remove(next);
            self.free -= 1;
            self.hold(next.organization.clone(), next.plugin.clone(), 1);
            given.push(next);
        }
        given
    }

    fn next(&self, waiting: &[Waiting]) -> Option<usize> {
        let admitted = waiting
            .iter()
            .enumerate()
            .filter(|(_, one)| self.admits(&one.organization) && self.admits_plugin(&one.plugin));
        let first = admitted
            .min_by_key(|(_, one)| (self.load(&one.organization), one.since, &one.install))?;
        Some(first.0)
    }
}

/// What an organization may hold in relation to others. All are equal; who is to have
/// more than others has a higher number here.
const fn weight(_: &OrganizationId) -> u64 {
    1
}

#[cfg(test)]
mod tests;
