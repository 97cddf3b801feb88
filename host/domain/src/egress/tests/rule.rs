//! Rules: what they allow, and that comparing them agrees with it.
use proptest::prelude::*;

use crate::egress::{
    EgressRule, Target,
    rule::{METHODS, host_covers},
};

fn rule(host: &str, methods: &[&str], paths: &[&str]) -> EgressRule {
    let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    EgressRule { host: host.into(), port: 443, methods: own(methods), paths: own(paths) }
}

fn allows(rule: &EgressRule, method: &str, url: &str) -> bool {
    rule.allows(method, &Target::parse(url).unwrap())
}

#[test]
fn a_host_is_exact() {
    let good = rule("good.com", &[], &[]);
    assert!(allows(&good, "GET", "https://good.com/any?x"));
    assert!(allows(&good, "GET", "https://GOOD.com./"));
    for other in [
        "https://evil-good.com/",
        "https://good.com.evil.net/",
        "https://notgood.com/",
        "https://api.good.com/",
        "https://good.co/",
        "http://good.com/",
        "https://good.com:8443/",
        "https://g\u{43e}od.com/",
        "http://good.com:443/",
    ] {
        assert!(!allows(&good, "GET", other), "{other}");
    }
}

#[test]
fn a_wildcard_is_one_label_and_never_over_a_public_suffix() {
    let wild = rule("*.good.com", &[], &[]);
    assert!(allows(&wild, "GET", "https://eu.good.com/"));
    for other in ["https://good.com/", "https://a.b.good.com/", "https://evilgood.com/"] {
        assert!(!allows(&wild, "GET", other), "{other}");
    }
    for (host, url) in [
        ("*.com", "https://good.com/"),
        ("*.co.uk", "https://good.co.uk/"),
        ("*.github.io", "https://me.github.io/"),
        ("*", "https://good.com/"),
        ("*.", "https://good.com/"),
        ("*.*.com", "https://a.b.com/"),
    ] {
        assert!(!allows(&rule(host, &[], &[]), "GET", url), "{host}");
        assert!(rule(host, &[], &[]).check().is_err(), "{host}");
    }
}

#[test]
fn methods() {
    let any = rule("good.com", &[], &[]);
    for method in METHODS {
        assert!(allows(&any, method, "https://good.com/"));
    }
    let long = "G".repeat(10_000);
    for method in ["CONNECT", "TRACE", "PRI", "get", "", "GET ", &long] {
        assert!(!allows(&any, method, "https://good.com/"), "{method}");
        assert!(!allows(&rule("good.com", &[method], &[]), method, "https://good.com/"));
    }
    assert!(!allows(&rule("good.com", &["GET"], &[]), "POST", "https://good.com/"));
}

#[test]
fn path_prefixes_end_at_a_segment() {
    let crm = rule("good.com", &[], &["/crm"]);
    for (path, expected) in [
        ("/crm", true),
        ("/crm/", true),
        ("/crm/x", true),
        ("/crm?x", true),
        ("/crmx", false),
        ("/", false),
        ("/CRM", false),
    ] {
        assert_eq!(allows(&crm, "GET", &format!("https://good.com{path}")), expected, "{path}");
    }
    let below = rule("good.com", &[], &["/crm/"]);
    for (path, expected) in [("/crm", false), ("/crm/", true), ("/crm/x", true), ("/crmx", false)] {
        assert_eq!(allows(&below, "GET", &format!("https://good.com{path}")), expected, "{path}");
    }
    // A rule that was never checked does not turn into "everything".
    assert!(!allows(&rule("good.com", &[], &[""]), "GET", "https://good.com/x"));
}

