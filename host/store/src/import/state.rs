//! Where an import stands, and what it does to accounts that the list lacks.
//!
//! To add a state: a variant, its name, and the steps from and to it in `import.rs`.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to accounts that the list lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportMode {
    /// They are removed.
    Replace,
    /// They stay.
    Merge,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportState {
    /// Made; the file has not come yet.
    WaitingForFile,
    /// The file is read; accounts are as before.
    Reading,
    /// A replace would remove many accounts: a person must say yes.
    WaitingForConfirmation,
    /// About to change the accounts, in one transaction.
    Applying,
    /// The accounts are changed.
    Done,
    /// The file could not be used; accounts are as before.
    Failed,
    /// Given up by a person; accounts are as before.
    Cancelled,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
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

names!(ImportMode { Replace = "replace", Merge = "merge" });
names!(ImportState {
    WaitingForFile = "waiting-for-file",
    Reading = "reading",
    WaitingForConfirmation = "waiting-for-confirmation",
    Applying = "applying",
    Done = "done",
    Failed = "failed",
    Cancelled = "cancelled",
});
