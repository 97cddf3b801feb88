//! A publisher's own credentials: an OAuth client, a key for its backend, a webhook's
//! signing secret. Held like connections: sealed in [`crate::secret`], bound to one host,
//! usable and never readable.
//!
//! A rotation keeps the value before it for a while: the newest is used first, and the one
//! before where a service does not take the newest yet, or any more.
use std::sync::Arc;

use serde_json::json;
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    id::{CredentialId, OrganizationId, PluginId, UserId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    authority,
    delivery::{self, Waiting},
    plugin::{Change, states},
    row::Row,
    secret::{self, Keys, Opened, SecretPlace},
};

#[cfg(test)]
mod tests;

states! {
    /// What a publisher's credential is.
    CredentialKind {
        /// A client id and secret, for a token endpoint.
        OauthClient = "oauth-client",
        /// A key that the host adds to calls of the publisher's backend.
        BackendKey = "backend-key",
        /// With which a service signs what it sends.
        WebhookSecret = "webhook-secret",
    }
}

/// A publisher's credential, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherCredential {
    /// Its id.
    pub id: CredentialId,
    /// The publisher.
    pub organization: OrganizationId,
    /// The plugin that it is for.
    pub plugin: PluginId,
    /// The manifest's name of the connection that it is for.
    pub name: String,
    /// What it is.
    pub kind: CredentialKind,
    /// The one host to which it goes; empty for what goes nowhere.
    pub host: String,
    /// Of an OAuth client; else empty.
    pub client_id: String,
    /// Counts up with every value.
    pub secret_version: u64,
    /// The value before is good until then, too.
    pub previous_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its value last changed.
    pub updated_at: Timestamp,
}

impl PublisherCredential {
    fn place(&self, version: u64) -> SecretPlace {
        SecretPlace {
            organization: self.organization.clone(),
            credential: self.id.to_string(),
            version,
        }
    }
}

/// A credential to put.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// The publisher.
    pub organization: OrganizationId,
    /// The plugin.
    pub plugin: PluginId,
    /// The connection's name.
    pub name: String,
    /// What it is.
    pub kind: CredentialKind,
    /// A canonical host, or empty.
    pub host: String,
    /// Of an OAuth client; else empty.
    pub client_id: String,
    /// Who puts it.
    pub actor: UserId,
}

const SELECT: &str = "
    SELECT id, organization_id, plugin_id, name, kind, host, client_id, secret_version,
           previous_until, created_at, updated_at FROM publisher_credential";

fn credential(row: &sqlx::any::AnyRow) -> Result<PublisherCredential, StoreError> {
    let row = Row::new("publisher_credential", row);
    Ok(PublisherCredential {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        plugin: row.parsed("plugin_id")?,
        name: row.text("name")?,
        kind: row.named("kind", CredentialKind::parse)?,
        host: row.text("host")?,
        client_id: row.text("client_id")?,
        secret_version: row.count("secret_version")?,
        previous_until: row.time_or_none("previous_until")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

async fn find(
    db: &mut AnyConnection,
    plugin: &PluginId,
    name: &str,
) -> Result<Option<PublisherCredential>, StoreError> {
    let sql = format!("{SELECT} WHERE plugin_id = $1 AND name = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(plugin.to_string())
        .bind(name.to_owned())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(credential).transpose()
}

impl Store {
    /// Puts a credential, in place of one of that name: the value before ends at once.
    pub async fn set_credential(
        &self,
        keys: Arc<Keys>,
        new: NewCredential,
        value: Zeroizing<Vec<u8>>,
    ) -> Result<PublisherCredential, StoreError> {
        let store = self.clone();
        self.write(move |db| Box::pin(async move { set(&store, db, &keys, new, &value).await }))
            .await
    }

    /// Puts another value; the one before is good until `previous_until`, too.
    pub async fn rotate_credential(
        &self,
        keys: Arc<Keys>,
        plugin: &PluginId,
        name: &str,
        value: Zeroizing<Vec<u8>>,
        previous_until: Timestamp,
        actor: &UserId,
    ) -> Result<Change<PublisherCredential>, StoreError> {
        let store = self.clone();
        let (plugin, name, actor) = (plugin.clone(), name.to_owned(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(found) = find(db, &plugin, &name).await? else {
                    return Ok(Change::NotFound);
                };
                let version = found.secret_version + 1;
                secret::put_beside(&store, db, &keys, &found.place(version), &value).await?;
                sqlx::query(
                    "UPDATE publisher_credential SET secret_version = $1, previous_until = $2,
                         updated_at = $3
                     WHERE id = $4",
                )
                .bind(i64::try_from(version).unwrap_or(i64::MAX))
                .bind(previous_until.0)
                .bind(store.now().0)
                .bind(found.id.to_string())
                .execute(&mut *db)
                .await?;
                note(&store, db, &found, actor.as_str(), "credential.rotated").await?;
                let now = find(db, &plugin, &name).await?;
                Ok(now.map_or(Change::NotFound, Change::Done))
            })
        })
        .await
    }

    /// Removes a credential with all its values; false if there is none.
    pub async fn remove_credential(
        &self,
        plugin: &PluginId,
        name: &str,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        let (plugin, name, actor) = (plugin.clone(), name.to_owned(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(found) = find(db, &plugin, &name).await? else { return Ok(false) };
                secret::forget(db, found.id.as_str()).await?;
                sqlx::query("DELETE FROM publisher_credential WHERE id = $1")
                    .bind(found.id.to_string())
                    .execute(&mut *db)
                    .await?;
                note(&store, db, &found, actor.as_str(), "credential.removed").await?;
                Ok(true)
            })
        })
        .await
    }

    /// A plugin's credential by its name.
    pub async fn credential(
        &self,
        plugin: &PluginId,
        name: &str,
    ) -> Result<Option<PublisherCredential>, StoreError> {
        let mut reader = self.read().await?;
        find(&mut reader, plugin, name).await
    }

    /// A plugin's credentials, oldest first.
    pub async fn credentials_page(
        &self,
        plugin: &PluginId,
        after: Option<&CredentialId>,
        limit: u32,
    ) -> Result<Page<PublisherCredential>, StoreError> {
        let mut reader = self.read().await?;
        let sql = format!("{SELECT} WHERE plugin_id = $1 AND id > $2 ORDER BY id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(plugin.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *reader)
            .await?;
        let items = rows.iter().map(credential).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |credential| credential.id.to_string()))
    }

    /// The values of a plugin's credential that are good now, the newest first; none if
    /// there is no such credential of this kind for this host.
    pub async fn open_credential(
        &self,
        keys: &Keys,
        plugin: &PluginId,
        (name, kind, host): (&str, CredentialKind, &str),
    ) -> Result<Option<(PublisherCredential, Vec<Opened>)>, StoreError> {
        let mut reader = self.read().await?;
        let mut tx = reader.begin().await?;
        let found = find(&mut tx, plugin, name).await?;
        let Some(found) = found.filter(|found| found.kind == kind && found.host == host) else {
            return Ok(None);
        };
        let mut values =
            vec![secret::open(&mut tx, keys, &found.place(found.secret_version)).await?];
        if found.previous_until.is_some_and(|until| until > self.now()) {
            let before = found.place(found.secret_version - 1);
            values.push(secret::open(&mut tx, keys, &before).await?);
        }
        tx.rollback().await?;
        Ok(Some((found, values)))
    }

    /// Forgets the values whose time beside a newer one is over.
    pub async fn sweep_credentials(&self) -> Result<(), StoreError> {
        let store = self.clone();
        self.write(move |db| {
            Box::pin(async move {
                let now = store.now().0;
                sqlx::query(
                    "DELETE FROM secret WHERE EXISTS
                         (SELECT 1 FROM publisher_credential p
                          WHERE p.id = secret.credential_id AND p.previous_until <= $1
                            AND secret.version < p.secret_version)",
                )
                .bind(now)
                .execute(&mut *db)
                .await?;
                sqlx::query(
                    "UPDATE publisher_credential SET previous_until = NULL
                     WHERE previous_until <= $1",
                )
                .bind(now)
                .execute(db)
                .await?;
                Ok(())
            })
        })
        .await
    }
}

