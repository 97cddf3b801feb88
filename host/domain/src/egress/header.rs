//! Which headers a guest may not set, and what makes a message unsound.
//!
//! The list is ours and larger than the engine's default: whatever frames a
//! message, names its origin or carries the host's own word stays with the
//! host; whatever makes a server read another request than the one that was
//! decided on is refused. To add one: [`RESERVED`], [`RESERVED_PREFIXES`] or
//! [`OVERRIDES`].
use crate::limits;

/// Headers that the host writes itself. `idempotency-key` is among them: it is
/// derived from install, delivery and operation, which is the promise that a
/// repeated run does not repeat its effect; a guest chooses the operation.
const RESERVED: [&str; 20] = [
    "cf-connecting-ip",
    "client-ip",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    // A gateway of the CGI family makes the variable HTTP_PROXY of it.
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
];

/// Families of headers that the host owns.
const RESERVED_PREFIXES: [&str; 4] = [":", "proxy-", "venn-", "x-forwarded"];

/// Headers by which a server or gateway takes another method, path or host for
/// the request's than the ones that were decided on.
const OVERRIDES: [&str; 9] = [
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-url",
    "x-rewrite-url",
];

/// Names the connection whose credential the host adds; the host strips it.
pub const CONNECTION: &str = "venn-connection";

/// What carries a person's or program's identity, whatever the connection uses.
const IDENTITY: [&str; 2] = ["authorization", "cookie"];

/// Headers by which a guest could have a credential that a third party echoes
/// sent back in pieces, which the host would not recognise.
const PIECEWISE: [&str; 2] = ["range", "if-range"];

/// Why a header or a message is unsound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header is refused: {0}")]
pub struct BadHeader(pub &'static str);

/// Headers that the host owns: refused in requests, dropped from responses.
pub fn is_reserved(name: &str) -> bool {
    let starts = |prefix: &str| {
        name.as_bytes().get(..prefix.len()).is_some_and(|head| same(head, prefix.as_bytes()))
    };
    if name.eq_ignore_ascii_case(CONNECTION) {
        return false;
    }
    is_one_of(name, &RESERVED) || RESERVED_PREFIXES.into_iter().any(starts)
}

/// Headers that would undo the decision on method, path or host: refused in
/// requests.
pub fn is_override(name: &str) -> bool {
    is_one_of(name, &OVERRIDES)
}

/// Whether two names are one to some server: case never counts, and gateways
/// that make variables of headers write `-` and `_` alike.
fn same(a: &[u8], b: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| folded(a) == folded(b))
}

fn is_one_of(name: &str, list: &[&str]) -> bool {
    list.iter().any(|other| same(name.as_bytes(), other.as_bytes()))
}

/// Whether this header is the host's where the credential of a connection is
/// added: its own header, and every other one that says who is calling.
pub fn owned_by_connection(name: &str, connection_header: &str) -> bool {
    same(name.as_bytes(), connection_header.as_bytes())
        || is_one_of(name, &IDENTITY)
        || is_one_of(name, &PIECEWISE)
}

/// Checks one header field by itself.
pub fn check(name: &str, value: &[u8]) -> Result<(), BadHeader> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(BadHeader("its name is not a token of letters, digits and `!#$%&'*+-.^_`|~`"));
    }
    // A tab is the one control character of a field's value; CR, LF and NUL
    // would start another header or another message.
    if value.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(BadHeader("its value has a control character"));
    }
    if field_bytes(name, value) > limits::HTTP_FIELDS_BYTES {
        return Err(BadHeader("it is longer than 32 KiB (limit `http.fields`)"));
    }
    Ok(())
}

/// Checks all header fields of one message, and their sum.
pub fn check_all<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), BadHeader> {
    let mut bytes = 0_u64;
    for (name, value) in fields {
        check(name, value)?;
        bytes = bytes.saturating_add(field_bytes(name, value));
        if bytes > limits::HTTP_FIELDS_BYTES {
            return Err(BadHeader("all fields together are longer than 32 KiB (`http.fields`)"));
        }
    }
    Ok(())
}

/// Checks what a client declared with `content-length` against the whole body,
/// for a door that tolerates the header: once, plain digits, and true.
pub fn check_content_length(values: &[&[u8]], body_bytes: u64) -> Result<(), BadHeader> {
    match values {
        [] => Ok(()),
        [value] => {
            let plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            match number {
                Some(number) if plain && number == body_bytes => Ok(()),
                Some(_) if plain => Err(BadHeader("`content-length` differs from the body")),
                _ => Err(BadHeader("`content-length` is not a plain number")),
            }
        }
        _ => Err(BadHeader("`content-length` stands more than once")),
    }
}

/// A field on the wire: name, colon, space, value, line end.
fn field_bytes(name: &str, value: &[u8]) -> u64 {
    (name.len() as u64).saturating_add(value.len() as u64).saturating_add(4)
}

/// RFC 9110, 5.6.2.
const fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
        || matches!(b, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}
