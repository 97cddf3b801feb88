//! Path and query: visible ASCII, and no spelling of a path that a server
//! could read as another one.
//!
//! Rules allow by path prefix, so whatever a server may fold away (dot
//! segments, encoded slashes, also encoded twice, `..;x`) is refused here:
//! `/crm/%2e%2e/admin` starts with `/crm`, but is not below it.
use super::url::BadUrl;

/// Path and query together. What common servers accept as a request line.
const BYTES_MAX: usize = 8 << 10;
/// A proxy, a framework and an application may each decode once; undoing more
/// would take quadratic time on `%252525…`.
const DECODE_ROUNDS_MAX: u32 = 3;

/// Splits origin form into a checked path and query.
pub(super) fn split(text: &str) -> Result<(String, Option<String>), BadUrl> {
    if text.len() > BYTES_MAX {
        return Err(BadUrl("its path and query are longer than 8 KiB"));
    }
    if text.contains('#') {
        return Err(BadUrl("it has a fragment (`#`), which is never sent; leave it out"));
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    check(path)?;
    if let Some(query) = query {
        check_query(query)?;
    }
    Ok((path.to_owned(), query.map(str::to_owned)))
}

/// Checks a path as it stands in a URL or in a rule.
pub fn check(path: &str) -> Result<(), BadUrl> {
    if !path.starts_with('/') {
        return Err(BadUrl("its path does not start with `/`"));
    }
    if path.starts_with("//") {
        return Err(BadUrl("its path starts with `//`, which some servers read as another host"));
    }
    if path.contains('\\') {
        return Err(BadUrl("its path has a `\\`"));
    }
    if !path.bytes().all(is_path_byte) {
        return Err(BadUrl(
            "its path has a character that must be percent-encoded; it is visible ASCII only",
        ));
    }
    path.split('/').try_for_each(check_segment)
}

fn check_query(query: &str) -> Result<(), BadUrl> {
    let good = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`');
    if query.bytes().all(good) {
        Ok(())
    } else {
        Err(BadUrl("its query has a character that must be percent-encoded"))
    }
}

/// RFC 3986: unreserved, sub-delims, `:`, `@`, `/`, and `%`.
const fn is_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%' | b'/' | b':' | b'@')
        || matches!(b, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Refuses what is a dot segment or has a separator, however often encoded.
fn check_segment(segment: &str) -> Result<(), BadUrl> {
    let mut bytes = segment.as_bytes().to_vec();
    for round in 0..=DECODE_ROUNDS_MAX {
        // Servers cut parameters (`..;x`) before they look for dot segments.
        let name: &[u8] = bytes.split(|b| *b == b';').next().unwrap_or_default();
        if name == b"." || name == b".." {
            return Err(BadUrl("its path has a dot segment (`.` or `..`)"));
        }
        if bytes.iter().any(|b| matches!(b, b'/' | b'\\')) {
            return Err(BadUrl("its path has an encoded `/` or `\\`"));
        }
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(BadUrl("its path has an encoded control character"));
        }
        match decode(&bytes) {
            // Text that was encoded as `%25` may hold a lone `%`: only the
            // URL itself must be well-formed.
            None if round == 0 => return Err(BadUrl("its path has a `%` without two hex digits")),
            Some(decoded) if decoded != bytes => bytes = decoded,
            _ => return Ok(()),
        }
    }
    Err(BadUrl("its path is percent-encoded more than three times over"))
}

/// Decodes once; none if a `%` is not followed by two hex digits.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(b) = rest.next() {
        if *b != b'%' {
            decoded.push(*b);
            continue;
        }
        let high = char::from(*rest.next()?).to_digit(16)?;
        let low = char::from(*rest.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(decoded)
}
