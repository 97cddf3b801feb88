//! Hosts that the customer completes: what may stand in the manifest, and what
//! the customer may say.
use serde_json::json;

use crate::egress::{EgressRule, Target, customer_host::CustomerHost};

fn check(host: &str) -> Result<(), String> {
    let rule =
        EgressRule { host: host.to_owned(), port: 443, methods: Vec::new(), paths: Vec::new() };
    rule.check().map_err(|problems| problems[0].reason.clone())
}

#[test]
fn a_place_stands_for_one_label_or_for_all() {
    for good in
        ["{instance}.example.com", "{my_site-2}.eu.example.com", "{site}", "{a}.me.github.io"]
    {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    let suffix =
        "the customer's word stands before a public suffix, where anyone can register a name";
    for bad in ["{x}.co.uk", "{x}.github.io", "{x}.kobe.jp", "{x}.s3.amazonaws.com"] {
        assert_eq!(check(bad), Err(suffix.to_owned()), "{bad}");
    }
    for bad in [
        "{}",
        "{x}.com",
        "{}.example.com",
        "{a b}.example.com",
        "{a}example.com",
        "a{b}.example.com",
        "{a}.",
        "{a}.{b}.example.com",
        "{a}.{b}",
        "x.{a}.example.com",
        "{a",
        "a}",
        "{a}}.example.com",
        "{{a}}.example.com",
        "*.{a}.example.com",
        "{a}.*.example.com",
        "{a}.example.com:8443",
        "https://{a}.example.com",
        "{a}.example.com/x",
        "{a}.EXAMPLE.com",
        "{a}.example.com.",
        "{a}.127.0.0.1",
        "{a}.localhost",
        "{\u{e4}}.example.com",
        "{a}.b\u{fc}cher.example",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_customers_word_is_one_label() {
    let place = CustomerHost::parse("{instance}.example.com").unwrap();
    for (word, host) in [
        ("acme", "acme.example.com"),
        ("a-1", "a-1.example.com"),
        ("1", "1.example.com"),
        ("xn--bcher-kva", "xn--bcher-kva.example.com"),
    ] {
        assert_eq!(place.complete(word).as_deref(), Ok(host));
    }
    let long = "a".repeat(64);
    for word in [
        "",
        ".",
        "a.b",
        "evil.com",
        "evil.com/",
        "evil.com#",
        "evil.com?",
        "evil.com\\",
        "a@b",
        "a:b",
        "a/b",
        "a%2eb",
        "*",
        "{instance}",
        "-a",
        "a-",
        "a_b",
        "A",
        "acme ",
        " acme",
        "ac\nme",
        "ac\0me",
        "b\u{fc}cher",
        "a\u{3002}b",
        "\u{ff41}",
        "xn--",
        "xn--a",
        "xn--good-",
        "a\u{200d}b",
        &long,
    ] {
        assert_eq!(
            place.complete(word).unwrap_err(),
            "it is not one label of lower-case letters, digits and `-`; for `acme.example.com` it is `acme`",
            "{word:?}"
        );
    }
}

#[test]
fn the_customers_whole_host_is_a_host_like_any_other() {
    let place = CustomerHost::parse("{site}").unwrap();
    for host in ["crm.acme.com", "acme.co.uk", "xn--bcher-kva.example", "me.github.io"] {
        assert_eq!(place.complete(host).as_deref(), Ok(host));
    }
    for host in [
        "",
        "acme",
        "localhost",
        "com",
        "co.uk",
        "github.io",
        "127.0.0.1",
        "10.0.0.1",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "169.254.169.254",
        "*.acme.com",
        "acme.com:8443",
        "https://acme.com",
        "acme.com/x",
        "u@acme.com",
        "acme.com.",
        "ACME.com",
        "b\u{fc}cher.example",
        "a_b.com",
        "-a.com",
        "acme..com",
        "{site}",
        "acme.com ",
        "acme.com\n",
    ] {
        assert!(place.complete(host).is_err(), "{host:?}");
    }
    assert_eq!(
        place.complete("10.0.0.1").unwrap_err(),
        "it is not a full host name such as `crm.example.com`: its host is an IP address; hosts are names"
    );
    assert_eq!(
        place.complete("ACME.com").unwrap_err(),
        "it is not in its canonical form, which is `acme.com`"
    );
}

#[test]
fn what_is_not_completed_allows_nothing() {
    for host in ["{instance}.example.com", "{site}"] {
        let rule =
            EgressRule { host: host.to_owned(), port: 443, methods: Vec::new(), paths: Vec::new() };
        for url in
            ["https://acme.example.com/", "https://instance.example.com/", "https://example.com/"]
        {
            assert!(!rule.allows("GET", &Target::parse(url).unwrap()), "{host} {url}");
        }
        let mut text = host.to_owned();
        for config in [
            json!({}),
            json!({ "instance": 1, "site": null }),
            json!({ "instance": "a.b", "site": "a" }),
        ] {
            assert_eq!(super::super::customer_host::complete(&mut text, &config), None);
        }
        assert_eq!(text, host);
    }
}
