//! Signing keys: the public halves of publishers' keys. Only a key's owner has
//! the private half.
//!
//! Who may register one is decided by the server; that a first key is the first
//! and an endorsing key still active is checked again in the transaction.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, SigningKeyId, UserId},
    signing::RevocationReason,
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    authority,
    plugin::Change,
    row::Row,
};

/// A publisher's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id.
    pub id: SigningKeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Ed25519, hex.
    pub public_key: String,
    /// Who registered it.
    pub registered_by: UserId,
    /// The key that spoke for it.
    pub endorsed_by: Option<SigningKeyId>,
    /// When.
    pub created_at: Timestamp,
    /// Why and when it was revoked, and by whom.
    pub revoked: Option<(RevocationReason, Timestamp, String)>,
    /// Signatures from this moment on are not believed.
    pub distrusted_from: Option<Timestamp>,
    /// The host's seal.
    pub seal: Vec<u8>,
}

/// By what right a key is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// The organization never had one.
    First,
    /// An active key spoke for it.
    Endorsed(SigningKeyId),
    /// An active key spoke for it, and retires.
    Replaces(SigningKeyId),
    /// An admin of the organization says so.
    Admin,
}

/// A key to register.
#[derive(Debug, Clone)]
pub struct NewSigningKey {
    /// Its id.
    pub id: SigningKeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Ed25519, hex.
    pub public_key: String,
    /// The host's seal.
    pub seal: Vec<u8>,
    /// By what right.
    pub right: Right,
    /// Who registers it.
    pub actor: UserId,
}

/// A key to revoke.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// Why.
    pub reason: RevocationReason,
    /// Signatures from this moment on are not believed.
    pub distrusted_from: Option<Timestamp>,
    /// The host's seal of the key as it is then.
    pub seal: Vec<u8>,
    /// Who revokes it.
    pub actor: UserId,
}

const SELECT: &str = "
    SELECT id, organization_id, name, public_key, registered_by, endorsed_by, created_at,
           revoked_because, revoked_at, revoked_by, distrusted_from, seal
    FROM signing_key";

fn key(row: &sqlx::any::AnyRow) -> Result<SigningKey, StoreError> {
    let row = Row::new("signing_key", row);
    let revoked = match row.text_or_none("revoked_because")? {
        Some(_) => Some((
            row.named("revoked_because", RevocationReason::parse)?,
            row.time("revoked_at")?,
            row.text("revoked_by")?,
        )),
        None => None,
    };
    Ok(SigningKey {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        name: row.text("name")?,
        public_key: row.text("public_key")?,
        registered_by: row.parsed("registered_by")?,
        endorsed_by: row.parsed_or_none("endorsed_by")?,
        created_at: row.time("created_at")?,
        revoked,
        distrusted_from: row.time_or_none("distrusted_from")?,
        seal: row.blob("seal")?,
    })
}

async fn find(
    connection: &mut AnyConnection,
    id: &SigningKeyId,
) -> Result<Option<SigningKey>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1")))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(key).transpose()
}

/// All keys of all publishers.
pub(crate) async fn all(connection: &mut AnyConnection) -> Result<Vec<SigningKey>, StoreError> {
    let sql = format!("{SELECT} ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.iter().map(key).collect()
}

impl Store {
    /// One key, whoever owns it.
    pub async fn signing_key(&self, id: &SigningKeyId) -> Result<Option<SigningKey>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, id).await
    }

    /// Whether the organization ever had a key.
    pub async fn has_signing_keys(
        &self,
        organization: &OrganizationId,
    ) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        Ok(count(&mut connection, organization).await? > 0)
    }

    /// An organization's keys, oldest first.
    pub async fn signing_keys_page(
        &self,
        organization: &OrganizationId,
        after: Option<&SigningKeyId>,
        limit: u32,
    ) -> Result<Page<SigningKey>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{SELECT} WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |key| key.id.to_string()))
    }

    /// Registers a key, if the right that it is registered by still holds.
    pub async fn register_signing_key(
        &self,
        new: NewSigningKey,
    ) -> Result<Change<SigningKey>, StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move { register(&store, connection, new).await })
        })
        .await
    }

    /// Revokes a key: what running code may do changes with it.
    pub async fn revoke_signing_key(
        &self,
        id: &SigningKeyId,
        revocation: Revocation,
    ) -> Result<Change<SigningKey>, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move { revoke(&store, connection, &id, revocation).await })
        })
        .await
    }
}

