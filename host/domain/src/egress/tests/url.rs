//! What a URL must look like, and that nothing else gets through.
use proptest::prelude::*;

use crate::egress::{BadUrl, Target};

fn canonical(url: &str) -> String {
    Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).to_string()
}

#[test]
fn one_canonical_form() {
    let cases = [
        ("https://good.com", "https://good.com/"),
        ("https://good.com/", "https://good.com/"),
        ("HTTPS://GOOD.com:443/A", "https://good.com/A"),
        ("http://good.com:80", "http://good.com/"),
        ("https://good.com:8443/a?b=//c", "https://good.com:8443/a?b=//c"),
        ("https://good.com.", "https://good.com/"),
        ("https://good.com?", "https://good.com/?"),
        ("https://b\u{fc}cher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://g\u{43e}\u{43e}d.com/", "https://xn--gd-fmca.com/"),
        ("https://good\u{3002}com/", "https://good.com/"),
        ("https://\u{ff47}ood.com/", "https://good.com/"),
        ("https://fa\u{df}.de/", "https://xn--fa-hia.de/"),
        (
            "https://good.com/a%20b/:c@d;e=f,g!$&'()*+~",
            "https://good.com/a%20b/:c@d;e=f,g!$&'()*+~",
        ),
        ("https://good.com/a.b/...//x", "https://good.com/a.b/...//x"),
        ("https://good.com/100%25", "https://good.com/100%25"),
    ];
    for (url, expected) in cases {
        assert_eq!(canonical(url), expected, "{url}");
    }
}

const ADDRESS: &str = "its host is an IP address; hosts are names";
const USER: &str = "it has a user name before `@`; use a connection for credentials";
const PORT: &str = "its port is not a number from 1 to 65535 without leading zeros";
const DOTS: &str = "its path has a dot segment (`.` or `..`)";
const ENCODED: &str = "its path has an encoded `/` or `\\`";
const INVALID: &str = "its host is not a valid domain name";
const SCHEME: &str = "its scheme is not `https` or `http`";
const NOT_ABSOLUTE: &str = "it is not absolute; write `https://host/path`";
const SPACE: &str = "it has white space or a control character in its host";
const BYTE: &str =
    "its path has a character that must be percent-encoded; it is visible ASCII only";

