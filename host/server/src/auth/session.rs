//! Sessions as a browser carries them: a cookie that no script can read, and with
//! every call that changes something a header that no other site can send.
//!
//! What stops another site's page: the cookie is not sent along (`SameSite=Lax`), the
//! call says where it comes from (`Origin`, `Sec-Fetch-Site`), and the header's value
//! follows from the cookie's secret, which that page does not know. Each is enough.
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use venn_domain::{id::TokenId, limits};

use super::{secret, unauthenticated};
use crate::error::{ApiError, Code};

/// The session's cookie. The prefix has browsers refuse it from anybody else's
/// subdomain, without TLS, or for a part of the site.
pub const COOKIE: &str = "__Host-venn-session";
/// The header that goes with every call that changes something.
pub const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// How a session's text begins; a token's begins otherwise, and neither passes for
/// the other.
pub const PREFIX: &str = "vses";

/// What the header must be, for one session. No `Debug`: it belongs to the cookie.
#[derive(Clone)]
pub struct Csrf(pub String);

impl std::fmt::Debug for Csrf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Csrf")
    }
}

/// A new session's text and the hash that is stored.
pub fn make(id: &TokenId) -> std::io::Result<(String, Vec<u8>)> {
    secret::make(PREFIX, id.as_str())
}

/// Splits a session's text into its id and secret part.
pub fn split(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = secret::split(PREFIX, text)?;
    Some((format!("tok_{id}").parse().ok()?, secret))
}

/// What the header must be with this session's text; none if it is no session's.
pub fn csrf_of(text: &str) -> Option<Csrf> {
    let (_, secret) = split(text)?;
    let hash = Sha256::new().chain_update(b"venn csrf v1\0").chain_update(secret).finalize();
    Some(Csrf(data_encoding::HEXLOWER.encode(&hash)))
}

/// A cookie for this host alone, over TLS alone, that no script can read.
pub fn cookie(name: &str, value: &str, lasts_ms: u64) -> String {
    let seconds = lasts_ms / 1_000;
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// The session's cookie.
pub fn given(text: &str) -> String {
    cookie(COOKIE, text, limits::SESSION_MS)
}

/// What takes it away again.
pub fn gone() -> String {
    cookie(COOKIE, "", 0)
}

/// The value of a cookie; none if there is none, or more than one: nobody can tell
/// which of them is ours.
pub fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(one, _)| *one == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Refuses a call of another site's page.
pub fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: &HeaderName| {
        let mut sent = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
        let first = sent.next();
        // Two of them are none that can be believed.
        if sent.next().is_some() { Some("?") } else { first }
    };
    let site = text(&HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(cross_site("it says that another site's page makes it"));
    }
    let Some(origin) = text(&header::ORIGIN) else { return Ok(()) };
    let host = text(&header::HOST).unwrap_or_default();
    if is_of(origin, host) { Ok(()) } else { Err(cross_site("its `origin` is not this server")) }
}

/// Whether an origin is that host's own page: over TLS, or on this machine.
fn is_of(origin: &str, host: &str) -> bool {
    let Some((scheme, place)) = origin.split_once("://") else { return false };
    if host.is_empty() || !place.eq_ignore_ascii_case(host) {
        return false;
    }
    let name = place.rsplit_once(':').map_or(place, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { place }
    });
    let here = matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]");
    scheme == "https" || scheme == "http" && here
}

/// Refuses a call with a session's cookie that its own page did not make.
pub fn check(headers: &HeaderMap, method: &Method, text: &str) -> Result<Csrf, ApiError> {
    let expected =
        csrf_of(text).ok_or_else(|| unauthenticated("The session is not valid, or has ended."))?;
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(expected);
    }
    check_origin(headers)?;
    let sent = headers.get(&CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
    if bool::from(sent.ct_eq(expected.0.as_bytes())) {
        return Ok(expected);
    }
    Err(cross_site("it has a session's cookie without the session's `x-csrf-token`"))
}

fn cross_site(why: &str) -> ApiError {
    ApiError::new(
        Code::CrossSite,
        format!("The call is refused: {why}."),
        "Send the `csrf_token` of `GET /v1/me` as `x-csrf-token`, from a page of this server; a program takes a token instead.",
    )
}

#[cfg(test)]
mod tests;
