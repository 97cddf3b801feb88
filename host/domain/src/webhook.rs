//! Webhooks of a manifest: what a third party calls, and how it shows that it is the one.
//!
//! Decided here, of the bytes as they came: whether a call is the sender's ([`scheme`]),
//! of which moment, which of the sender's events it is ([`Webhook::event`]), and which
//! customer it names ([`Webhook::routing_key`]). Callers bring the secrets and the time.
//!
//! To add a way of signing: a [`Signature`], a [`scheme::Scheme`] with what is signed, the
//! vendor's published example in the tests, a file in the fuzz target's corpus.
use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub mod call;
pub mod scheme;
pub mod secret;
#[cfg(test)]
mod tests;

pub use call::{Call, Place};
pub use scheme::{Refusal, Scheme};
pub use secret::{BadSecret, Secret};

use crate::{egress::header, event, manifest::BadMember, verdict::names};

/// Names of headers and form fields, pointers, prefixes: each is read by an admin.
const WORD_BYTES: usize = 100;

/// Something that a third party tells the plugin by calling a URL of Venn's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name in URLs and listings.
    pub name: String,
    /// What it is for, as people see it.
    pub title: String,
    /// How the sender shows that it is the one.
    pub signature: Signature,
    /// The header of `hmac-sha256` or `token`; every other way has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "x-hub-signature-256")]
    pub header: Option<String>,
    /// How `hmac-sha256` is written there; `hex` if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What stands before it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "sha256=")]
    pub prefix: Option<String>,
    /// Where the sender's own id of the event is. Without it, and where a call does not
    /// have it, an event is known by its body and the time at which it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "header:x-github-delivery")]
    pub id: Option<String>,
    /// Where a call says which customer it is about: one URL for all of the plugin's
    /// installs, with the publisher's secret. Without it, each install has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "/team_id")]
    pub routing: Option<String>,
    /// A person waits for the answer, as with a slash command or a button: the plugin gets
    /// a `request`, and what it answers in time is what the sender shows. Otherwise it gets
    /// a `webhook`, and the sender an empty answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers: bool,
}

/// How a sender shows that it is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
    /// HMAC with SHA-256 over the body, in a header.
    HmacSha256,
    /// Slack's `v0`: `x-slack-signature`, `x-slack-request-timestamp`.
    Slack,
    /// HubSpot's version 3: `x-hubspot-signature-v3`, `x-hubspot-request-timestamp`.
    HubspotV3,
    /// The secret itself, in a header.
    Token,
}

names!(Signature {
    StandardWebhooks = "standard-webhooks",
    HmacSha256 = "hmac-sha256",
    Slack = "slack",
    HubspotV3 = "hubspot-v3",
    Token = "token"
});

/// How bytes are written in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Two digits a byte, of either case.
    #[default]
    Hex,
    /// With padding.
    Base64,
}

