//! Two whole lists: group by registrable domain, pair each domain alone.
//!
//! # Keeping a mapping up to date
//! After accounts or decisions changed: take the *touched* entries (each changed
//! account before and after the change, each account that a changed decision
//! names, and every account that a decision ties to one of these, before and
//! after), [`touched_domains`] gives the domains, [`crate::pair_domain`] each of
//! them again with all its entries, and [`pair_crossing`] once. The result
//! equals [`map_lists`] on everything (a property test holds that).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::decision::{Decisions, LiveDecisions};
use crate::entry::{Entry, Side};
use crate::evidence::{DomainPairing, Pair, Rule};
use crate::pair::{pair, pair_refs};

/// The mapping of two lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// Every registrable domain that both sides have, with what came of it.
    pub domains: BTreeMap<Arc<str>, DomainPairing>,
    /// Pairs that people made across domains, sorted by the left id.
    pub crossing: Vec<Pair>,
}

/// A mapping in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Registrable domains that both sides have.
    pub shared_domains: usize,
    /// Pairs, by the rule that made them.
    pub pairs: BTreeMap<Rule, usize>,
    /// Left accounts left over on a shared domain.
    pub unpaired_left: usize,
    /// Right accounts left over on a shared domain.
    pub unpaired_right: usize,
}

impl Mapping {
    /// All pairs, by domain, those across domains last.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.domains.values().flat_map(|domain| &domain.pairs).chain(&self.crossing)
    }

    /// The mapping in numbers.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures { shared_domains: self.domains.len(), ..Figures::default() };
        for pair in self.pairs() {
            *figures.pairs.entry(pair.evidence.rule).or_default() += 1;
        }
        for domain in self.domains.values() {
            figures.unpaired_left += domain.unpaired_left.len();
            figures.unpaired_right += domain.unpaired_right.len();
        }
        figures
    }
}

/// Maps two whole lists. Which decisions are live follows from the lists.
pub fn map_lists(left: &[Entry], right: &[Entry], decisions: &Decisions) -> Mapping {
    let live = live_among(left, right, decisions);
    let mut groups: HashMap<&str, (Vec<&Entry>, Vec<&Entry>)> = HashMap::with_capacity(left.len());
    for entry in left {
        if let Ok(domain) = entry.registrable() {
            groups.entry(domain).or_default().0.push(entry);
        }
    }
    for entry in right {
        // A domain that only the right side has needs no group.
        if let Ok(domain) = entry.registrable()
            && let Some(group) = groups.get_mut(domain)
        {
            group.1.push(entry);
        }
    }
    let mut shared: Vec<_> = groups.into_iter().filter(|(_, group)| !group.1.is_empty()).collect();
    shared.sort_unstable_by_key(|(domain, _)| *domain);
    let domains = shared
        .into_iter()
        .map(|(domain, (left, right))| (Arc::from(domain), pair_refs(left, right, &live)))
        .collect();
    Mapping { domains, crossing: pair_crossing(left, right, &live) }
}

fn live_among(left: &[Entry], right: &[Entry], decisions: &Decisions) -> LiveDecisions {
    let tied = |side: Side, entries: &[Entry]| -> BTreeSet<Arc<str>> {
        let ids = entries.iter().map(Entry::id);
        ids.filter(|id| decisions.tied(side, id).is_some()).cloned().collect()
    };
    let (lefts, rights) = (tied(Side::Left, left), tied(Side::Right, right));
    decisions.live(&|side, id| match side {
        Side::Left => lefts.contains(id),
        Side::Right => rights.contains(id),
    })
}

/// The pairs that people made between accounts of different domains, or of
/// none. The slices hold at least the entries that a decision ties.
pub fn pair_crossing(left: &[Entry], right: &[Entry], decisions: &LiveDecisions) -> Vec<Pair> {
    let index = |side: Side, entries| -> HashMap<&str, &Entry> {
        let entries: &[Entry] = entries;
        let tied = entries.iter().filter(|entry| decisions.tied(side, entry.id()).is_some());
        tied.map(|entry| (&**entry.id(), entry)).collect()
    };
    let (lefts, rights) = (index(Side::Left, left), index(Side::Right, right));
    decisions
        .all_fixed()
        .filter_map(|(left_id, right_id, decided)| {
            let (left, right) = (lefts.get(&**left_id)?, rights.get(&**right_id)?);
            let same_domain =
                left.registrable().is_ok() && left.registrable() == right.registrable();
            (!same_domain).then(|| pair(left, right, decided.into()))
        })
        .collect()
}

/// The registrable domains of some entries.
pub fn touched_domains(entries: &[&Entry]) -> BTreeSet<Arc<str>> {
    entries.iter().filter_map(|entry| entry.registrable().ok()).map(Arc::from).collect()
}
