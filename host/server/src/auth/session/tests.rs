//! What a browser sends, and what another site can make it send.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use axum::http::HeaderValue;

use super::*;

const TEXT: &str = "vses_00000000000000000000000007_aa";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn only_this_servers_own_page_is_its_origin() {
    let ours = [
        ("https://venn.example", "venn.example"),
        ("https://VENN.example:8443", "venn.example:8443"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ];
    for (origin, host) in ours {
        let sent = headers(&[("origin", origin), ("host", host)]);
        assert!(check_origin(&sent).is_ok(), "{origin}");
    }
    let others = [
        ("null", "venn.example"),
        ("", ""),
        ("https://evil.example", "venn.example"),
        ("https://venn.example.evil.example", "venn.example"),
        ("https://venn.example:444", "venn.example"),
        ("http://venn.example", "venn.example"),
        ("https://user@venn.example", "venn.example"),
        ("https://venn.example", ""),
    ];
    for (origin, host) in others {
        let sent = headers(&[("origin", origin), ("host", host)]);
        assert!(check_origin(&sent).is_err(), "{origin}");
    }
    assert!(check_origin(&headers(&[])).is_ok());
    let twice =
        [("origin", "https://a.example"), ("origin", "https://a.example"), ("host", "a.example")];
    assert!(check_origin(&headers(&twice)).is_err());
    for (site, fine) in
        [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
    {
        assert_eq!(check_origin(&headers(&[("sec-fetch-site", site)])).is_ok(), fine, "{site}");
    }
}

#[test]
fn what_changes_something_takes_the_sessions_own_header() {
    let token = csrf_of(TEXT).unwrap().0;
    let other = csrf_of("vses_00000000000000000000000007_ab").unwrap().0;
    assert_ne!(token, other);
    assert!(!token.contains("aa_"));
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(check(&headers(&[]), &method, TEXT).is_ok());
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert!(check(&headers(&[]), &method, TEXT).is_err());
        assert!(check(&headers(&[("x-csrf-token", "")]), &method, TEXT).is_err());
        assert!(check(&headers(&[("x-csrf-token", &other)]), &method, TEXT).is_err());
        assert!(check(&headers(&[("x-csrf-token", &token)]), &method, TEXT).is_ok());
        let foreign = [("x-csrf-token", token.as_str()), ("origin", "https://evil.example")];
        assert!(check(&headers(&foreign), &method, TEXT).is_err());
    }
}

#[test]
fn a_cookie_is_read_if_there_is_one_of_it() {
    let one = headers(&[("cookie", "a=1; __Host-venn-session=x=y; b=2")]);
    assert_eq!(find(&one, COOKIE), Some("x=y"));
    for none in [
        "a=1",
        "__Host-venn-session=x; __Host-venn-session=y",
        "__host-venn-session=x",
        "x__Host-venn-session=x",
    ] {
        assert_eq!(find(&headers(&[("cookie", none)]), COOKIE), None, "{none}");
    }
    let lines = [("cookie", "__Host-venn-session=x"), ("cookie", "__Host-venn-session=y")];
    assert_eq!(find(&headers(&lines), COOKIE), None);
}

#[test]
fn a_sessions_text_is_no_tokens_and_the_cookie_is_locked_down() {
    assert!(split(TEXT).is_some());
    for other in ["venn_00000000000000000000000007_aa", "vses_x_y", "vses_", ""] {
        assert!(split(other).is_none(), "{other}");
    }
    assert_eq!(
        given("x"),
        "__Host-venn-session=x; Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Lax"
    );
    assert_eq!(gone(), "__Host-venn-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
}
