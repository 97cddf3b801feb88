//! The pairing rules, for the accounts of one registrable domain.
//!
//! One-to-one, in this order; each rule sees what the ones before it left over:
//!
//! | # | rule | confidence |
//! |---|---|---|
//! | 0 | confirmed or linked by a person, both on this domain | sure |
//! | 1 | equal host and equal name | sure |
//! | 2 | equal host | likely |
//! | 3 | equal name | sure |
//! | 4 | names similar above [`SIMILAR_MIN_PERMILLE`](crate::SIMILAR_MIN_PERMILLE), best first | likely |
//!
//! Ties go by id, left side first, in byte order. A rejected pair never forms; a
//! rejection frees both for somebody else. An account that a person tied to one
//! of another domain is left out here, and [`crate::pair_crossing`] gives its
//! pair. The owner of a hosting domain is paired by rules 1 and 3 only.
//!
//! What is left over on a domain that *both* sides have is unpaired; a domain
//! that one side lacks gives nothing.
//!
//! The result depends on the set of entries, not on their order, and on no
//! other domain: so after a change only the touched domains are paired again.
//! Expects all entries to be of one registrable domain, and ids unique per side.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::decision::LiveDecisions;
use crate::entry::{Entry, Side};
use crate::evidence::{DomainPairing, Evidence, Pair, Rule};
use crate::similar::{
    Comparable, SIMILAR_ACCOUNTS_MAX, SIMILAR_MIN_PERMILLE, brand, similarity_permille,
};

/// Pairs the accounts of one registrable domain.
pub fn pair_domain(left: &[Entry], right: &[Entry], decisions: &LiveDecisions) -> DomainPairing {
    pair_refs(left.iter().collect(), right.iter().collect(), decisions)
}

pub(crate) fn pair_refs(
    mut left: Vec<&Entry>,
    mut right: Vec<&Entry>,
    decisions: &LiveDecisions,
) -> DomainPairing {
    if left.is_empty() || right.is_empty() {
        return DomainPairing::default();
    }
    left.sort_unstable_by(|a, b| by_id(a, b));
    right.sort_unstable_by(|a, b| by_id(a, b));
    let mut pass = Pass { left, right, decisions, pairs: Vec::new() };
    pass.decided();
    pass.equal(
        Rule::HostAndName,
        |e| has_name(e) && e.host().is_some(),
        |a, b| a.host().cmp(&b.host()).then_with(|| a.name().joined().cmp(b.name().joined())),
    );
    pass.equal(
        Rule::Host,
        |e| !e.name_must_match() && e.host().is_some(),
        |a, b| a.host().cmp(&b.host()),
    );
    pass.equal(Rule::Name, has_name, |a, b| a.name().joined().cmp(b.name().joined()));
    pass.similar();
    pass.finish()
}

fn has_name(entry: &Entry) -> bool {
    !entry.name().is_empty()
}

/// By id; the rest only makes the order total if a caller breaks the promise
/// that ids are unique.
fn by_id(a: &Entry, b: &Entry) -> Ordering {
    a.id()
        .cmp(b.id())
        .then_with(|| a.host().cmp(&b.host()))
        .then_with(|| a.name().words().cmp(b.name().words()))
}

/// What is still unpaired, sorted by id, and the pairs so far.
struct Pass<'a> {
    left: Vec<&'a Entry>,
    right: Vec<&'a Entry>,
    decisions: &'a LiveDecisions,
    pairs: Vec<Pair>,
}

impl<'a> Pass<'a> {
    /// Rule 0: takes every account out that a person tied to another one.
    fn decided(&mut self) {
        let decisions = self.decisions;
        let right = std::mem::take(&mut self.right);
        for entry in &self.left {
            let Some((tied, decided)) = decisions.fixed(entry.id()) else { continue };
            if let Ok(at) = right.binary_search_by(|candidate| candidate.id().cmp(tied))
                && let Some(counterpart) = right.get(at)
            {
                self.pairs.push(pair(entry, counterpart, decided.into()));
            }
        }
        self.left.retain(|entry| decisions.tied(Side::Left, entry.id()).is_none());
        self.right = right;
        self.right.retain(|entry| decisions.tied(Side::Right, entry.id()).is_none());
    }

    /// Pairs accounts that `compare` finds equal, among those that are `eligible`.
    fn equal(
        &mut self,
        rule: Rule,
        eligible: fn(&Entry) -> bool,
        compare: fn(&Entry, &Entry) -> Ordering,
    ) {
        if self.left.is_empty() || self.right.is_empty() {
            return;
        }
        let sorted = |side: &[&'a Entry]| {
            let mut side: Vec<&Entry> = side.iter().copied().filter(|e| eligible(e)).collect();
            // Stable: equal ones stay in the order of their ids.
            side.sort_by(|a, b| compare(a, b));
            side
        };
        let (left, right) = (sorted(&self.left), sorted(&self.right));
        let (mut lefts, mut rights) = (left.as_slice(), right.as_slice());
        let before = self.pairs.len();
        while let (Some(l), Some(r)) = (lefts.first(), rights.first()) {
            match compare(l, r) {
                Ordering::Less => lefts = lefts.get(1..).unwrap_or_default(),
                Ordering::Greater => rights = rights.get(1..).unwrap_or_default(),
                Ordering::Equal => {
                    let (same_left, rest_left) = run(lefts, l, compare);
                    let (same_right, rest_right) = run(rights, r, compare);
                    self.zip(rule, same_left, same_right);
                    (lefts, rights) = (rest_left, rest_right);
                }
            }
        }
        self.forget_paired(before);
    }

