//! Typed ids: a prefix that says what it is, and a ULID that sorts by time.
//!
//! An id is made from a time and randomness that the caller brings. To add
//! one, add a line to the `ids!` list below.
use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: expected `{prefix}_` and 26 letters or digits")]
pub struct BadId {
    /// What was expected, for people.
    pub what: &'static str,
    /// The prefix of that kind.
    pub prefix: &'static str,
    /// What was given, cut to 64 characters.
    pub text: String,
}

/// Where ids get their time and randomness; tests bring a counter.
pub trait IdSource: Send + Sync {
    /// Milliseconds since 1970 and 80 random bits.
    fn next(&self) -> (u64, u128);
}

fn parse(what: &'static str, prefix: &'static str, text: &str) -> Result<String, BadId> {
    let tail = text.strip_prefix(prefix).and_then(|t| t.strip_prefix('_'));
    match tail {
        Some(tail)
            if tail.len() == ulid::ULID_LEN
                // More would not fit 128 bits.
                && tail.starts_with(|first| ('0'..='7').contains(&first))
                && tail.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
                && ulid::Ulid::from_string(tail).is_ok() =>
        {
            Ok(text.to_owned())
        }
        _ => Err(BadId { what, prefix, text: text.chars().take(64).collect() }),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The prefix of this kind of id.
            pub const PREFIX: &'static str = $prefix;

            /// Makes the next id.
            pub fn make(source: &dyn IdSource) -> Self {
                let (ms, random) = source.next();
                let ulid = ulid::Ulid::from_parts(ms, random).to_string().to_ascii_lowercase();
                Self(format!("{}_{ulid}", $prefix))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse($what, $prefix, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
                    "examples": [concat!($prefix, "_01k5v2m8q4r7t9w3x6z1b0c5d8")],
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// An organization.
    OrganizationId = "org", "an organization id";
    /// A person.
    UserId = "usr", "a user id";
    /// A person on the way to a service's page and back.
    ConnectAttemptId = "cat", "a connect attempt's id";
    /// A webhook that a customer opened.
    WebhookId = "whk", "a webhook's id";
    /// A publisher's credential.
    CredentialId = "pcr", "a publisher credential's id";
    /// An API token (its public part).
    TokenId = "tok", "a token id";
    /// An account of an organization.
    AccountId = "acc", "an account id";
    /// One import of an account list.
    ImportId = "imp", "an import id";
    /// A partnership of two organizations.
    PartnershipId = "pty", "a partnership id";
    /// An overlap.
    OverlapId = "ovl", "an overlap id";
    /// A plugin.
    PluginId = "plg", "a plugin id";
    /// A release of a plugin.
    ReleaseId = "rel", "a release id";
    /// A publisher's signing key.
    SigningKeyId = "sgk", "a signing key id";
    /// An install of a plugin.
    InstallId = "ins", "an install id";
    /// A connection to a third party.
    ConnectionId = "con", "a connection id";
    /// An event.
    EventId = "evt", "an event id";
    /// An event on its way to one install.
    DeliveryId = "dlv", "a delivery id";
    /// One execution.
    RunId = "run", "a run id";
    /// Equal failures, grouped.
    IncidentId = "inc", "an incident id";
    /// One step to the owner of a failure.
    RouteId = "rte", "a route id";
    /// Leave to look at an install.
    SupportGrantId = "sup", "a support grant id";
    /// One audit entry.
    AuditId = "aud", "an audit id";
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    struct Fixed;
    impl IdSource for Fixed {
        fn next(&self) -> (u64, u128) {
            (1_764_000_000_000, 7)
        }
    }

    #[test]
    fn an_id_reads_back_and_another_kind_is_refused() {
        let id = RunId::make(&Fixed);
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        let error = id.as_str().parse::<InstallId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{id}` is not an install id: expected `ins_` and 26 letters or digits")
        );
    }
}
