//! The table of hand vectors: every way that we know of to say one thing and
//! mean another, in URLs, hosts, ports, addresses, methods, headers and rules.
//! To add one: a line in its list. The reasons are held in the other files;
//! here counts only which side of the fence a thing is on.
use std::{collections::BTreeSet, fmt::Debug};

use crate::egress::{EgressRule, Target, address, header, host, rule};

mod addresses;
mod fields;
mod hosts;
mod rules;
mod urls;

/// Fails with every vector that is on the wrong side, not the first one only.
#[track_caller]
fn all<T: Debug>(list: &[T], holds: impl Fn(&T) -> bool) {
    let wrong: Vec<_> = list.iter().filter(|one| !holds(one)).collect();
    assert!(wrong.is_empty(), "{} of {} vectors: {wrong:#?}", wrong.len(), list.len());
}

#[test]
fn urls_that_can_be_read_in_two_ways_are_refused() {
    all(&urls::REFUSED, |url| Target::parse(url).is_err());
}

#[test]
fn urls_have_one_canonical_form() {
    all(&urls::CANONICAL, |(url, form)| {
        Target::parse(url).is_ok_and(|target| target.to_string() == *form)
    });
}

#[test]
fn the_parts_of_the_standard_door_are_no_looser_than_a_url() {
    all(&urls::PARTS_REFUSED, |(scheme, authority, path)| {
        Target::from_parts(scheme, authority, path).is_err()
    });
}

#[test]
fn what_is_no_name_is_refused_as_a_host() {
    all(&hosts::REFUSED, |text| host::canonical(text).is_err());
    all(&hosts::CANONICAL, |(text, form)| host::canonical(text).as_deref() == Ok(*form));
}

#[test]
fn addresses_are_public_or_refused() {
    all(&addresses::REFUSED, |text| address::vet(text.parse().unwrap()).is_err());
    all(&addresses::PUBLIC, |text| address::vet(text.parse().unwrap()).is_ok());
}

#[test]
fn headers_are_the_guests_or_the_hosts() {
    all(&fields::HOSTS_OWN, |name| header::is_reserved(name));
    all(&fields::OVERRIDES, |name| header::is_override(name));
    all(&fields::GUESTS_OWN, |name| {
        !header::is_reserved(name)
            && !header::is_override(name)
            && header::check(name, b"x").is_ok()
    });
    all(&fields::BAD_NAMES, |name| header::check(name, b"x").is_err());
    all(&fields::BAD_VALUES, |value| header::check("x-a", value).is_err());
    all(&fields::WITH_CREDENTIAL, |name| header::owned_by_connection(name, "x-api-key"));
}

#[test]
fn a_declared_length_is_one_plain_true_number() {
    all(&fields::LENGTHS_REFUSED, |(values, body)| {
        header::check_content_length(values, *body).is_err()
    });
}

#[test]
fn rules_cover_what_they_say_and_no_more() {
    let rule = |text: &str| -> EgressRule { serde_json::from_str(text).unwrap() };
    all(&rules::DENIED, |(text, method, url)| {
        Target::parse(url).map_or(true, |target| !rule(text).allows(method, &target))
    });
    all(&rules::ALLOWED, |(text, method, url)| {
        rule(text).allows(method, &Target::parse(url).unwrap())
    });
    all(&rules::UNSOUND_HOSTS, |text| {
        let rule = EgressRule {
            host: (*text).to_owned(),
            port: 443,
            methods: Vec::new(),
            paths: Vec::new(),
        };
        rule.check().is_err()
    });
    all(&rules::METHODS_REFUSED, |method| !rule::METHODS.contains(method));
}

#[test]
fn no_vector_stands_twice_and_there_are_many() {
    fn distinct<T: Debug>(list: &[T]) -> usize {
        let shown: Vec<_> = list.iter().map(|one| format!("{one:?}")).collect();
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = shown.iter().filter(|one| !seen.insert(*one)).collect();
        assert!(twice.is_empty(), "{twice:#?}");
        list.len()
    }
    let count = distinct(&urls::REFUSED)
        + distinct(&urls::CANONICAL)
        + distinct(&urls::PARTS_REFUSED)
        + distinct(&hosts::REFUSED)
        + distinct(&hosts::CANONICAL)
        + distinct(&addresses::REFUSED)
        + distinct(&addresses::PUBLIC)
        + distinct(&fields::HOSTS_OWN)
        + distinct(&fields::OVERRIDES)
        + distinct(&fields::GUESTS_OWN)
        + distinct(&fields::BAD_NAMES)
        + distinct(&fields::BAD_VALUES)
        + distinct(&fields::WITH_CREDENTIAL)
        + distinct(&fields::LENGTHS_REFUSED)
        + distinct(&rules::DENIED)
        + distinct(&rules::ALLOWED)
        + distinct(&rules::UNSOUND_HOSTS)
        + distinct(&rules::METHODS_REFUSED);
    assert!(count >= 500, "{count} vectors");
}
