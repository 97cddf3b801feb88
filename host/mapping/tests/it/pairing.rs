//! The pairing rules in small examples.

use venn_mapping::{
    Decision, Decisions, Entry, Mapping, SIMILAR_ACCOUNTS_MAX, map_lists, pair_domain,
};

use crate::support::{entry, no_decisions, said};

fn map(left: &[Entry], right: &[Entry]) -> Mapping {
    map_lists(left, right, &Decisions::default())
}

#[test]
fn each_rule_with_its_confidence_in_its_order() {
    let left = [
        entry("l1", "Acme", "acme.com"),
        entry("l2", "Acme Analytics", "data.acme.com"),
        entry("l3", "Acme Cloud", "cloud.acme.com"),
        entry("l4", "Acme Warehouse", "wh.acme.com"),
        entry("l5", "Acme Toys", "toys.acme.com"),
    ];
    let right = [
        entry("r1", "ACME Inc.", "https://www.acme.com/about"),
        entry("r2", "Insights", "data.acme.com"),
        entry("r3", "acme cloud", "acmecloud.acme.com"),
        entry("r4", "Acme Warehous", "x.acme.com"),
        entry("r5", "Acme Fonts", "fonts.acme.com"),
    ];
    let mapping = map(&left, &right);
    assert_eq!(
        said(&mapping),
        ["l1-r1 HostAndName Sure", "l2-r2 Host Likely", "l3-r3 Name Sure", "l4-r4 Similar Likely"]
    );
    let domain = &mapping.domains["acme.com"];
    assert_eq!((&*domain.unpaired_left[0], &*domain.unpaired_right[0]), ("l5", "r5"));
    let evidence = &domain.pairs[3].evidence;
    assert_eq!(evidence.host_right.as_deref(), Some("x.acme.com"));
    assert_eq!(evidence.similarity_permille, 941);
}

#[test]
fn one_to_one_and_ties_by_id() {
    let left =
        [entry("l2", "B", "acme.com"), entry("l1", "A", "acme.com"), entry("l3", "C", "acme.com")];
    let right = [entry("r2", "Y", "acme.com"), entry("r1", "X", "acme.com")];
    let mapping = map(&left, &right);
    assert_eq!(said(&mapping), ["l1-r1 Host Likely", "l2-r2 Host Likely"]);
    assert_eq!(*mapping.domains["acme.com"].unpaired_left, ["l3".into()]);
}

#[test]
fn what_only_one_side_has_is_not_listed() {
    let mapping = map(
        &[
            entry("l1", "Acme", "acme.com"),
            entry("l2", "Solo", "solo.com"),
            entry("l3", "None", ""),
        ],
        &[
            entry("r1", "Acme", "acme.com"),
            entry("r2", "Other", "other.com"),
            entry("r3", "None", ""),
        ],
    );
    assert_eq!(said(&mapping), ["l1-r1 HostAndName Sure"]);
    assert_eq!(mapping.domains.len(), 1);
    assert_eq!((mapping.figures().unpaired_left, mapping.figures().unpaired_right), (0, 0));
}

#[test]
fn suffixes_free_mail_and_hosting_never_pair() {
    for website in [
        "gmail.com",
        "sales@gmail.com",
        "yahoo.co.uk",
        "co.uk",
        "github.io",
        "10.0.0.1",
        "facebook.com/acme",
        "https://www.linkedin.com/company/acme",
        "sites.google.com/acme",
        "acme.medium.com",
        "acme.local",
    ] {
        let mapping = map(&[entry("l1", "Acme", website)], &[entry("r1", "Acme", website)]);
        assert!(mapping.domains.is_empty(), "{website}");
    }
    let two = map(&[entry("l1", "A", "a.github.io")], &[entry("r1", "A", "b.github.io")]);
    assert!(two.domains.is_empty(), "two users of one host");
}

#[test]
fn the_owner_of_a_hosting_domain_pairs_by_name_only() {
    let left =
        [entry("l1", "Facebook", "facebook.com"), entry("l2", "Facebook Live", "facebook.com")];
    let right = [
        entry("r1", "Facebook, Inc.", "www.facebook.com"),
        entry("r2", "Facebook Ads Agency", "facebook.com/agency"),
        entry("r3", "Facebook Lives", "facebook.com"),
    ];
    let mapping = map(&left, &right);
    assert_eq!(said(&mapping), ["l1-r1 HostAndName Sure"]);
}

#[test]
fn people_decide_before_the_rules_and_across_domains() {
    let left = [
        entry("l1", "Acme", "acme.com"),
        entry("l2", "Acme", "acme.com"),
        entry("l3", "Old", "old.com"),
    ];
    let right = [
        entry("r1", "Acme", "acme.com"),
        entry("r2", "Zeta", "acme.com"),
        entry("r3", "New", "new.com"),
    ];
    let decided = |decisions: &[Decision]| map_lists(&left, &right, &Decisions::new(decisions));
    let pair = |kind: fn(std::sync::Arc<str>, std::sync::Arc<str>) -> Decision,
                l: &str,
                r: &str| kind(l.into(), r.into());
    let confirmed = decided(&[pair(Decision::Confirm, "l1", "r2")]);
    assert_eq!(said(&confirmed), ["l1-r2 Confirmed Sure", "l2-r1 HostAndName Sure"]);
    let rejected =
        decided(&[pair(Decision::Reject, "l1", "r1"), pair(Decision::Reject, "l1", "r2")]);
    assert_eq!(said(&rejected), ["l2-r1 HostAndName Sure"]);
    assert_eq!(*rejected.domains["acme.com"].unpaired_left, ["l1".into()]);
    let linked = decided(&[pair(Decision::Link, "l3", "r3"), pair(Decision::Link, "l1", "gone")]);
    assert_eq!(said(&linked), ["l1-r1 HostAndName Sure", "l2-r2 Host Likely", "l3-r3 Linked Sure"]);
    assert_eq!(linked.crossing[0].domain, None);
    let away = decided(&[pair(Decision::Link, "l1", "r3")]);
    assert_eq!(said(&away), ["l2-r1 HostAndName Sure", "l1-r3 Linked Sure"]);
    assert_eq!(*away.domains["acme.com"].unpaired_right, ["r2".into()]);
    assert!(away.domains["acme.com"].unpaired_left.is_empty());
}

#[test]
fn a_domain_with_very_many_leftovers_costs_a_bounded_number_of_comparisons() {
    let side = |prefix: &str| -> Vec<Entry> {
        (0..3000)
            .map(|n| {
                entry(
                    &format!("{prefix}{n:05}"),
                    &format!("{prefix} {n}"),
                    &format!("{prefix}{n}.acme.com"),
                )
            })
            .collect()
    };
    let (mut left, mut right) = (side("l"), side("r"));
    left.push(entry("l", "Quintessence", "a.acme.com"));
    right.push(entry("r", "Quintessense", "b.acme.com"));
    let pairing = pair_domain(&left, &right, &no_decisions());
    assert_eq!(
        pairing.pairs.len(),
        1,
        "the lowest ids are compared: {SIMILAR_ACCOUNTS_MAX} of each side"
    );
    assert_eq!(pairing.unpaired_left.len(), 3000);
}