async fn set(
    store: &Store,
    db: &mut AnyConnection,
    keys: &Keys,
    new: NewCredential,
    value: &[u8],
) -> Result<PublisherCredential, StoreError> {
    let now = store.now();
    let before = find(db, &new.plugin, &new.name).await?;
    let version = before.as_ref().map_or(1, |before| before.secret_version + 1);
    let made = PublisherCredential {
        id: before.as_ref().map_or_else(|| CredentialId::make(store.ids()), |one| one.id.clone()),
        organization: new.organization,
        plugin: new.plugin,
        name: new.name,
        kind: new.kind,
        host: new.host,
        client_id: new.client_id,
        secret_version: version,
        previous_until: None,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
        updated_at: now,
    };
    sqlx::query(
        "INSERT INTO publisher_credential (id, organization_id, plugin_id, name, kind, host,
             client_id, secret_version, previous_until, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, $9, $10, $10)
         ON CONFLICT (plugin_id, name) DO UPDATE SET kind = excluded.kind, host = excluded.host,
             client_id = excluded.client_id, secret_version = excluded.secret_version,
             previous_until = NULL, updated_at = excluded.updated_at",
    )
    .bind(made.id.to_string())
    .bind(made.organization.to_string())
    .bind(made.plugin.to_string())
    .bind(made.name.clone())
    .bind(made.kind.name())
    .bind(made.host.clone())
    .bind(made.client_id.clone())
    .bind(i64::try_from(version).unwrap_or(i64::MAX))
    .bind(new.actor.to_string())
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    secret::put(store, db, keys, &made.place(version), value).await?;
    note(store, db, &made, new.actor.as_str(), "credential.set").await?;
    Ok(made)
}

/// A change of a publisher's credential is one of authority, and what waited for it is due.
async fn note(
    store: &Store,
    db: &mut AnyConnection,
    about: &PublisherCredential,
    actor: &str,
    action: &'static str,
) -> Result<(), StoreError> {
    authority::raise(store, db).await?;
    delivery::unpark(db, store.now(), Waiting::Plugin(&about.plugin)).await?;
    let entry = NewAudit {
        organization: about.organization.clone(),
        actor: actor.to_owned(),
        action,
        subject: about.id.to_string(),
        detail: json!({
            "plugin": about.plugin, "name": about.name, "kind": about.kind.name(), "host": about.host,
        }),
    };
    audit::append(store, db, &entry).await
}

/// All values are lost with the keys: the publishers put them anew. Returns what they were.
pub(crate) async fn lose_all(
    store: &Store,
    db: &mut AnyConnection,
    reason: &str,
) -> Result<Vec<PublisherCredential>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY id")))
        .fetch_all(&mut *db)
        .await?;
    let lost = rows.iter().map(credential).collect::<Result<Vec<_>, _>>()?;
    for lost in &lost {
        let entry = NewAudit {
            organization: lost.organization.clone(),
            actor: "host".to_owned(),
            action: "credential.lost",
            subject: lost.id.to_string(),
            detail: json!({ "name": lost.name, "reason": reason }),
        };
        audit::append(store, db, &entry).await?;
    }
    sqlx::query("DELETE FROM publisher_credential").execute(db).await?;
    Ok(lost)
}
