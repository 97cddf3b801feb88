//! `ETag` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2): an answer that did
//! not change is not sent again.
use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

/// Bytes of the hash in a tag: enough that no two answers meet by chance.
const TAG_BYTES: usize = 16;

/// The tag of an answer: the same bytes have the same one, also after a restart.
pub(super) fn tag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    format!("\"{}\"", data_encoding::HEXLOWER.encode(hash.get(..TAG_BYTES).unwrap_or(&hash)))
}

/// Whether the caller has this answer already.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let names = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
        })
    };
    headers.get_all(header::IF_NONE_MATCH).iter().any(names)
}
