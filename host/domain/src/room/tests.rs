//! Whoever waits: what is always so about who gets room.
use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;

fn id<T: TryFrom<String>>(prefix: &str, number: u64) -> T {
    let text = format!("{prefix}_{number:026}");
    T::try_from(text).unwrap_or_else(|_| unreachable!("digits are letters of an id"))
}

fn waiting(install: u64, organization: u64, plugin: u64, since: i64) -> Waiting {
    Waiting {
        install: id(InstallId::PREFIX, install),
        organization: id(OrganizationId::PREFIX, organization),
        plugin: id(PluginId::PREFIX, plugin),
        since: Timestamp(since),
    }
}

/// Each with so many installs of a plugin of its own that wait, on an empty server;
/// how many each gets.
fn shares(room: u64, wanted: &[u64]) -> Vec<usize> {
    let mut all = Vec::new();
    for (organization, wanted) in (0..).zip(wanted) {
        all.extend(
            (0..*wanted).map(|n| waiting(organization * 1_000 + n, organization, organization, 0)),
        );
    }
    let given = Room::new(room).give(all);
    let of = |number| given.iter().filter(|one| one.organization == id("org", number)).count();
    (0..wanted.len() as u64).map(of).collect()
}

#[test]
fn who_is_alone_has_half_and_who_comes_finds_as_much() {
    assert_eq!(shares(64, &[100]), [32]);
    assert_eq!(shares(64, &[100, 100]), [22, 21]);
    assert_eq!(shares(64, &[100, 100, 100]), [16, 16, 16]);
    assert_eq!(shares(64, &[100, 3]), [31, 3], "what one does not ask for the others have");
    assert_eq!(
        shares(64, &[1; 100]).iter().sum::<usize>(),
        64,
        "none is kept from those who have none"
    );
    assert_eq!(shares(1, &[100, 100]), [1, 0]);
}

#[test]
fn a_plugin_has_no_more_than_stays_free_whoever_installed_it() {
    let of_all = (0..100).map(|n| waiting(n, n, 7, 0));
    let another = waiting(1_000, 1_000, 8, 1);
    let given = Room::new(64).give(of_all.chain([another.clone()]).collect());
    assert_eq!(given.len(), 33);
    assert!(given.contains(&another));
    let mut room = Room::new(31);
    (0..33).for_each(|n| room.hold(id("org", n), id("plg", 7), 1));
    assert_eq!(room.full_plugins().collect::<Vec<_>>(), [&id::<PluginId>("plg", 7)]);
    assert_eq!(room.give(vec![another.clone()]), [another]);
}

#[test]
fn the_one_that_waits_longest_is_first_in_its_organization() {
    let (late, early) = (waiting(1, 1, 1, 20), waiting(2, 1, 2, 10));
    assert_eq!(Room::new(3).give(vec![late.clone(), early.clone()]), [early, late]);
}

prop_compose! {
    /// A server that is in use, and some who wait.
    fn scenes()(
        free in 0_u64..70,
        held in vec((0_u64..6, 0_u64..5, 1_u64..9), 0..6),
        wanted in vec((0_u64..60, 0_u64..8, 0_u64..6, 0_i64..9), 0..80),
    ) -> (Room, Vec<Waiting>) {
        let mut room = Room::new(free);
        for (organization, plugin, runs) in held {
            room.hold(id("org", organization), id("plg", plugin), runs);
        }
        // An install is of one organization and one plugin.
        let mut installs = BTreeMap::new();
        for (install, organization, plugin, since) in wanted {
            installs.entry(install).or_insert(waiting(install, organization, plugin, since));
        }
        (room, installs.into_values().collect())
    }
}

proptest! {
    #[test]
    fn nothing_stays_free_that_somebody_who_waits_may_have((mut room, all) in scenes()) {
        let given = room.give(all.clone());
        for one in all.iter().filter(|one| !given.contains(one)) {
            let kept = !room.admits(&one.organization) || !room.admits_plugin(&one.plugin);
            prop_assert!(room.free == 0 || kept, "{one:?} waits, {room:?}");
        }
    }

    #[test]
    fn nobody_is_served_while_one_with_less_waits((mut room, all) in scenes()) {
        let before = room.clone();
        let given = room.give(all.clone());
        for left in all.iter().filter(|one| !given.contains(one)) {
            if !room.admits_plugin(&left.plugin) {
                continue;
            }
            for served in &given {
                // The load counts one more run than there is.
                let had = room.load(&served.organization) - PARTS;
                prop_assert!(had <= room.load(&left.organization), "{served:?} before {left:?}, {before:?}");
            }
        }
    }

    #[test]
    fn nobody_comes_to_hold_more_than_stayed_free((mut room, all) in scenes()) {
        let free = room.free;
        let given = room.give(all);
        prop_assert_eq!(room.free + given.len() as u64, free);
        for one in &given {
            // The last one that it got was within what was free then.
            let at = given.iter().rposition(|other| other.organization == one.organization);
            let free = free - at.unwrap_or(0) as u64;
            prop_assert!(room.organizations[&one.organization] <= free, "{one:?} {room:?}");
            let at = given.iter().rposition(|other| other.plugin == one.plugin);
            let free = room.free + (given.len() - at.unwrap_or(0)) as u64;
            prop_assert!(room.plugins[&one.plugin] <= free, "{one:?} {room:?}");
        }
    }

    #[test]
    fn each_install_is_given_room_once_in_an_order_that_is_no_chance((room, all) in scenes()) {
        let given = room.clone().give(all.clone());
        let installs: BTreeSet<_> = given.iter().map(|one| &one.install).collect();
        prop_assert_eq!(installs.len(), given.len());
        let twice = all.iter().rev().chain(&all).cloned().collect();
        prop_assert_eq!(room.clone().give(twice), given);
    }

    /// However greedy they are who came before, one after the other, each with plugins of
    /// its own: of what stays free each takes half, and six leave one.
    #[test]
    fn a_newcomer_finds_room_at_once(greedy in 1_u64..=6) {
        let mut room = Room::new(64);
        for organization in 0..greedy {
            room.give((0..64).map(|n| waiting(organization * 100 + n, organization, organization, 0)).collect());
        }
        let (newcomer, more) = (waiting(9_999, 99, 99, 0), waiting(9_000, 0, 98, -1));
        let given = room.give(vec![more, newcomer.clone()]);
        prop_assert_eq!(given.first(), Some(&newcomer));
    }
}