#[test]
fn an_unsound_rule_is_named_member_by_member() {
    let mut bad = rule("Good.com", &["get", "GET"], &["crm", "/a/../b"]);
    bad.port = 0;
    let problems: Vec<_> = bad.check().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "host: the host is not in its canonical form, which is `good.com`",
            "port: the port is 0",
            "methods[0]: the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "paths[0]: the path does not start with `/`",
            "paths[1]: the path has a dot segment (`.` or `..`)",
        ]
    );
    let host = |text: &str| rule(text, &[], &[]).check().map_err(|p| p[0].reason.clone());
    assert_eq!(host("api.good.com"), Ok(()));
    assert_eq!(host("*.good.com"), Ok(()));
    let suffix = "the wildcard covers a public suffix, where anyone can register a name";
    assert_eq!(host("*.co.uk"), Err(suffix.to_owned()));
    let plain = "the host is not a plain name such as `api.example.com` or `*.example.com`";
    for bad in ["https://good.com", "good.com:443", "*", "a*.good.com", "u@good.com", "[::1]"] {
        assert_eq!(host(bad), Err(plain.to_owned()), "{bad}");
    }
    assert_eq!(host("10.0.0.1"), Err("the host is an IP address; hosts are names".to_owned()));
}

const HOSTS: [&str; 8] = [
    "good.com",
    "a.good.com",
    "b.good.com",
    "*.good.com",
    "x.a.good.com",
    "*.a.good.com",
    "*.com",
    "evil.net",
];
const PATHS: [&str; 8] = ["/", "/a", "/a/", "/ab", "/a/b", "/a/b/", "/a/bc", ""];

fn rules() -> impl Strategy<Value = EgressRule> {
    let methods =
        prop::collection::vec(prop::sample::select(&METHODS[..3]).prop_map(str::to_owned), 0..3);
    let paths =
        prop::collection::vec(prop::sample::select(&PATHS[..]).prop_map(str::to_owned), 0..3);
    (
        prop::sample::select(&HOSTS[..]),
        prop_oneof![9 => Just(443_u16), 1 => Just(8443)],
        methods,
        paths,
    )
        .prop_map(|(host, port, methods, paths)| EgressRule {
            host: host.to_owned(),
            port,
            methods,
            paths,
        })
}

/// Every call that tells two of these rules apart.
fn calls() -> Vec<(&'static str, Target)> {
    let mut calls = Vec::new();
    for host in [
        "good.com",
        "a.good.com",
        "b.good.com",
        "c.good.com",
        "x.a.good.com",
        "y.a.good.com",
        "evil.net",
        "evil.com",
    ] {
        for path in ["/", "/a", "/a/", "/ab", "/a/b", "/a/b/", "/a/b/c", "/a/bc", "/z"] {
            for port in [443, 8443] {
                for method in ["GET", "HEAD", "POST", "PUT"] {
                    calls.push((
                        method,
                        Target::parse(&format!("https://{host}:{port}{path}")).unwrap(),
                    ));
                }
            }
        }
    }
    calls
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn comparing_agrees_with_allowing(a in rules(), b in rules()) {
        let both = a.and(&b);
        for (method, target) in calls() {
            let (in_a, in_b) = (a.allows(method, &target), b.allows(method, &target));
            if a.is_within(&b) {
                prop_assert!(!in_a || in_b, "{a:?} within {b:?}: {method} {target}");
            }
            let in_both = both.as_ref().is_some_and(|both| both.allows(method, &target));
            prop_assert_eq!(in_both, in_a && in_b, "{:?} and {:?} = {:?}: {} {}", a, b, both, method, target);
        }
        if let Some(both) = both.filter(|both| both.check().is_ok()) {
            prop_assert!(both.is_within(&a) && both.is_within(&b));
        }
    }

    #[test]
    fn a_sound_rule_is_within_itself(a in rules()) {
        prop_assert!(a.check().is_err() || a.is_within(&a));
    }

    #[test]
    fn covering_hosts_is_transitive(a in prop::sample::select(&HOSTS[..]), b in prop::sample::select(&HOSTS[..]), c in prop::sample::select(&HOSTS[..])) {
        prop_assert!(!(host_covers(a, b) && host_covers(b, c)) || host_covers(a, c));
    }
}
