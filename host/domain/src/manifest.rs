//! The manifest: what a release asks for and promises.
//!
//! Written by hand as `venn.toml`, sent as JSON; the same members either way.
//! - [`read`]: TOML or JSON to a [`Manifest`], or every problem with its place.
//! - [`check`]: what must hold beyond the shape.
//! - [`schema`]: which configuration schemas are accepted, and compiling them.
//! - [`config`]: a customer's configuration against its schema.
//! - [`oauth`]: where a connection's tokens come from.
//!
//! To add a member: the field here with a default, its rule in [`check`], a
//! line in the tests' table of problems.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    capability::{Capability, CapabilitySet, OverlapFields},
    egress::{
        EgressRule,
        customer_host::{self, CompletedHost},
    },
    limits,
    schedule::Schedule,
    webhook::Webhook,
};

mod check;
pub mod config;
pub mod oauth;
mod read;
mod schema;
#[cfg(test)]
pub(crate) mod tests;

pub use check::{BadMember, PROBLEM_LIMIT, Problem};
pub use config::{check_config, check_room};
pub use oauth::{ClientAuthentication, OauthRequest};

/// What a release asks for and promises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's key, for example `crm-tasks`.
    pub name: String,
    /// The release's version (semantic versioning).
    #[schemars(with = "String", example = "0.1.0")]
    pub version: semver::Version,
    /// The integration's name as people see it.
    pub title: String,
    /// One or two sentences for the marketplace.
    pub summary: String,
    /// One of [`CATEGORIES`].
    pub category: String,
    /// What it wants to be allowed to do, each with the reason.
    #[serde(default)]
    pub capabilities: Vec<CapabilityRequest>,
    /// Fields of overlaps that it reads.
    #[serde(default)]
    pub fields: OverlapFields,
    /// Where it sends data.
    #[serde(default)]
    pub egress: Vec<EgressRequest>,
    /// Credentials that the customer connects.
    #[serde(default)]
    pub connections: Vec<ConnectionRequest>,
    /// JSON Schema (2020-12) of the configuration; an object.
    #[serde(default = "empty_schema")]
    pub config_schema: serde_json::Value,
    /// Event kinds that it wants.
    #[serde(default)]
    pub events: Vec<String>,
    /// When it wants to run by itself; it gets a `schedule` event each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// What third parties tell it by calling a URL; it gets a `webhook` event each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    /// What people may ask of it; it gets a `request` event each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Limits other than the default ones.
    #[serde(default)]
    pub limits: LimitRequest,
    /// Fault codes that it may claim, each with a FAQ entry.
    #[serde(default)]
    pub faults: Vec<FaultCode>,
    /// Who helps.
    pub support: Support,
}

/// The marketplace's categories.
pub const CATEGORIES: [&str; 7] =
    ["crm", "marketing", "sales", "messaging", "conversation-intelligence", "data", "other"];

/// One capability with the reason that people read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityRequest {
    /// Which.
    pub name: Capability,
    /// Why, in one sentence.
    pub reason: String,
}

/// One destination with what goes there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressRequest {
    /// The host, and what may be called there.
    #[serde(flatten)]
    pub rule: EgressRule,
    /// Why, in one sentence.
    pub reason: String,
    /// What data goes there, in plain words.
    pub data: String,
    /// For how long it is kept there, in plain words.
    pub retention: String,
}

/// A credential that the customer connects; the host adds it at `host` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRequest {
    /// The name by which the plugin asks for it.
    pub name: String,
    /// What people see.
    pub title: String,
    /// How it authenticates.
    pub kind: ConnectionKind,
    /// The egress host at which it is added.
    pub host: String,
    /// The header that carries it.
    #[serde(default = "authorization")]
    pub header: String,
    /// What stands before the secret in the header's value; `basic` has its own.
    #[serde(default = "bearer")]
    pub prefix: String,
    /// Where its tokens come from: of `oauth2` and `client-credentials`, and of no other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OauthRequest>,
}

impl ConnectionRequest {
    /// What stands before the secret.
    pub fn prefix(&self) -> &str {
        if self.kind == ConnectionKind::Basic { "Basic " } else { &self.prefix }
    }

    /// Whether a connection of this kind, for this host, with tokens from there, is what
    /// it asks for.
    pub fn is_met_by(&self, kind: ConnectionKind, host: &str, token_endpoint: &str) -> bool {
        self.kind == kind && self.host == host && self.token_endpoint() == token_endpoint
    }

    /// Where tokens come from: the token endpoint, or nothing.
    pub fn token_endpoint(&self) -> &str {
        self.oauth.as_ref().map_or("", |oauth| oauth.token_endpoint.as_str())
    }
}

/// A host that another configuration moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MovedHost {
    /// As the manifest writes it.
    pub place: String,
    /// What it was; none if it was nothing yet.
    pub from: Option<String>,
    /// What it is; none if it is nothing any more.
    pub to: Option<String>,
}