async fn count(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM signing_key WHERE organization_id = $1");
    Ok(query.bind(organization.to_string()).fetch_one(connection).await?)
}

async fn register(
    store: &Store,
    connection: &mut AnyConnection,
    new: NewSigningKey,
) -> Result<Change<SigningKey>, StoreError> {
    let (by, endorsed_by) = match &new.right {
        Right::First if count(connection, &new.organization).await? > 0 => {
            return Ok(Change::WrongState("not the first one any more"));
        }
        Right::First => ("first", None),
        Right::Admin => ("admin", None),
        Right::Endorsed(other) => ("endorsement", Some(other)),
        Right::Replaces(other) => ("rotation", Some(other)),
    };
    if let Some(other) = endorsed_by {
        let other = find(connection, other).await?;
        let other = other.filter(|key| key.organization == new.organization);
        if other.is_none_or(|key| key.revoked.is_some()) {
            return Ok(Change::WrongState("endorsed by a key that is revoked"));
        }
    }
    sqlx::query(
        "INSERT INTO signing_key (id, organization_id, name, public_key, registered_by,
             endorsed_by, created_at, seal)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.to_string())
    .bind(new.organization.to_string())
    .bind(new.name.clone())
    .bind(new.public_key.clone())
    .bind(new.actor.to_string())
    .bind(endorsed_by.map(ToString::to_string))
    .bind(store.now().0)
    .bind(new.seal.clone())
    .execute(&mut *connection)
    .await
    .map_err(StoreError::taken("The public key"))?;
    let entry = NewAudit {
        organization: new.organization.clone(),
        actor: new.actor.to_string(),
        action: "signing-key.registered",
        subject: new.id.to_string(),
        detail: serde_json::json!({
            "name": new.name, "public_key": new.public_key, "by": by, "endorsed_by": endorsed_by,
        }),
    };
    audit::append(store, connection, &entry).await?;
    if let Right::Replaces(old) = &new.right {
        mark(store, connection, old, RevocationReason::Retired, &new.actor).await?;
    }
    Ok(find(connection, &new.id).await?.map_or(Change::NotFound, Change::Done))
}

async fn revoke(
    store: &Store,
    connection: &mut AnyConnection,
    id: &SigningKeyId,
    revocation: Revocation,
) -> Result<Change<SigningKey>, StoreError> {
    let Some(found) = find(connection, id).await? else { return Ok(Change::NotFound) };
    match (found.revoked, revocation.reason) {
        (None, _) | (Some((RevocationReason::Retired, ..)), RevocationReason::Compromised) => {}
        (Some((reason, ..)), _) => return Ok(Change::WrongState(reason.name())),
    }
    sqlx::query("UPDATE signing_key SET distrusted_from = $1, seal = $2 WHERE id = $3")
        .bind(revocation.distrusted_from.map(|at| at.0))
        .bind(revocation.seal.clone())
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
    if revocation.reason == RevocationReason::Compromised {
        authority::raise(store, connection).await?;
    }
    mark(store, connection, id, revocation.reason, &revocation.actor).await?;
    Ok(find(connection, id).await?.map_or(Change::NotFound, Change::Done))
}

/// Writes the revocation and its audit entry.
async fn mark(
    store: &Store,
    connection: &mut AnyConnection,
    id: &SigningKeyId,
    reason: RevocationReason,
    actor: &UserId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE signing_key SET revoked_because = $1, revoked_at = $2, revoked_by = $3 WHERE id = $4",
    )
    .bind(reason.name())
    .bind(store.now().0)
    .bind(actor.to_string())
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    let Some(key) = find(connection, id).await? else { return Ok(()) };
    let entry = NewAudit {
        organization: key.organization,
        actor: actor.to_string(),
        action: "signing-key.revoked",
        subject: id.to_string(),
        detail: serde_json::json!({ "because": reason.name(), "distrusted_from": key.distrusted_from }),
    };
    audit::append(store, connection, &entry).await
}

#[cfg(test)]
pub(crate) mod tests;