    /// One group of candidates that are equal by the rule: lowest ids first.
    fn zip(&mut self, rule: Rule, left: &[&Entry], right: &[&Entry]) {
        let mut free: VecDeque<&Entry> = right.iter().copied().collect();
        for entry in left {
            let counterpart = free
                .iter()
                .position(|candidate| !self.decisions.is_rejected(entry.id(), candidate.id()))
                .and_then(|at| free.remove(at));
            if let Some(counterpart) = counterpart {
                self.pairs.push(pair(entry, counterpart, rule));
            }
        }
    }

    /// Rule 4, best first.
    fn similar(&mut self) {
        let before = self.pairs.len();
        let lefts = comparables(&self.left);
        let rights = comparables(&self.right);
        let mut candidates: Vec<(u16, &Entry, &Entry)> = Vec::new();
        for (left, left_name) in &lefts {
            for (right, right_name) in &rights {
                let similarity = left_name.similarity_permille(right_name);
                if similarity >= SIMILAR_MIN_PERMILLE
                    && !self.decisions.is_rejected(left.id(), right.id())
                {
                    candidates.push((similarity, left, right));
                }
            }
        }
        candidates.sort_by(|a, b| {
            b.0.cmp(&a.0).then_with(|| by_id(a.1, b.1)).then_with(|| by_id(a.2, b.2))
        });
        let mut taken_left: Vec<&str> = Vec::new();
        let mut taken_right: Vec<&str> = Vec::new();
        for (_, left, right) in candidates {
            if !taken_left.contains(&&**left.id()) && !taken_right.contains(&&**right.id()) {
                taken_left.push(left.id());
                taken_right.push(right.id());
                self.pairs.push(pair(left, right, Rule::Similar));
            }
        }
        self.forget_paired(before);
    }

    /// Takes the accounts of the pairs from `since` on out of the leftovers.
    fn forget_paired(&mut self, since: usize) {
        let fresh = self.pairs.get(since..).unwrap_or_default();
        if fresh.is_empty() {
            return;
        }
        let mut lefts: Vec<&str> = fresh.iter().map(|pair| &*pair.left).collect();
        let mut rights: Vec<&str> = fresh.iter().map(|pair| &*pair.right).collect();
        lefts.sort_unstable();
        rights.sort_unstable();
        self.left.retain(|entry| lefts.binary_search(&&**entry.id()).is_err());
        self.right.retain(|entry| rights.binary_search(&&**entry.id()).is_err());
    }

    fn finish(mut self) -> DomainPairing {
        self.pairs.sort_by(|a, b| a.left.cmp(&b.left).then_with(|| a.right.cmp(&b.right)));
        let ids = |side: &[&Entry]| side.iter().map(|entry| Arc::clone(entry.id())).collect();
        DomainPairing {
            pairs: self.pairs,
            unpaired_left: ids(&self.left),
            unpaired_right: ids(&self.right),
        }
    }
}

/// The entries at the front that equal `first`, and the rest.
fn run<'s, 'a>(
    side: &'s [&'a Entry],
    first: &Entry,
    compare: fn(&Entry, &Entry) -> Ordering,
) -> (&'s [&'a Entry], &'s [&'a Entry]) {
    let end = side.partition_point(|entry| compare(entry, first) != Ordering::Greater);
    side.split_at_checked(end).unwrap_or((side, &[]))
}

fn comparables<'a>(side: &[&'a Entry]) -> Vec<(&'a Entry, Comparable)> {
    side.iter()
        .filter(|entry| has_name(entry) && !entry.name_must_match())
        .take(SIMILAR_ACCOUNTS_MAX)
        .map(|entry| (*entry, Comparable::of(entry, entry.registrable().map_or("", brand))))
        .collect()
}

/// A pair with its evidence.
pub(crate) fn pair(left: &Entry, right: &Entry, rule: Rule) -> Pair {
    let domain = match (left.registrable(), right.registrable()) {
        (Ok(a), Ok(b)) if a == b => Some(Arc::from(a)),
        _ => None,
    };
    Pair {
        left: Arc::clone(left.id()),
        right: Arc::clone(right.id()),
        domain,
        evidence: Evidence {
            rule,
            host_left: left.host_shared(),
            host_right: right.host_shared(),
            similarity_permille: similarity_permille(left, right),
        },
        confidence: rule.confidence(),
    }
}