/// How a connection authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    /// A secret in a header.
    ApiKey,
    /// A name and a password.
    Basic,
    /// OAuth 2: a person says yes at the service, to the publisher's client.
    Oauth2,
    /// OAuth 2: the customer's own client, without a person.
    ClientCredentials,
    /// The publisher's own key for its own backend; the customer connects nothing.
    BackendKey,
}

crate::verdict::names!(ConnectionKind {
    ApiKey = "api-key",
    Basic = "basic",
    Oauth2 = "oauth2",
    ClientCredentials = "client-credentials",
    BackendKey = "backend-key"
});

impl ConnectionKind {
    /// Whether its secret is a token that is renewed.
    pub const fn is_oauth(self) -> bool {
        matches!(self, Self::Oauth2 | Self::ClientCredentials)
    }
}

/// Something that a person may ask of an install, and waits for the answer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name in calls and listings.
    pub name: String,
    /// What it does, as people see it.
    pub title: String,
    /// What to write with it: one or two sentences, if it needs any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Limits other than the default ones, up to the published maxima.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRequest {
    /// CPU time of one run, in milliseconds.
    #[serde(default)]
    pub cpu_ms: Option<u64>,
    /// Wall time of one run, in milliseconds.
    #[serde(default)]
    pub wall_ms: Option<u64>,
    /// All scratch files of one run, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_bytes: Option<u64>,
    /// Scratch files and directories of one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_files: Option<u64>,
    /// Runs of one install that may be at work at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
}

impl LimitRequest {
    /// How many runs of one install may be at work at once.
    pub fn runs_at_once(&self) -> u64 {
        self.concurrency.unwrap_or(limits::INSTALL_RUNS)
    }
}

/// One fault code and the FAQ entry for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultCode {
    /// The code, a key such as `crm-unauthorized`.
    pub code: String,
    /// What the customer reads first.
    pub title: String,
    /// What to do about it.
    pub answer: String,
    /// The configuration field or connection to fix, if there is one.
    #[serde(default)]
    pub field: Option<String>,
}

/// Who helps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// An e-mail address.
    pub contact: String,
    /// A page, if there is one.
    #[serde(default)]
    pub url: Option<String>,
}

fn empty_schema() -> serde_json::Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

fn authorization() -> String {
    "authorization".into()
}

fn bearer() -> String {
    "Bearer ".into()
}

impl Manifest {
    /// The capabilities asked for, as a set.
    pub fn capability_set(&self) -> CapabilitySet {
        self.capabilities.iter().map(|request| request.name).collect()
    }

    /// The egress rules asked for.
    pub fn egress_rules(&self) -> Vec<EgressRule> {
        self.egress.iter().map(|request| request.rule.clone()).collect()
    }

    /// Puts the customer's words into the hosts that have a place for them; the
    /// hosts that came of it.
    pub fn complete(&mut self, config: &serde_json::Value) -> Vec<CompletedHost> {
        let egress = self.egress.iter_mut().map(|request| &mut request.rule.host);
        let connections = self.connections.iter_mut().map(|request| &mut request.host);
        let hosts = egress.chain(connections);
        let mut completed: Vec<CompletedHost> =
            hosts.filter_map(|host| customer_host::complete(host, config)).collect();
        completed.sort_unstable();
        completed.dedup();
        completed
    }

    /// The hosts that this configuration completes.
    pub fn customer_hosts(&self, config: &serde_json::Value) -> Vec<String> {
        let mut hosts: Vec<_> =
            self.clone().complete(config).into_iter().map(|one| one.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The hosts that another configuration moves.
    pub fn moved_hosts(
        &self,
        before: &serde_json::Value,
        after: &serde_json::Value,
    ) -> Vec<MovedHost> {
        let (before, after) = (self.clone().complete(before), self.clone().complete(after));
        let mut places: Vec<_> = before.iter().chain(&after).map(|one| one.place.clone()).collect();
        places.sort_unstable();
        places.dedup();
        let of = |all: &[CompletedHost], place: &str| {
            all.iter().find(|one| one.place == place).map(|one| one.host.clone())
        };
        let moved = places.into_iter().map(|place| MovedHost {
            from: of(&before, &place),
            to: of(&after, &place),
            place,
        });
        moved.filter(|host| host.from != host.to).collect()
    }

    /// The fault code's FAQ entry.
    pub fn fault(&self, code: &str) -> Option<&FaultCode> {
        self.faults.iter().find(|fault| fault.code == code)
    }

    /// The schedule of this name.
    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.name == name)
    }

    /// The webhook of this name.
    pub fn webhook(&self, name: &str) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.name == name)
    }

    /// The action of this name.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// Whether the plugin wants events of this kind.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|event| event == kind)
    }
}
