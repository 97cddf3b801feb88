//! Headers that a guest sets: a name in the first line, then the value.
//!
//! What we take, the HTTP client takes too and writes as one line; what frames a
//! message, names its origin or overrides what was decided on is never the guest's,
//! in whatever case, with `-` or `_`.
use http::{HeaderName, HeaderValue};
use venn_domain::egress::header;

/// Names that are the host's, whoever reads them as what.
const HOSTS: [&str; 12] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "proxy-authorization",
    "idempotency-key",
];

/// Names that say another method, path or host.
const OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-original-url", "x-rewrite-url", "x-forwarded-host"];

pub(crate) fn run(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, value) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let Ok(name) = std::str::from_utf8(name) else { return };
    if let Err(bad) = header::check(name, value) {
        return assert!(!bad.0.is_empty());
    }
    assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "the client refuses {name:?}");
    assert!(HeaderValue::from_bytes(value).is_ok(), "the client refuses {value:?}");
    assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a second line");
    let field = [(name, value)];
    assert_eq!(header::check_all(field), Ok(()), "one field alone is a message's");
    let folded = name.to_ascii_lowercase().replace('_', "-");
    let refused = header::is_reserved(name) || header::is_override(name);
    for owned in HOSTS.iter().chain(&OVERRIDES) {
        assert!(folded != *owned || refused, "{name:?} is the guest's");
    }
    if folded == "authorization" || folded == "cookie" {
        assert!(header::owned_by_connection(name, "x-api-key"), "{name:?} beside a credential");
    }
    if let Ok(number) = std::str::from_utf8(value).unwrap_or_default().parse::<u64>() {
        let taken = header::check_content_length(&[value], number).is_ok();
        assert_eq!(taken, value.iter().all(u8::is_ascii_digit), "{value:?}");
    }
}
