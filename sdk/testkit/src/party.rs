//! What a third party is to the machinery: something that answers calls, words its own failures
//! and can be looked into. It knows nothing about sockets, TLS, faults or holds.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Clock;

/// One call as it arrived, body read to its end.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which call this is since start or reset, from 1. Correlation ids are made from it.
    pub order: u64,
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    /// The path's parts, decoded one by one (so `%2F` stays within its part).
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts.map(percent_decoded).collect()
    }

    /// The first query value of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All query values of that name, each split at commas, as list parameters are written.
    pub fn list_param(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
    }
}

/// Decodes `%41` and leaves `+` alone: in a path it is a plus sign.
fn percent_decoded(part: &str) -> String {
    let mut bytes = part.bytes();
    let mut decoded = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escaped =
            (byte == b'%').then(|| Some(hex(ahead.next()?)? * 16 + hex(ahead.next()?)?)).flatten();
        if escaped.is_some() {
            bytes = ahead;
        }
        decoded.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// When the first byte of an answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    #[default]
    AtOnce,
    AfterMs(u64),
    /// Not before the caller hangs up or the simulator stops.
    Never,
}

/// One answer. The machinery adds framing headers (`content-length`, `date`) and nothing else.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub pace: Pace,
}

impl Answer {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let content_type = ("content-type".to_owned(), "application/json;charset=utf-8".to_owned());
        Self {
            status,
            headers: vec![content_type],
            body: body.to_string().into(),
            pace: Pace::AtOnce,
        }
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), pace: Pace::AtOnce }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A failure that every vendor has, and that each words in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 401: the token is not (or no longer) valid.
    Unauthorized,
    /// 403: the token is valid and may not do this.
    Forbidden,
    /// 429. `daily` chooses the long window where a vendor has two.
    RateLimited { daily: bool, retry_after_s: Option<u64> },
    /// Any other failing status, such as 500 or 503.
    Status { code: u16, retry_after_s: Option<u64> },
}

impl Trouble {
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::RateLimited { .. } => 429,
            Self::Status { code, .. } => *code,
        }
    }

    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_s, .. } | Self::Status { retry_after_s, .. } => {
                *retry_after_s
            }
            Self::Unauthorized | Self::Forbidden => None,
        }
    }
}

/// A credential that the third party accepts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub value: String,
    /// What it may do, in the vendor's words; `None` is everything.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = crate::fingerprint(&self.value);
        f.debug_struct("Token").field("fingerprint", &value).field("scopes", &self.scopes).finish()
    }
}

/// A simulated third party. Calls arrive one at a time or at once, on any thread.
pub trait ThirdParty: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// The names that its certificate is made out to.
    fn host_names(&self) -> Vec<String>;

    /// Does the call. Time has moved by one millisecond since the call before.
    fn answer(&self, call: &Call, clock: &Clock) -> Answer;

    /// The vendor's wording of a scripted failure. The call has no effect.
    fn trouble(&self, trouble: &Trouble, call: &Call) -> Answer;

    /// Replaces the accepted tokens. A vendor without tokens ignores it.
    fn set_tokens(&self, _tokens: Vec<Token>) {}

    /// How many objects there are, per kind.
    fn counts(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// All objects of one kind; `None` for a kind that it does not have.
    fn objects(&self, _kind: &str) -> Option<Value> {
        None
    }

    /// Forgets all objects. Tokens stay.
    fn reset(&self) {}
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn path_parts_decode_as_path_parts() {
        assert_eq!(percent_decoded("a%40b.example"), "a@b.example");
        assert_eq!(percent_decoded("a+b"), "a+b");
        assert_eq!(percent_decoded("k=v%20w"), "k=v w");
        assert_eq!(percent_decoded("a%2Fb%26c"), "a/b&c");
        assert_eq!(percent_decoded("100%"), "100%");
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}
