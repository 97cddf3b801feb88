//! Which installs' runs led to an event, and how often each. A plugin whose writes cause its
//! own next event is found by that: its install is in its own lineage, again and again.
//!
//! An event that a person, a schedule or a third party causes has none. What a run writes
//! hands on the lineage of its own event, with the run's install once more; where one event
//! stands for several things, the most of each counts. Where one event leads to several, each
//! path counts for itself: what may branch so is joined while it waits (`store timeline/told.rs`).
//! To let something else that a run
//! writes cause events: hand on [`Lineage::after`] there.
use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{id::InstallId, limits};

/// Installs of one lineage, so that strangers do not make it long; those with the most runs
/// stay. A circle of more installs is not found.
const INSTALLS_MAX: usize = 256;

/// The runs that led to an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage(BTreeMap<InstallId, u64>);

impl Lineage {
    /// Of what a run of this install writes, whose event has this lineage.
    #[must_use]
    pub fn after(&self, install: &InstallId) -> Self {
        let mut after = self.clone();
        *after.0.entry(install.clone()).or_default() += 1;
        after.cut()
    }

    /// Of what stands for both.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (install, runs) in &other.0 {
            let most = both.0.entry(install.clone()).or_default();
            *most = (*most).max(*runs);
        }
        both.cut()
    }

    /// Whether an event with this lineage is the install's own doing, and is not run any more.
    pub fn is_loop(&self, install: &InstallId) -> bool {
        self.0.get(install).is_some_and(|runs| *runs >= limits::EVENT_LOOP)
    }

    /// Whether what has it is written by a run that another run led to.
    pub fn is_answer(&self) -> bool {
        self.runs() > 1
    }

    /// How many runs that are.
    pub fn runs(&self) -> u64 {
        self.0.values().sum()
    }

    fn cut(mut self) -> Self {
        if self.0.len() > INSTALLS_MAX {
            let mut all: Vec<_> = self.0.into_iter().collect();
            all.sort_by_key(|(_, runs)| Reverse(*runs));
            all.truncate(INSTALLS_MAX);
            self.0 = all.into_iter().collect();
        }
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn install(number: usize) -> InstallId {
        format!("ins_{number:026}").parse().unwrap()
    }

    /// After so many runs of these, in turns.
    fn turns(installs: &[InstallId], times: u64) -> Lineage {
        let mut lineage = Lineage::default();
        for _ in 0..times {
            lineage = installs.iter().fold(lineage, |lineage, one| lineage.after(one));
        }
        lineage
    }

    #[test]
    fn who_causes_its_own_event_over_and_over_is_found_also_by_way_of_others() {
        let [one, other, bystander] = [1, 2, 3].map(install);
        let most = limits::EVENT_LOOP;
        assert!(!Lineage::default().is_loop(&one));
        assert!(!turns(std::slice::from_ref(&one), most - 1).is_loop(&one));
        assert!(turns(std::slice::from_ref(&one), most).is_loop(&one));
        let circle = turns(&[one.clone(), other.clone()], most);
        assert!(circle.is_loop(&one) && circle.is_loop(&other));
        assert!(!circle.is_loop(&bystander), "it only hears of it");
        assert!(!circle.after(&bystander).is_loop(&bystander));
        assert_eq!(circle.runs(), 2 * most);
        let begun = Lineage::default().after(&one);
        assert!(!begun.is_answer() && begun.after(&other).is_answer());
    }

    #[test]
    fn what_stands_for_two_things_has_the_most_of_each() {
        let [one, other] = [1, 2].map(install);
        let (short, long) = (turns(std::slice::from_ref(&one), 2), turns(&[one, other], 3));
        assert_eq!((short.with(&long), long.with(&short)), (long.clone(), long.clone()));
        assert_eq!(long.with(&Lineage::default()), long);
        let text = serde_json::to_string(&long).unwrap();
        assert_eq!(serde_json::from_str::<Lineage>(&text).unwrap(), long);
    }

    #[test]
    fn a_lineage_stays_short_and_keeps_who_ran_most() {
        let often = install(999);
        let mut lineage = turns(std::slice::from_ref(&often), 3);
        for number in 0..2 * INSTALLS_MAX {
            lineage = lineage.after(&install(number)).with(&turns(&[install(number)], 1));
        }
        assert_eq!(lineage.0.len(), INSTALLS_MAX);
        assert_eq!(lineage.0.get(&often), Some(&3));
    }
}
