//! Where a connection's tokens come from: OAuth 2 (RFC 6749), always with PKCE (S256,
//! RFC 7636) where a person is asked.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service's OAuth 2, as its documentation has it. Every endpoint is an egress
/// destination, too: what was not approved and granted is not called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OauthRequest {
    /// The page at which a person says yes; none with `client-credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// Where codes and refresh tokens become tokens.
    pub token_endpoint: String,
    /// What the service calls itself (`iss`, RFC 9207); the authorization endpoint's
    /// origin if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What the token is to be good for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Further parameters of the page, for example `access_type = "offline"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// How the client shows its secret at the token endpoint.
    #[serde(default, skip_serializing_if = "ClientAuthentication::is_default")]
    pub client_authentication: ClientAuthentication,
}

/// How a client shows its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// In the header `authorization`.
    #[default]
    Basic,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

impl ClientAuthentication {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
