//! Whether a call is the sender's. First the signature, over the bytes as they came; then
//! the moment at which it was made: a stranger learns nothing of the clock.
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::{Call, Encoding, Secret};
use crate::{limits::WEBHOOK_WINDOW_MS, time::Timestamp};

/// The sender's id of an event, in Standard Webhooks.
pub(super) const STANDARD_ID: &str = "webhook-id";
const STANDARD_TIME: &str = "webhook-timestamp";
const STANDARD_SIGNATURE: &str = "webhook-signature";
const SLACK_TIME: &str = "x-slack-request-timestamp";
const SLACK_SIGNATURE: &str = "x-slack-signature";
const HUBSPOT_TIME: &str = "x-hubspot-request-timestamp";
const HUBSPOT_SIGNATURE: &str = "x-hubspot-signature-v3";

/// Escapes that HubSpot takes out of the URL before it signs it.
const HUBSPOT_PLAIN: [(&str, char); 12] = [
    ("%3A", ':'),
    ("%2F", '/'),
    ("%3F", '?'),
    ("%40", '@'),
    ("%21", '!'),
    ("%24", '$'),
    ("%27", '\''),
    ("%28", '('),
    ("%29", ')'),
    ("%2A", '*'),
    ("%2C", ','),
    ("%3B", ';'),
];

/// Signatures in one call: a rotation has two.
const SIGNATURES_MAX: usize = 8;

/// How the calls of one webhook are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// See [`super::Signature::StandardWebhooks`].
    StandardWebhooks,
    /// See [`super::Signature::HmacSha256`].
    HmacSha256 {
        /// Lower case.
        header: String,
        /// How the code is written.
        encoding: Encoding,
        /// What stands before it.
        prefix: String,
    },
    /// See [`super::Signature::Slack`].
    Slack,
    /// See [`super::Signature::HubspotV3`].
    HubspotV3,
    /// See [`super::Signature::Token`].
    Token {
        /// Lower case.
        header: String,
        /// What stands before it.
        prefix: String,
    },
}

/// Why a call is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing shows whose it is.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// Nobody knows which one counts.
    #[error("the header `{0}` stands more than once")]
    Repeated(String),
    /// Another way of signing, or a part of a signature.
    #[error("the header `{0}` does not have the form that the scheme asks for")]
    Malformed(String),
    /// Another secret, or other bytes.
    #[error("the signature is not of this secret and these bytes")]
    WrongSignature,
    /// Signed, and without a moment.
    #[error("the header `{0}` is not a time")]
    NoTime(String),
    /// Signed, and repeated by somebody later; or a clock is wrong.
    #[error("it was signed more than {} minutes from now", WEBHOOK_WINDOW_MS / 60_000)]
    Stale,
    /// Signed, and about nobody.
    #[error("there is no one routing key at `{0}`")]
    NoRoutingKey(String),
    /// Signed, and nothing that a person could have asked.
    #[error("the body is neither a form nor a JSON object")]
    NoForm,
}

impl Refusal {
    /// A short name for counts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing-header",
            Self::Repeated(_) => "repeated-header",
            Self::Malformed(_) => "malformed-header",
            Self::WrongSignature => "wrong-signature",
            Self::NoTime(_) => "no-time",
            Self::Stale => "stale",
            Self::NoRoutingKey(_) => "no-routing-key",
            Self::NoForm => "no-form",
        }
    }

    /// Whether the sender signed it: it may be told more than a stranger.
    pub const fn is_senders(&self) -> bool {
        matches!(self, Self::NoTime(_) | Self::Stale | Self::NoRoutingKey(_) | Self::NoForm)
    }
}

/// What a call says of who sent it.
struct Shown<'a> {
    /// Any of these is the code,
    tags: Vec<[u8; 32]>,
    /// of these, one after the other.
    parts: Vec<&'a [u8]>,
    /// The header of the moment, what it says, and its unit in milliseconds.
    time: Option<(&'static str, &'a str, i64)>,
}

impl Scheme {
    /// The header of the signature.
    pub fn header(&self) -> &str {
        match self {
            Self::StandardWebhooks => STANDARD_SIGNATURE,
            Self::Slack => SLACK_SIGNATURE,
            Self::HubspotV3 => HUBSPOT_SIGNATURE,
            Self::HmacSha256 { header, .. } | Self::Token { header, .. } => header,
        }
    }

