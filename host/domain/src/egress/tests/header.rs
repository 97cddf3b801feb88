//! Headers that a guest may not set, and messages that are not sound.
use crate::egress::header::{
    BadHeader, check, check_all, check_content_length, is_reserved, owned_by_connection,
};

#[test]
fn the_hosts_own_headers() {
    for name in [
        "Host",
        "connection",
        "TRANSFER-ENCODING",
        "content-length",
        "upgrade",
        "expect",
        "TE",
        "trailer",
        "keep-alive",
        "proxy-authorization",
        "Proxy-Connection",
        "X-Forwarded-For",
        "x-forwarded-host",
        "forwarded",
        "via",
        "http2-settings",
        "venn-run",
        "Venn-",
        "idempotency-key",
        "x-real-ip",
        ":authority",
        ":path",
    ] {
        assert!(is_reserved(name), "{name}");
    }
    for name in [
        "accept",
        "authorization",
        "content-type",
        "venn-connection",
        "Venn-Connection",
        "x-api-key",
        "venn",
        "hosts",
        "",
        "v\u{e9}nn-x",
    ] {
        assert!(!is_reserved(name), "{name}");
    }
}

#[test]
fn identity_belongs_to_the_connection_where_it_is_added() {
    assert!(owned_by_connection("Authorization", "x-api-key"));
    assert!(owned_by_connection("COOKIE", "x-api-key"));
    assert!(owned_by_connection("X-Api-Key", "x-api-key"));
    assert!(!owned_by_connection("accept", "x-api-key"));
}

#[test]
fn fields_that_would_break_the_message() {
    let name = BadHeader("its name is not a token of letters, digits and `!#$%&'*+-.^_`|~`");
    for bad in ["", "a b", "a:b", "a\r\nb", "\u{fc}", "a\0", "(a)", "a\t"] {
        assert_eq!(check(bad, b"x"), Err(name.clone()), "{bad:?}");
    }
    let value = BadHeader("its value has a control character");
    for bad in ["a\r\nHost: evil", "a\nb", "a\rb", "a\0b", "a\r\n b", "\u{7f}"] {
        assert_eq!(check("x", bad.as_bytes()), Err(value.clone()), "{bad:?}");
    }
    assert_eq!(check("x", "a\tb \u{fc}".as_bytes()), Ok(()));
    let long = vec![b'a'; 32 << 10];
    let why = "it is longer than 32 KiB (limit `http.fields`)";
    assert_eq!(check("x", &long), Err(BadHeader(why)));
    let many = vec![b'a'; 1 << 10];
    let sum = (0..40).map(|_| ("x", many.as_slice()));
    let why = "all fields together are longer than 32 KiB (`http.fields`)";
    assert_eq!(check_all(sum), Err(BadHeader(why)));
}

#[test]
fn a_declared_length_is_told_once_and_true() {
    assert_eq!(check_content_length(&[], 5), Ok(()));
    assert_eq!(check_content_length(&[b"5"], 5), Ok(()));
    let twice = BadHeader("`content-length` stands more than once");
    assert_eq!(check_content_length(&[b"5", b"5"], 5), Err(twice));
    let differs = BadHeader("`content-length` differs from the body");
    assert_eq!(check_content_length(&[b"6"], 5), Err(differs));
    let plain = BadHeader("`content-length` is not a plain number");
    for bad in [&b"+5"[..], b"5, 5", b"", b"-1", b"0x5", b"5 ", b"99999999999999999999999"] {
        assert_eq!(check_content_length(&[bad], 5), Err(plain.clone()), "{bad:?}");
    }
}
