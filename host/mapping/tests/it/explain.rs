//! "Why not?" in plain language, for every reason.

use venn_mapping::{Decision, Decisions, Entry, LiveDecisions, Side, explain};

use crate::support::{entry, no_decisions};

fn why_left(left: &[Entry], right: &[Entry], decisions: &LiveDecisions) -> String {
    explain(&left[0], Side::Left, left, right, decisions).to_string()
}

fn no_domain(website: &str) -> String {
    let account = entry("l1", "Acme", website);
    explain(&account, Side::Left, &[], &[], &no_decisions()).to_string()
}

fn decided(decision: Decision) -> LiveDecisions {
    Decisions::new(&[decision]).live(&|_, _| true)
}

#[test]
fn accounts_without_a_domain() {
    assert_eq!(no_domain(""), "The account has no website.");
    assert_eq!(no_domain("to be done"), "The website isn't a web address.");
    assert_eq!(
        no_domain("https://10.0.0.1/"),
        "The website is an IP address, which says nothing about the company."
    );
    assert_eq!(
        no_domain("co.uk"),
        "The website is a public suffix, under which anybody may have a domain. (co.uk)"
    );
    assert_eq!(
        no_domain("crm.local"),
        "The website is a name that is only known inside a private network. (crm.local)"
    );
    assert_eq!(
        no_domain("acme@gmail.com"),
        "The website is a free-mail domain, which many companies use. (gmail.com)"
    );
    assert_eq!(
        no_domain("facebook.com/acme"),
        "The website is a page on a host where many companies have one. (facebook.com)"
    );
}

#[test]
fn the_other_side_lacks_the_domain() {
    let left = [entry("l1", "Acme", "acme.com")];
    assert_eq!(why_left(&left, &[], &no_decisions()), "The other side has no account on acme.com.");
}

#[test]
fn it_is_paired() {
    let (left, right) = ([entry("l1", "Acme", "acme.com")], [entry("r1", "Acme", "acme.com")]);
    assert_eq!(
        why_left(&left, &right, &no_decisions()),
        "Paired with r1: equal host and equal name."
    );
    let from_right = explain(&right[0], Side::Right, &left, &right, &no_decisions());
    assert_eq!(from_right.to_string(), "Paired with l1: equal host and equal name.");
    let linked = decided(Decision::Link("l1".into(), "far".into()));
    assert_eq!(
        why_left(&left, &right, &linked),
        "Paired with far: a person tied them, across domains."
    );
}

#[test]
fn others_came_first_or_are_too_different_or_were_rejected() {
    let left = [entry("l2", "Acme Toys", "toys.acme.com"), entry("l1", "Acme", "acme.com")];
    let right = [
        entry("r1", "Acme", "acme.com"),
        entry("r2", "Acme Boats", "boats.acme.com"),
        entry("r3", "Acme Toys", "x.acme.com"),
    ];
    let rejected = decided(Decision::Reject("l2".into(), "r3".into()));
    assert_eq!(
        why_left(&left, &right, &rejected),
        "Not paired with r3: a person said that they are different companies.\n\
         r1 is paired with l1 already: equal host and equal name.\n\
         The name of r2 is too different: 44.4 % similar, 85.0 % needed."
    );
}

#[test]
fn a_hosting_domain_asks_for_an_equal_name() {
    let left = [entry("l1", "Facebook Live", "facebook.com")];
    let right = [entry("r1", "Facebook", "facebook.com")];
    assert_eq!(
        why_left(&left, &right, &no_decisions()),
        "Many companies have a page on facebook.com; there only an equal name counts, and the name of r1 differs."
    );
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let left = [entry("l1", "Acme", "acme.com")];
    let right: Vec<Entry> =
        (0..25).map(|n| entry(&format!("r{n:02}"), "Zzz", &format!("z{n}.acme.com"))).collect();
    let text = why_left(&left, &right, &no_decisions());
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with("\n5 more accounts of the other side on this domain are less similar."));
}
