//! What a database is, looked at before anything is written: whether a server has
//! begun in it, and which keys it is sealed with; and sealing all of it anew when
//! those keys are lost.
//!
//! A database from before fingerprints has none: there the ids of the keys of its
//! secrets and one sealed signing key tell.
use std::path::Path;

use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    id::{ReleaseId, SigningKeyId},
    time::Timestamp,
};

use crate::{
    Database, Store, StoreError,
    audit::{self, NewAudit},
    authority,
    connection::{self, Connection, attempt},
    delivery::{self, Waiting},
    organization,
    publisher_credential::{self, PublisherCredential},
    release::Proof,
    row::Row,
    schema::{self, Versions},
    signing_key::{self, SigningKey},
    webhook,
};

/// The schema since which signing keys are there, and fingerprints.
const SIGNING: i64 = 2;
const FINGERPRINT: i64 = 7;

/// A database as it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its schema.
    pub versions: Versions,
    /// Whether the platform's organization is there: a first start went through.
    pub begun: bool,
    /// Which keys it is sealed with; none before the first start with fingerprints.
    pub fingerprint: Option<String>,
    /// The keys that its secrets need, by id.
    pub key_ids: Vec<String>,
    /// A signing key as it was sealed.
    pub sealed: Option<SigningKey>,
}

