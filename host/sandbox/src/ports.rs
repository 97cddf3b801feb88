//! What the sandbox asks of the rest of the host while a guest runs.
//!
//! The sandbox decides by [`Authority`] *before* it calls a port; a port reads
//! under the live sharing rules and says so if something changed meanwhile.
//!
//! To add one: a method here, its capability's file, the server's adapter.
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use venn_domain::{
    account::{AccountChange, SourceRow},
    authority::{Authority, Denial},
    capability::OverlapFields,
    id::PartnershipId,
    overlap::{OverlapCount, OverlapQuery},
};
use zeroize::Zeroizing;

pub use crate::capability::overlaps::{ChangeAnswer, OverlapAnswer};

/// Why a port has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortError {
    /// Not allowed (any more).
    Denied(Denial),
    /// The argument makes no sense, for example a forged cursor.
    Invalid(String),
    /// A published limit; the text begins with its name.
    Limit(String),
    /// Not now, or not yet.
    Unavailable(String),
    /// A third party failed that was needed for the answer: one that renews tokens.
    ThirdParty(String),
    /// Something of ours failed: it ends the run, and is never the plugin's fault.
    Failed(String),
}

/// A credential on its way into one header. It has no `Debug`, no `Clone` and
/// no `Serialize`, and is wiped when dropped.
pub struct Secret {
    value: Zeroizing<String>,
    /// Texts that an answer must not have either: what the value is made of.
    parts: Vec<Zeroizing<String>>,
}

impl Secret {
    /// Takes the value: what stands in the header, after the prefix.
    pub fn new(value: impl Into<Zeroizing<String>>) -> Self {
        Self { value: value.into(), parts: Vec::new() }
    }

    /// The same, of which this is a part that would be told by itself, too.
    #[must_use]
    pub fn made_of(mut self, part: impl Into<Zeroizing<String>>) -> Self {
        self.parts.push(part.into());
        self
    }

    pub(crate) fn expose(&self) -> &str {
        &self.value
    }

    /// The value and its parts: none of them comes back in an answer.
    pub(crate) fn telling(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.value).chain(&self.parts).map(|text| text.as_str())
    }

    /// Tells two values apart without holding either.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.value.as_bytes()).into()
    }
}

/// The rest of the host, as one run sees it: bound to one install.
#[async_trait]
pub trait Ports: Send + Sync {
    /// The number of the newest authority that this server knows of: one atomic load.
    fn authority_number(&self) -> u64;

    /// The number of the newest authority, whichever server changed it.
    async fn confirmed_number(&self) -> u64 {
        self.authority_number()
    }

    /// The newest authority.
    async fn authority(&self) -> Result<Arc<Authority>, PortError>;

    /// One page of overlaps. The query was checked; `limit` is 1 to 1,000.
    async fn overlaps_find(
        &self,
        authority: &Authority,
        query: &OverlapQuery,
    ) -> Result<OverlapAnswer, PortError>;

    /// The overlaps on one domain.
    async fn overlaps_lookup(
        &self,
        authority: &Authority,
        domain: &str,
        fields: &OverlapFields,
    ) -> Result<OverlapAnswer, PortError>;

    /// Counts per pair of populations, of one partnership or all readable ones.
    async fn overlaps_counts(
        &self,
        authority: &Authority,
        partnership: Option<&PartnershipId>,
    ) -> Result<Vec<OverlapCount>, PortError>;

    /// Changes of one partnership after a cursor; without one from where the
    /// install was enabled. `limit` is 1 to 1,000.
    async fn overlaps_changes(
        &self,
        authority: &Authority,
        partnership: &PartnershipId,
        cursor: Option<&str>,
        fields: &OverlapFields,
        limit: u32,
    ) -> Result<ChangeAnswer, PortError>;

    /// What writing each of these accounts would come to; the error names row
    /// and field. At most 500, in populations that were granted.
    async fn accounts_compare(
        &self,
        authority: &Authority,
        rows: &[SourceRow],
    ) -> Result<Vec<AccountChange>, PortError>;

    /// Which of these accounts, by external id, the install keeps as their source.
    async fn accounts_of_source(
        &self,
        authority: &Authority,
        external_ids: &[String],
    ) -> Result<Vec<bool>, PortError>;

    /// One committed value of the install's state.
    async fn state_get(
        &self,
        partnership: Option<&PartnershipId>,
        key: &str,
    ) -> Result<Option<Vec<u8>>, PortError>;

    /// Up to `limit` committed keys that start with `prefix`, in byte order,
    /// after `cursor`.
    async fn state_keys(
        &self,
        partnership: Option<&PartnershipId>,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, PortError>;

    /// The credential of a connection, by the manifest's name.
    async fn credential(&self, connection: &str) -> Result<Secret, PortError>;

    /// Another one, after the third party answered 401 to the one of this fingerprint;
    /// none if there is no other.
    async fn credential_after(
        &self,
        _connection: &str,
        _refused: [u8; 32],
    ) -> Result<Option<Secret>, PortError> {
        Ok(None)
    }
}