#[test]
fn what_is_refused_and_why() {
    let cases = [
        ("", NOT_ABSOLUTE),
        ("/path", NOT_ABSOLUTE),
        ("//good.com/", NOT_ABSOLUTE),
        ("https:/good.com", NOT_ABSOLUTE),
        ("ftp://good.com/", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("https+unix://good.com/", SCHEME),
        (" https://good.com/", SCHEME),
        ("://good.com/", SCHEME),
        ("https://", "it has no host"),
        ("https:///path", "it has no host"),
        ("https://:443/", "it has no host"),
        ("https://127.0.0.1/", ADDRESS),
        ("https://2130706433/", ADDRESS),
        ("https://0x7f000001/", ADDRESS),
        ("https://0177.0.0.1/", ADDRESS),
        ("https://127.1/", ADDRESS),
        ("https://0x7f.1/", ADDRESS),
        ("https://1.0x/", ADDRESS),
        ("https://127.000.000.001./", ADDRESS),
        ("https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", ADDRESS),
        ("https://\u{2460}\u{2461}.1/", ADDRESS),
        ("https://[::1]/", ADDRESS),
        ("https://[::ffff:7f00:1]:443/", ADDRESS),
        ("https://good.com@evil.com/", USER),
        ("https://good.com:443@evil.com/", USER),
        ("https://user:pass@good.com/", USER),
        ("https://good.com%40evil.com/", "it has a `%` in its host; write the host itself"),
        ("https://good.com\\@evil.com/", USER),
        ("https://good.com\\.evil.com/", "it has a `\\` before the path"),
        ("https://good.com\t/", SPACE),
        ("https://go\nod.com/", SPACE),
        ("https://good .com/", SPACE),
        ("https://good.com\u{a0}/", SPACE),
        ("https://good.com:22:443/", PORT),
        ("https://good.com:/", PORT),
        ("https://good.com:0/", PORT),
        ("https://good.com:65536/", PORT),
        ("https://good.com:00443/", PORT),
        ("https://good.com:+443/", PORT),
        ("https://good.com:4e2/", PORT),
        ("https://good..com/", "its host has an empty label"),
        ("https://.good.com/", "its host has an empty label"),
        ("https://good.com../", "its host has an empty label"),
        ("https://./", "its host has an empty label"),
        ("https://-good.com/", INVALID),
        ("https://good-.com/", INVALID),
        (
            "https://go_od.com/",
            "its host has an underscore; host names have letters, digits and `-`",
        ),
        ("https://xn--a.com/", INVALID),
        ("https://xn--good-.com/", INVALID),
        ("https://xn--/", INVALID),
        ("https://go\u{200d}od.com/", INVALID),
        ("https://go\u{202e}od.com/", INVALID),
        ("https://good.com,evil.com/", INVALID),
        ("https://localhost/", "its host is a single label; write the full name with its domain"),
        ("https://good.com/#x", "it has a fragment (`#`), which is never sent; leave it out"),
        (
            "https://good.com#@evil.com/",
            "it has a fragment (`#`), which is never sent; leave it out",
        ),
        ("https://good.com/a/../b", DOTS),
        ("https://good.com/.", DOTS),
        ("https://good.com/a/%2e%2E/b", DOTS),
        ("https://good.com/a/.%2e", DOTS),
        ("https://good.com/a/%252e%252e/b", DOTS),
        ("https://good.com/a/..;x=1/b", DOTS),
        ("https://good.com/a%2fb", ENCODED),
        ("https://good.com/a%5Cb", ENCODED),
        ("https://good.com/a%252fb", ENCODED),
        (
            "https://good.com/%25252525252e",
            "its path is percent-encoded more than three times over",
        ),
        ("https://good.com/a\\b", "its path has a `\\`"),
        ("https://good.com/%0d%0aHost:x", "its path has an encoded control character"),
        ("https://good.com/%00", "its path has an encoded control character"),
        ("https://good.com/a\r\nb", BYTE),
        ("https://good.com/a b", BYTE),
        ("https://good.com/\u{fc}", BYTE),
        ("https://good.com/a\"b", BYTE),
        ("https://good.com/%zz", "its path has a `%` without two hex digits"),
        ("https://good.com/%2", "its path has a `%` without two hex digits"),
        (
            "https://good.com//evil.com/",
            "its path starts with `//`, which some servers read as another host",
        ),
        ("https://good.com/?a=\nb", "its query has a character that must be percent-encoded"),
    ];
    for (url, why) in cases {
        assert_eq!(Target::parse(url), Err(BadUrl(why)), "{url:?}");
    }
}

#[test]
fn lengths() {
    let label = "a".repeat(63);
    let long = format!("https://{label}a.com/");
    let why = "its host has a label longer than 63 characters";
    assert_eq!(Target::parse(&long), Err(BadUrl(why)));
    let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(name.len(), 253);
    assert!(Target::parse(&format!("https://{name}./")).is_ok());
    let why = "its host is longer than 253 characters";
    assert_eq!(Target::parse(&format!("https://{name}b/")), Err(BadUrl(why)));
    assert_eq!(Target::parse(&format!("https://{}/", "a.".repeat(1 << 20))), Err(BadUrl(why)));
    let path = format!("/{}", "a".repeat(8191));
    assert!(Target::parse(&format!("https://good.com{path}")).is_ok());
    let why = "its path and query are longer than 8 KiB";
    assert_eq!(Target::parse(&format!("https://good.com{path}a")), Err(BadUrl(why)));
    assert_eq!(
        Target::parse(&format!("https://good.com?{}", "a".repeat(1 << 20))),
        Err(BadUrl(why))
    );
}

#[test]
fn the_parts_of_wasi_http_pass_the_same_guard() {
    let target = Target::from_parts("https", "Good.com:443", "/a?b").unwrap();
    assert_eq!(target, Target::parse("https://good.com/a?b").unwrap());
    assert_eq!(Target::from_parts("https", "good.com", "").unwrap().path, "/");
    assert_eq!(Target::from_parts("https", "good.com", "?b").unwrap().path_and_query(), "/?b");
    let no_slash = "its path does not start with `/`";
    let cases = [
        ("https", "good.com", "https://evil.com/", no_slash),
        ("https", "good.com", "evil.com:443", no_slash),
        ("https", "good.com", "*", no_slash),
        ("https", "good.com", "@evil.com/", no_slash),
        (
            "https",
            "good.com",
            "//evil.com/",
            "its path starts with `//`, which some servers read as another host",
        ),
        ("https", "good.com/x", "/", INVALID),
        ("https", "good.com?x", "/", INVALID),
        ("https", "user@good.com", "/", USER),
        ("other(\"https\")", "good.com", "/", SCHEME),
        ("", "good.com", "/", SCHEME),
    ];
    for (scheme, authority, path, why) in cases {
        assert_eq!(
            Target::from_parts(scheme, authority, path),
            Err(BadUrl(why)),
            "{authority} {path}"
        );
    }
}

/// URLs put together from sound and hostile pieces.
fn urls() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![8 => Just("https"), 1 => Just("http"), 1 => "[a-zA-Z+:]{0,6}".prop_map(|_| "HtTpS")];
    let host = prop_oneof![
        3 => "[a-z0-9-]{1,8}(\\.[a-z]{2,6}){1,3}\\.?",
        2 => "[a-zA-Z0-9.-]{1,24}",
        2 => "(xn--[a-z0-9-]{1,10}|[a-z]{1,5})\\.[a-z]{2,4}",
        2 => "[\\PC]{1,12}\\.com",
        1 => "[0-9x.]{1,16}",
        1 => "\\PC{0,16}",
    ];
    let port = prop_oneof![4 => Just(String::new()), 1 => ":[0-9]{0,6}", 1 => "[:@%\\\\].{0,4}"];
    let path = prop_oneof![
        3 => "(/[a-z0-9.~;=-]{0,6}){0,4}",
        2 => "(/([a-z.]|%2[0-9a-f]|%25){0,6}){0,4}",
        1 => "\\PC{0,12}",
    ];
    let query = prop_oneof![2 => Just(String::new()), 1 => "\\?[ -~]{0,12}", 1 => "[?#]\\PC{0,8}"];
    (scheme, host, port, path, query).prop_map(|(s, h, po, pa, q)| format!("{s}://{h}{po}{pa}{q}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_judged_without_a_panic(text in any::<String>()) {
        let _ = Target::parse(&text);
        let _ = Target::from_parts("https", &text, &text);
    }

    /// What gets through is canonical, and a browser's parser sees the same
    /// host, port and path in it: nothing can be read in two ways.
    #[test]
    fn what_parses_is_canonical_and_read_the_same_elsewhere(text in urls()) {
        if let Ok(target) = Target::parse(&text) {
            let printed = target.to_string();
            prop_assert_eq!(Target::parse(&printed).unwrap(), target.clone());
            for url in [&text, &printed] {
                let other = ::url::Url::parse(url).unwrap();
                prop_assert_eq!(other.scheme(), target.scheme);
                prop_assert_eq!(other.domain().unwrap().trim_end_matches('.'), &target.host);
                prop_assert_eq!(other.port_or_known_default(), Some(target.port));
                prop_assert_eq!(other.path(), &target.path);
                prop_assert_eq!(other.username(), "");
            }
            prop_assert!(target.host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'));
            prop_assert!(target.host.parse::<std::net::IpAddr>().is_err());
        }
    }
}