/// Looks at a database. Writes nothing, and makes none.
pub async fn look(folder: &Path, database: &Database) -> Result<Found, StoreError> {
    let versions = schema::look(folder, database).await?;
    let mut found =
        Found { versions, begun: false, fingerprint: None, key_ids: Vec::new(), sealed: None };
    let Some(schema) = versions.from else { return Ok(found) };
    let mut connection = database.connect(folder, false).await?;
    found.begun = organization::has_platform(&mut connection).await?;
    found.key_ids = sqlx::query_scalar("SELECT DISTINCT key_id FROM secret ORDER BY key_id")
        .fetch_all(&mut connection)
        .await?;
    if schema >= SIGNING {
        found.sealed = signing_key::all(&mut connection).await?.into_iter().next();
    }
    if schema >= FINGERPRINT {
        found.fingerprint = sqlx::query_scalar("SELECT fingerprint FROM host_keys WHERE one = 1")
            .fetch_optional(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(found)
}

/// Everything that only the lost keys could make, made by others.
#[derive(Debug, Clone)]
pub struct NewSeals {
    /// Which keys made it.
    pub fingerprint: String,
    /// Of signing keys.
    pub keys: Vec<(SigningKeyId, Vec<u8>)>,
    /// Of releases' signatures.
    pub signatures: Vec<(ReleaseId, Vec<u8>)>,
    /// Releases whose signature is not one: they stay refused.
    pub unsound: Vec<ReleaseId>,
    /// Why connections have no credential any more, for their owners.
    pub reason: String,
}

/// What went with the keys.
#[derive(Debug)]
pub struct Lost {
    /// Connections that ask for their credential anew.
    pub connections: Vec<Connection>,
    /// The publishers' own credentials, which are no more.
    pub credentials: Vec<PublisherCredential>,
    /// People whose second factor is good for recovery codes only.
    pub second_factors: u64,
}

impl Store {
    /// Says which keys this database is sealed with, unless it is said already.
    pub async fn keep_fingerprint(&self, fingerprint: &str) -> Result<(), StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO host_keys (one, fingerprint) VALUES (1, $1)
                     ON CONFLICT (one) DO NOTHING",
                )
                .bind(fingerprint)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Every signing key, and what every release is believed by.
    pub async fn all_sealed(
        &self,
    ) -> Result<(Vec<SigningKey>, Vec<(ReleaseId, Proof)>), StoreError> {
        let mut connection = self.read().await?;
        let keys = signing_key::all(&mut connection).await?;
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT release_id FROM release_signature ORDER BY release_id")
                .fetch_all(&mut *connection)
                .await?;
        drop(connection);
        let mut proofs = Vec::new();
        for id in ids {
            let id: ReleaseId = id.parse().map_err(|_| StoreError::BadRow {
                table: "release_signature",
                column: "release_id",
                row: id,
                reason: "not an id of a release".to_owned(),
            })?;
            if let Some(proof) = self.release_proof(&id).await? {
                proofs.push((id, proof));
            }
        }
        Ok((keys, proofs))
    }

    /// Puts new seals in place of those of lost keys, and drops the secrets that
    /// nobody can open any more. Returns what these were of.
    pub async fn replace_seals(&self, seals: NewSeals) -> Result<Lost, StoreError> {
        let store = self.clone();
        self.write(move |db| Box::pin(async move { replace(&store, db, seals).await })).await
    }
}

async fn replace(
    store: &Store,
    db: &mut AnyConnection,
    seals: NewSeals,
) -> Result<Lost, StoreError> {
    for (id, seal) in &seals.keys {
        sqlx::query("UPDATE signing_key SET seal = $1 WHERE id = $2")
            .bind(seal.clone())
            .bind(id.to_string())
            .execute(&mut *db)
            .await?;
    }
    for (id, seal) in &seals.signatures {
        sqlx::query("UPDATE release_signature SET seal = $1 WHERE release_id = $2")
            .bind(seal.clone())
            .bind(id.to_string())
            .execute(&mut *db)
            .await?;
    }
    let lost = lose_secrets(store, db, &seals.reason).await?;
    sqlx::query(
        "INSERT INTO host_keys (one, fingerprint) VALUES (1, $1)
         ON CONFLICT (one) DO UPDATE SET fingerprint = excluded.fingerprint",
    )
    .bind(seals.fingerprint.clone())
    .execute(&mut *db)
    .await?;
    authority::raise(store, db).await?;
    delivery::unpark(db, store.now(), Waiting::Everyone).await?;
    let platform = sqlx::query("SELECT id FROM organization WHERE is_platform = 1")
        .fetch_one(&mut *db)
        .await?;
    let entry = NewAudit {
        organization: Row::new("organization", &platform).parsed("id")?,
        actor: "host".to_owned(),
        action: "keys.replaced",
        subject: seals.fingerprint,
        detail: serde_json::json!({
            "signing_keys": seals.keys.len(), "signatures": seals.signatures.len(),
            "unsound_releases": seals.unsound, "credentials_lost": lost.connections.len() + lost.credentials.len(),
            "second_factors_lost": lost.second_factors,
        }),
    };
    audit::append(store, db, &entry).await?;
    Ok(lost)
}

async fn lose_secrets(
    store: &Store,
    db: &mut AnyConnection,
    reason: &str,
) -> Result<Lost, StoreError> {
    let Timestamp(now) = store.now();
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{} ORDER BY id", connection::SELECT)))
        .fetch_all(&mut *db)
        .await?;
    let connections = rows.iter().map(connection::connection).collect::<Result<Vec<_>, _>>()?;
    let second_factors: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM second_factor WHERE confirmed_at IS NOT NULL")
            .fetch_one(&mut *db)
            .await?;
    sqlx::query("DELETE FROM secret").execute(&mut *db).await?;
    attempt::forget_all(db).await?;
    let credentials = publisher_credential::lose_all(store, db, reason).await?;
    webhook::lose_all(store, db, reason).await?;
    sqlx::query(
        "UPDATE connection SET state = 'reconnect-required', state_reason = $1, updated_at = $2",
    )
    .bind(reason.to_owned())
    .bind(now)
    .execute(&mut *db)
    .await?;
    for one in &connections {
        connection::note(store, db, one, "host", "connection.secret-lost").await?;
    }
    Ok(Lost { connections, credentials, second_factors: second_factors.cast_unsigned() })
}

#[cfg(test)]
mod tests;