    /// The header of the moment at which a call was signed, if it is signed along.
    pub const fn time_header(&self) -> Option<&'static str> {
        match self {
            Self::StandardWebhooks => Some(STANDARD_TIME),
            Self::Slack => Some(SLACK_TIME),
            Self::HubspotV3 => Some(HUBSPOT_TIME),
            Self::HmacSha256 { .. } | Self::Token { .. } => None,
        }
    }

    /// What a good call wants to hear back, where it only asks whether this is the place.
    pub fn challenge(&self, call: &Call<'_>) -> Option<String> {
        (*self == Self::Slack).then(|| call.slack_challenge()).flatten()
    }

    /// Checks that one of the secrets signed a call, and that it did so just now.
    pub fn verify(
        &self,
        secrets: &[Secret],
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Self::Token { header, prefix } = self {
            let shown = self.unwrapped(call.header(header)?, prefix)?;
            return known(secrets, |secret| secret.is(shown.as_bytes()));
        }
        let url = if *self == Self::HubspotV3 { hubspot_url(call.url) } else { String::new() };
        let shown = self.shown(call, &url)?;
        known(secrets, |secret| secret.signed(&shown.parts, &shown.tags))?;
        let Some((header, text, unit_ms)) = shown.time else { return Ok(()) };
        let signed_at = moment(text, unit_ms).ok_or_else(|| Refusal::NoTime(header.to_owned()))?;
        let apart_us = signed_at.0.abs_diff(now.0);
        if apart_us > WEBHOOK_WINDOW_MS.unsigned_abs() * 1_000 {
            Err(Refusal::Stale)
        } else {
            Ok(())
        }
    }

    fn shown<'a>(&self, call: &Call<'a>, url: &'a str) -> Result<Shown<'a>, Refusal> {
        let signature = call.header(self.header())?;
        Ok(match self {
            Self::StandardWebhooks => {
                let (id, time) = (call.header(STANDARD_ID)?, call.header(STANDARD_TIME)?);
                // The same bytes are signed with the border at another dot.
                if id.is_empty() || id.contains('.') {
                    return Err(Refusal::Malformed(STANDARD_ID.to_owned()));
                }
                let parts = vec![id.as_bytes(), b".", time.as_bytes(), b".", call.body];
                let tags = signature.split(' ').filter_map(|one| one.strip_prefix("v1,"));
                let tags: Vec<_> = tags
                    .filter_map(|tag| bytes(tag, Encoding::Base64))
                    .take(SIGNATURES_MAX)
                    .collect();
                if tags.is_empty() {
                    return Err(self.malformed());
                }
                Shown { tags, parts, time: Some((STANDARD_TIME, time, 1_000)) }
            }
            Self::Slack => {
                let time = call.header(SLACK_TIME)?;
                let tag = self.tag(signature, "v0=", Encoding::Hex)?;
                let parts = vec![b"v0:".as_slice(), time.as_bytes(), b":", call.body];
                Shown { tags: vec![tag], parts, time: Some((SLACK_TIME, time, 1_000)) }
            }
            Self::HubspotV3 => {
                let time = call.header(HUBSPOT_TIME)?;
                let tag = self.tag(signature, "", Encoding::Base64)?;
                let parts =
                    vec![call.method.as_bytes(), url.as_bytes(), call.body, time.as_bytes()];
                Shown { tags: vec![tag], parts, time: Some((HUBSPOT_TIME, time, 1)) }
            }
            Self::HmacSha256 { encoding, prefix, .. } => {
                let tag = self.tag(signature, prefix, *encoding)?;
                Shown { tags: vec![tag], parts: vec![call.body], time: None }
            }
            Self::Token { .. } => return Err(self.malformed()),
        })
    }

    fn tag(&self, text: &str, prefix: &str, encoding: Encoding) -> Result<[u8; 32], Refusal> {
        bytes(self.unwrapped(text, prefix)?, encoding).ok_or_else(|| self.malformed())
    }

    fn unwrapped<'a>(&self, text: &'a str, prefix: &str) -> Result<&'a str, Refusal> {
        text.strip_prefix(prefix).ok_or_else(|| self.malformed())
    }

    fn malformed(&self) -> Refusal {
        Refusal::Malformed(self.header().to_owned())
    }
}

/// Every secret is tried, so that the time does not say which one it was.
fn known(secrets: &[Secret], is_good: impl Fn(&Secret) -> bool) -> Result<(), Refusal> {
    let good = secrets.iter().fold(false, |good, secret| good | is_good(secret));
    if good { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// A whole tag, or nothing.
fn bytes(text: &str, encoding: Encoding) -> Option<[u8; 32]> {
    let decoded = match encoding {
        Encoding::Hex => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        Encoding::Base64 => BASE64.decode(text.as_bytes()),
    };
    decoded.ok()?.try_into().ok()
}

/// Digits only: no sign, no blank, no fraction.
fn moment(text: &str, unit_ms: i64) -> Option<Timestamp> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let us = text.parse::<i64>().ok()?.checked_mul(unit_ms * 1_000)?;
    Some(Timestamp(us))
}

/// The URL as HubSpot signs it.
fn hubspot_url(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let known = HUBSPOT_PLAIN.iter().find(|(code, _)| {
            escape.get(..3).is_some_and(|found| found.eq_ignore_ascii_case(code))
        });
        let taken = known.map_or(1, |(code, _)| code.len());
        plain.push(known.map_or('%', |(_, character)| *character));
        rest = escape.get(taken..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}
