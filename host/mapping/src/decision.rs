//! What people decided about pairs: confirm, reject, link by hand.
//!
//! Decisions come in the order in which people made them; where two of them
//! contradict each other, the later one holds. A confirmed or linked pair binds
//! only while both accounts exist: [`Decisions::live`] says which do, and the
//! pairing functions take nothing but its result, so that no account can stay
//! bound to one that is gone. The decision itself is kept: it binds again when
//! the account returns.
//!
//! Doesn't know who decided or when, and stores nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entry::Side;
use crate::evidence::Rule;

/// One decision: the id of the left account, the id of the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// This pair is right.
    Confirm(Arc<str>, Arc<str>),
    /// These two are never one company.
    Reject(Arc<str>, Arc<str>),
    /// These two are one company, whatever their domains.
    Link(Arc<str>, Arc<str>),
}

/// How a pair was fixed by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Confirmed.
    Confirmed,
    /// Linked by hand.
    Linked,
}

impl From<Decided> for Rule {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::Confirmed => Self::Confirmed,
            Decided::Linked => Self::Linked,
        }
    }
}

/// All decisions between two organizations.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    by_left: BTreeMap<Arc<str>, (Arc<str>, Decided)>,
    by_right: BTreeMap<Arc<str>, Arc<str>>,
    rejected: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// Decisions whose fixed pairs all exist on both sides.
#[derive(Debug, Clone, Default)]
pub struct LiveDecisions(Decisions);

impl Decisions {
    /// In the order in which they were made.
    pub fn new(decisions: &[Decision]) -> Self {
        let mut all = Self::default();
        for decision in decisions {
            all.add(decision);
        }
        all
    }

    /// Adds one that was made after all others.
    pub fn add(&mut self, decision: &Decision) {
        match decision {
            Decision::Confirm(left, right) => self.fix(left, right, Decided::Confirmed),
            Decision::Link(left, right) => self.fix(left, right, Decided::Linked),
            Decision::Reject(left, right) => {
                if self.by_left.get(left).is_some_and(|(fixed, _)| fixed == right) {
                    self.by_left.remove(left);
                    self.by_right.remove(right);
                }
                self.rejected.entry(Arc::clone(left)).or_default().insert(Arc::clone(right));
            }
        }
    }

    fn fix(&mut self, left: &Arc<str>, right: &Arc<str>, decided: Decided) {
        if let Some((other, _)) = self.by_left.remove(left) {
            self.by_right.remove(&other);
        }
        if let Some(other) = self.by_right.remove(right) {
            self.by_left.remove(&other);
        }
        if let Some(rejected) = self.rejected.get_mut(left) {
            rejected.remove(right);
        }
        self.by_left.insert(Arc::clone(left), (Arc::clone(right), decided));
        self.by_right.insert(Arc::clone(right), Arc::clone(left));
    }

    /// The account that a person tied to this one, whether it exists or not.
    pub fn tied(&self, side: Side, id: &str) -> Option<&Arc<str>> {
        match side {
            Side::Left => self.by_left.get(id).map(|(right, _)| right),
            Side::Right => self.by_right.get(id),
        }
    }

    /// The decisions that bind now: `exists` says whether an account does.
    pub fn live(&self, exists: &dyn Fn(Side, &str) -> bool) -> LiveDecisions {
        let mut live = self.clone();
        live.by_left
            .retain(|left, (right, _)| exists(Side::Left, left) && exists(Side::Right, right));
        live.by_right.retain(|right, left| exists(Side::Left, left) && exists(Side::Right, right));
        LiveDecisions(live)
    }
}

impl LiveDecisions {
    /// The account that a person tied to this one; it exists.
    pub fn tied(&self, side: Side, id: &str) -> Option<&Arc<str>> {
        self.0.tied(side, id)
    }

    /// Whether a person said that these two are never one company.
    pub fn is_rejected(&self, left: &str, right: &str) -> bool {
        self.0.rejected.get(left).is_some_and(|rights| rights.contains(right))
    }

    pub(crate) fn fixed(&self, left: &str) -> Option<(&Arc<str>, Decided)> {
        self.0.by_left.get(left).map(|(right, decided)| (right, *decided))
    }

    pub(crate) fn all_fixed(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, Decided)> {
        self.0.by_left.iter().map(|(left, (right, decided))| (left, right, *decided))
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Decisions};
    use crate::entry::Side;

    fn tied(decisions: &[Decision]) -> Option<String> {
        Decisions::new(decisions).tied(Side::Left, "a").map(ToString::to_string)
    }

    #[test]
    fn the_later_decision_holds() {
        let confirm = |l: &str, r: &str| Decision::Confirm(l.into(), r.into());
        let reject = |l: &str, r: &str| Decision::Reject(l.into(), r.into());
        assert_eq!(tied(&[confirm("a", "x"), reject("a", "x")]), None);
        assert_eq!(tied(&[reject("a", "x"), confirm("a", "x")]).as_deref(), Some("x"));
        assert_eq!(tied(&[confirm("a", "x"), confirm("a", "y")]).as_deref(), Some("y"));
        assert_eq!(tied(&[confirm("a", "x"), confirm("b", "x")]), None);
        assert_eq!(tied(&[confirm("a", "x"), reject("a", "y")]).as_deref(), Some("x"));
    }

    #[test]
    fn a_decision_about_an_account_that_is_gone_sleeps() {
        let all = Decisions::new(&[Decision::Link("a".into(), "x".into())]);
        assert!(all.live(&|_, id| id == "a").tied(Side::Left, "a").is_none());
        assert!(all.live(&|_, _| true).tied(Side::Right, "x").is_some());
    }
}
