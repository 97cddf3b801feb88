//! What must be true of any two lists: one-to-one, order doesn't matter, and
//! pairing only what was touched gives the same as pairing everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use venn_mapping::{
    Decision, Decisions, Entry, LiveDecisions, Mapping, Side, map_lists, pair_crossing,
    pair_domain, touched_domains,
};

use crate::support::entry;

type List = BTreeMap<String, Entry>;

fn account() -> impl Strategy<Value = (u8, &'static str, &'static str)> {
    let names = vec![
        "Acme",
        "ACME Inc",
        "Acme Cloud",
        "Acme Clouds",
        "Beta",
        "Beta 2",
        "Beta 3",
        "Facebook",
        "",
        "Gamma",
    ];
    let websites = vec![
        "acme.com",
        "www.acme.com",
        "cloud.acme.com",
        "beta.co.uk",
        "shop.beta.co.uk",
        "facebook.com",
        "gmail.com",
        "",
        "10.0.0.1",
        "a.github.io",
    ];
    (0u8..24, prop::sample::select(names), prop::sample::select(websites))
}

fn list() -> impl Strategy<Value = List> {
    prop::collection::vec(account(), 0..20).prop_map(|accounts| {
        accounts
            .into_iter()
            .map(|(id, name, site)| (id.to_string(), entry(&id.to_string(), name, site)))
            .collect()
    })
}

fn decision() -> impl Strategy<Value = Decision> {
    (0u8..3, 0u8..24, 0u8..24).prop_map(|(kind, l, r)| {
        let (l, r): (Arc<str>, Arc<str>) = (l.to_string().into(), r.to_string().into());
        match kind {
            0 => Decision::Confirm(l, r),
            1 => Decision::Reject(l, r),
            _ => Decision::Link(l, r),
        }
    })
}

#[derive(Debug, Clone)]
enum Edit {
    Put(Side, (u8, &'static str, &'static str)),
    Remove(Side, u8),
    Decide(Decision),
}

fn edit() -> impl Strategy<Value = Edit> {
    let side = prop::sample::select(vec![Side::Left, Side::Right]);
    prop_oneof![
        (side.clone(), account()).prop_map(|(side, account)| Edit::Put(side, account)),
        (side, 0u8..24).prop_map(|(side, id)| Edit::Remove(side, id)),
        decision().prop_map(Edit::Decide),
    ]
}

fn entries(list: &List) -> Vec<Entry> {
    list.values().cloned().collect()
}

fn on(list: &List, domain: &str) -> Vec<Entry> {
    list.values().filter(|entry| entry.registrable() == Ok(domain)).cloned().collect()
}

/// A store in small: lists, decisions, and a mapping kept up to date.
struct World {
    lists: [List; 2],
    decisions: Decisions,
    mapping: Mapping,
}

impl World {
    fn list(&self, side: Side) -> &List {
        &self.lists[usize::from(side == Side::Right)]
    }

    fn live(&self) -> LiveDecisions {
        self.decisions.live(&|side, id| self.list(side).contains_key(id))
    }

    /// The account and the one that a decision ties to it, as they are now.
    fn touched_by(&self, accounts: &[(Side, String)]) -> BTreeSet<Arc<str>> {
        let mut entries = Vec::new();
        for (side, id) in accounts {
            entries.extend(self.list(*side).get(id));
            if let Some(tied) = self.decisions.tied(*side, id) {
                entries.extend(self.list(side.other()).get(&**tied));
            }
        }
        touched_domains(&entries)
    }

    /// The recipe at the head of `mapping.rs`.
    fn apply(&mut self, edit: Edit) {
        let accounts: Vec<(Side, String)> = match &edit {
            Edit::Put(side, (id, ..)) | Edit::Remove(side, id) => vec![(*side, id.to_string())],
            Edit::Decide(
                Decision::Confirm(l, r) | Decision::Reject(l, r) | Decision::Link(l, r),
            ) => {
                vec![(Side::Left, l.to_string()), (Side::Right, r.to_string())]
            }
        };
        let mut touched = self.touched_by(&accounts);
        match edit {
            Edit::Put(side, (id, name, website)) => {
                let id = id.to_string();
                let fresh = entry(&id, name, website);
                self.lists[usize::from(side == Side::Right)].insert(id, fresh);
            }
            Edit::Remove(side, id) => {
                self.lists[usize::from(side == Side::Right)].remove(&id.to_string());
            }
            Edit::Decide(decision) => self.decisions.add(&decision),
        }
        touched.extend(self.touched_by(&accounts));
        let live = self.live();
        for domain in touched {
            let (left, right) = (on(&self.lists[0], &domain), on(&self.lists[1], &domain));
            let pairing = pair_domain(&left, &right, &live);
            if pairing.is_empty() && (left.is_empty() || right.is_empty()) {
                self.mapping.domains.remove(&domain);
            } else {
                self.mapping.domains.insert(domain, pairing);
            }
        }
        self.mapping.crossing =
            pair_crossing(&entries(&self.lists[0]), &entries(&self.lists[1]), &live);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_the_accounts_does_not_matter(
        (left, left_shuffled) in list().prop_flat_map(|l| (Just(entries(&l)), Just(entries(&l)).prop_shuffle())),
        (right, right_shuffled) in list().prop_flat_map(|l| (Just(entries(&l)), Just(entries(&l)).prop_shuffle())),
        decisions in prop::collection::vec(decision(), 0..6),
    ) {
        let decisions = Decisions::new(&decisions);
        prop_assert_eq!(map_lists(&left, &right, &decisions), map_lists(&left_shuffled, &right_shuffled, &decisions));
    }

    #[test]
    fn every_account_on_a_shared_domain_is_in_exactly_one_place(
        left in list(), right in list(), decisions in prop::collection::vec(decision(), 0..6),
    ) {
        let all = Decisions::new(&decisions);
        let mapping = map_lists(&entries(&left), &entries(&right), &all);
        let mut lefts: Vec<&str> = mapping.pairs().map(|pair| &*pair.left).collect();
        let mut rights: Vec<&str> = mapping.pairs().map(|pair| &*pair.right).collect();
        for domain in mapping.domains.values() {
            lefts.extend(domain.unpaired_left.iter().map(|id| &**id));
            rights.extend(domain.unpaired_right.iter().map(|id| &**id));
        }
        for (mut ids, list, other) in [(lefts, &left, &right), (rights, &right, &left)] {
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), count, "twice");
            let shared: Vec<&str> = list.iter()
                .filter(|(_, e)| e.registrable().is_ok_and(|domain| !on(other, domain).is_empty()))
                .map(|(id, _)| &**id).collect();
            prop_assert!(shared.iter().all(|id| ids.binary_search(id).is_ok()), "missing");
        }
        let live = all.live(&|side, id| if side == Side::Left { left.contains_key(id) } else { right.contains_key(id) });
        prop_assert!(mapping.pairs().all(|pair| !live.is_rejected(&pair.left, &pair.right)));
    }

    #[test]
    fn pairing_only_what_was_touched_equals_pairing_everything(
        left in list(), right in list(), edits in prop::collection::vec(edit(), 1..24),
    ) {
        let mapping = map_lists(&entries(&left), &entries(&right), &Decisions::default());
        let mut world = World { lists: [left, right], decisions: Decisions::default(), mapping };
        for edit in edits {
            world.apply(edit);
            let whole = map_lists(&entries(&world.lists[0]), &entries(&world.lists[1]), &world.decisions);
            prop_assert_eq!(&world.mapping, &whole);
        }
    }
}