impl Webhook {
    /// The kind of its events.
    pub const fn event_kind(&self) -> &'static str {
        if self.answers { event::REQUEST } else { event::WEBHOOK }
    }

    /// How calls are checked, or what is wrong with the entry.
    pub fn scheme(&self) -> Result<Scheme, BadMember> {
        self.check_places()?;
        let own = self.signature != Signature::HmacSha256 && self.signature != Signature::Token;
        let said = [
            ("header", own && self.header.is_some()),
            ("prefix", own && self.prefix.is_some()),
            ("encoding", self.signature != Signature::HmacSha256 && self.encoding.is_some()),
            ("id", self.signature == Signature::StandardWebhooks && self.id.is_some()),
        ];
        if let Some((member, _)) = said.into_iter().find(|(_, said)| *said) {
            let reason = format!("`{}` says this itself", self.signature.name());
            return Err(bad(member, reason, "Leave it out"));
        }
        let prefix = self.prefix.clone().unwrap_or_default();
        if prefix.len() > WORD_BYTES || !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(bad(
                "prefix",
                "it is not short plain ASCII",
                "Correct it, as in `sha256=`",
            ));
        }
        Ok(match self.signature {
            Signature::StandardWebhooks => Scheme::StandardWebhooks,
            Signature::Slack => Scheme::Slack,
            Signature::HubspotV3 => Scheme::HubspotV3,
            Signature::HmacSha256 => Scheme::HmacSha256 {
                header: self.checked_header()?,
                encoding: self.encoding.unwrap_or_default(),
                prefix,
            },
            Signature::Token => Scheme::Token { header: self.checked_header()?, prefix },
        })
    }

    fn checked_header(&self) -> Result<String, BadMember> {
        let Some(name) = &self.header else {
            let next = "Name the header in which the sender's documentation says it is";
            return Err(bad("header", "it is missing", next));
        };
        check_header("header", name)?;
        Ok(name.clone())
    }

    fn check_places(&self) -> Result<(), BadMember> {
        for (member, text) in [("id", &self.id), ("routing", &self.routing)] {
            match text.as_ref().map(|text| Place::parse(text)) {
                None | Some(Some(Place::Pointer(_) | Place::Form(_))) => {}
                Some(Some(Place::Header(_))) if member == "routing" => {
                    let reason =
                        "no signature covers a header, so that one could be put for another";
                    return Err(bad(member, reason, "Name a place in the body"));
                }
                Some(Some(Place::Header(name))) => check_header(member, name)?,
                Some(None) => {
                    let reason = "it is no place in a call";
                    let next = "Write `/team/id` (a JSON pointer), `form:team_id` or, for an id, `header:x-id`";
                    return Err(bad(member, reason, next));
                }
            }
        }
        Ok(())
    }

    /// Which of the sender's events a good call is: calls with the same text are one.
    pub fn event(&self, scheme: &Scheme, call: &Call<'_>) -> String {
        let own = match (scheme, &self.id) {
            (Scheme::StandardWebhooks, _) => call.header(scheme::STANDARD_ID).ok().map(Into::into),
            (_, place) => place.as_deref().and_then(Place::parse).and_then(|it| call.find(it)),
        };
        let mut hash = Sha256::new();
        if let Some(id) = own {
            hash.update(b"id\0");
            hash.update(id.as_bytes());
        } else {
            // What is signed in one moment and says the same is the same.
            let time = scheme.time_header().and_then(|name| call.header(name).ok());
            hash.update(b"body\0");
            hash.update(time.unwrap_or_default().as_bytes());
            hash.update(b"\0");
            hash.update(call.body);
        }
        HEXLOWER.encode(&hash.finalize())
    }

    /// The customer that a good call is about, as the sender calls it; empty where every
    /// install has its own URL.
    pub fn routing_key(&self, call: &Call<'_>) -> Result<String, Refusal> {
        let Some(place) = &self.routing else { return Ok(String::new()) };
        let key = Place::parse(place).and_then(|place| call.find(place));
        key.filter(|key| is_word(key)).ok_or_else(|| Refusal::NoRoutingKey(place.clone()))
    }
}

/// Whether this can be what a sender calls a customer of its own.
pub fn is_routing_key(text: &str) -> bool {
    is_word(text)
}

fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn check_header(member: &'static str, name: &str) -> Result<(), BadMember> {
    if header::check(name, b"").is_err() || name.len() > WORD_BYTES {
        return Err(bad(member, "it is not the name of an HTTP header", "Correct it"));
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(bad(member, "the header has upper-case letters", "Write it in lower case"));
    }
    if header::is_reserved(name) || header::is_override(name) {
        let reason = format!("`{name}` is for what carries the call, not for its sender");
        return Err(bad(member, reason, "Name the header that the sender documents"));
    }
    Ok(())
}

fn bad(member: &'static str, reason: impl Into<String>, next_step: &'static str) -> BadMember {
    BadMember { member, reason: reason.into(), next_step }
}
