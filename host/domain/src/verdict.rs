//! Whose fault a failure is: the host's own conclusion from what it saw at
//! the boundary. A claim never moves blame without evidence.
//!
//! - [`signal`]: what the outcome shows, one signal per row of the table.
//! - [`provisional`]: the pure first verdict, from this run's signals alone.
//! - [`route`]: the total function from verdict to the one step to its owner.
//!
//! To add a rule: a row in `provisional`, a test beside it, and a higher
//! [`ALGORITHM_VERSION`].
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod evidence;
mod provisional;
mod route;
pub mod signal;
#[cfg(test)]
mod tests;

pub use provisional::{Facts, provisional};
pub use route::{FaqEntry, RouteKind, RoutePlan, route};

/// The rule set of this crate; stored with every verdict.
pub const ALGORITHM_VERSION: u16 = 2;

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the API and the store.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use names;

names!(Class {
    Plugin = "plugin", ThirdParty = "third-party", CustomerConfig = "customer-config",
    GrantMissing = "grant-missing", Platform = "platform", Unknown = "unknown"
});
names!(Kind {
    Transient = "transient", Permanent = "permanent", Quota = "quota",
    Security = "security", Contract = "contract"
});
names!(Owner {
    Publisher = "publisher", CustomerAdmin = "customer-admin",
    PlatformAdmin = "platform-admin", DataOwner = "data-owner"
});

/// Where the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The plugin's code.
    Plugin,
    /// The service that the plugin calls.
    ThirdParty,
    /// The customer's configuration or credential.
    CustomerConfig,
    /// Something not approved, not granted or revoked.
    GrantMissing,
    /// Us.
    Platform,
    /// Not known.
    Unknown,
}

/// What sort of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It goes away by itself.
    Transient,
    /// It stays until someone acts.
    Permanent,
    /// Too much in too little time.
    Quota,
    /// Someone tried what must not be.
    Security,
    /// What was promised about shapes was not kept.
    Contract,
}

/// The one party that is accountable now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The plugin's owner.
    Publisher,
    /// An admin of the customer.
    CustomerAdmin,
    /// An admin of the platform.
    PlatformAdmin,
    /// The partner whose accounts are concerned.
    DataOwner,
}

/// The conclusion about one failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Where.
    pub class: Class,
    /// What sort.
    pub kind: Kind,
    /// Who is accountable.
    pub owner: Owner,
    /// 0 to 1000.
    pub confidence_permille: u16,
    /// What the host saw, most telling first, in plain sentences without values.
    pub evidence: Vec<String>,
    /// What the plugin claimed, if it did.
    pub claimed_class: Option<String>,
    /// Whether trying again can help.
    pub retryable: bool,
    /// Seconds to wait at least, as a third party asked.
    pub retry_after_s: Option<u32>,
    /// Equal failures have equal fingerprints.
    pub fingerprint: String,
    /// The configuration field or connection to fix, if the host knows it.
    pub field: Option<String>,
    /// The rule set that concluded; raised when rules change.
    pub algorithm_version: u16,
}
