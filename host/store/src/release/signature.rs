//! What a release's signature is checked with, and signing an older release.
//!
//! The manifest is kept as the exact bytes that were signed. Whether a
//! signature is sound is decided by the server, which has the keys; here is
//! only what it is decided by, and whether the signing key is still believed.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, PluginId, ReleaseId, SigningKeyId, UserId},
    signing::{Trust, trust},
    time::Timestamp,
};

use super::{BY_ID, Release, find};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    authority,
    delivery::{self, Waiting},
    row::Row,
};

/// A publisher's signature of a release, with the key as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key.
    pub key: SigningKeyId,
    /// Whose key it is.
    pub key_organization: OrganizationId,
    /// Ed25519, hex.
    pub public_key: String,
    /// When the key was registered.
    pub key_since: Timestamp,
    /// Signatures from this moment on are not believed.
    pub distrusted_from: Option<Timestamp>,
    /// The host's seal of the key.
    pub key_seal: Vec<u8>,
    /// Of the statement, hex.
    pub signature: String,
    /// When the host took it.
    pub signed_at: Timestamp,
    /// The host's seal of the signature.
    pub seal: Vec<u8>,
}

/// Everything that a release is believed by, before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose plugin it is.
    pub publisher: OrganizationId,
    /// The plugin's key.
    pub plugin: String,
    /// The version.
    pub version: String,
    /// The component's SHA-256, hex: its blob's name.
    pub digest: String,
    /// The manifest's exact bytes.
    pub manifest: String,
    /// None for a release that is older than signing.
    pub signature: Option<Signature>,
}

impl Proof {
    /// What the signature is worth, if it is sound.
    pub fn trust(&self) -> Trust {
        let signature = self.signature.as_ref();
        trust(signature.map(|s| s.signed_at), signature.and_then(|s| s.distrusted_from))
    }
}

/// A signature to keep; the server has checked it.
#[derive(Debug, Clone)]
pub struct NewSignature {
    /// The key.
    pub key: SigningKeyId,
    /// Of the statement, hex.
    pub signature: String,
    /// When it was taken.
    pub signed_at: Timestamp,
    /// The host's seal.
    pub seal: Vec<u8>,
}

/// The columns of a signature; `release` must be `r` in the statement.
pub(crate) const COLUMNS: &str = "
    s.key_id, s.signature, s.signed_at, s.seal AS signature_seal,
    k.organization_id AS key_organization_id, k.public_key, k.created_at AS key_since,
    k.distrusted_from, k.seal AS key_seal";

/// Joins them.
pub(crate) const JOIN: &str = "
    LEFT JOIN release_signature s ON s.release_id = r.id
    LEFT JOIN signing_key k ON k.id = s.key_id";

/// Whether release `r` has a signature that is believed.
pub(crate) const TRUSTED: &str = "
    EXISTS (SELECT 1 FROM release_signature s JOIN signing_key k ON k.id = s.key_id
            WHERE s.release_id = r.id
              AND (k.distrusted_from IS NULL OR s.signed_at < k.distrusted_from))";

pub(crate) fn signature(row: &Row<'_>) -> Result<Option<Signature>, StoreError> {
    let Some(key) = row.parsed_or_none("key_id")? else { return Ok(None) };
    Ok(Some(Signature {
        key,
        key_organization: row.parsed("key_organization_id")?,
        public_key: row.text("public_key")?,
        key_since: row.time("key_since")?,
        distrusted_from: row.time_or_none("distrusted_from")?,
        key_seal: row.blob("key_seal")?,
        signature: row.text("signature")?,
        signed_at: row.time("signed_at")?,
        seal: row.blob("signature_seal")?,
    }))
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    release: &ReleaseId,
    new: &NewSignature,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO release_signature (release_id, key_id, signature, signed_at, seal)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(release.to_string())
    .bind(new.key.to_string())
    .bind(new.signature.clone())
    .bind(new.signed_at.0)
    .bind(new.seal.clone())
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// What a release is believed by.
    pub async fn release_proof(&self, id: &ReleaseId) -> Result<Option<Proof>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT r.id, p.organization_id, p.name, r.version, r.digest, r.manifest_json, {COLUMNS}
             FROM release r JOIN plugin p ON p.id = r.plugin_id {JOIN} WHERE r.id = $1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let row = Row::new("release", &row);
        Ok(Some(Proof {
            publisher: row.parsed("organization_id")?,
            plugin: row.text("name")?,
            version: row.text("version")?,
            digest: row.text("digest")?,
            manifest: row.text("manifest_json")?,
            signature: signature(&row)?,
        }))
    }

    /// Signs anew what has no signature that is believed: the same component and
    /// manifest, published again. What an admin approved stays approved if there
    /// was no signature; under a stolen key it has to be looked at again.
    pub async fn sign_release(
        &self,
        id: &ReleaseId,
        manifest: &str,
        new: NewSignature,
        actor: &UserId,
    ) -> Result<Option<Release>, StoreError> {
        let (store, id, actor) = (self.clone(), id.clone(), actor.to_string());
        let manifest = manifest.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let values = || [id.to_string(), id.to_string()];
                let Some(found) = find(connection, BY_ID, values()).await? else { return Ok(None) };
                let before = found.trust();
                if before == Trust::Signed {
                    return Ok(Some(found));
                }
                replace(&store, connection, &found.plugin, &id, &manifest, &new, before).await?;
                let entry = NewAudit {
                    organization: found.organization.clone(),
                    actor,
                    action: "release.signed",
                    subject: id.to_string(),
                    detail: serde_json::json!({
                        "version": found.version, "digest": found.digest, "key": new.key,
                        "again": before == Trust::Distrusted,
                    }),
                };
                audit::append(&store, connection, &entry).await?;
                find(connection, BY_ID, values()).await
            })
        })
        .await
    }
}

async fn replace(
    store: &Store,
    connection: &mut AnyConnection,
    plugin: &PluginId,
    id: &ReleaseId,
    manifest: &str,
    new: &NewSignature,
    before: Trust,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM release_signature WHERE release_id = $1")
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
    insert(connection, id, new).await?;
    sqlx::query(
        "UPDATE release SET manifest_json = $1,
             state = CASE WHEN $2 = 1 AND state = 'approved' THEN 'submitted' ELSE state END
         WHERE id = $3",
    )
    .bind(manifest.to_owned())
    .bind(i64::from(before == Trust::Distrusted))
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    authority::raise(store, connection).await?;
    delivery::unpark(connection, store.now(), Waiting::Plugin(plugin)).await
}
