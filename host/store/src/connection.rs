//! Connections: a customer's credential for one host of a third party.
//!
//! The secret itself goes to [`crate::secret`] in the same transaction, and
//! comes out again only for an install that has it in place.
use std::sync::Arc;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    id::{ConnectionId, InstallId, OrganizationId, UserId},
    manifest::ConnectionKind,
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    authority,
    delivery::{self, Waiting},
    install::ConnectionMap,
    plugin::{Change, states},
    row::Row,
    secret::{self, Keys, Opened, SecretPlace},
};

#[cfg(test)]
pub(crate) mod tests;

states! {
    /// Whether a connection works, as far as we know.
    ConnectionState {
        /// Nothing is known against it.
        Active = "active",
        /// The third party refused it: it needs a new secret.
        ReconnectRequired = "reconnect-required",
    }
}

/// The name of a kind in the store and the API.
pub const fn kind_name(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::ApiKey => "api-key",
    }
}

fn parse_kind(name: &str) -> Option<ConnectionKind> {
    (name == kind_name(ConnectionKind::ApiKey)).then_some(ConnectionKind::ApiKey)
}

/// A connection, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The customer.
    pub organization: OrganizationId,
    /// The customer's name for it.
    pub name: String,
    /// How it authenticates.
    pub kind: ConnectionKind,
    /// The only host at which it is added.
    pub host: String,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why not.
    pub state_reason: String,
    /// Counts up with every secret.
    pub secret_version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secret or its state last changed.
    pub updated_at: Timestamp,
}

impl Connection {
    fn place(&self) -> SecretPlace {
        SecretPlace {
            organization: self.organization.clone(),
            credential: self.id.to_string(),
            version: self.secret_version,
        }
    }
}

/// A connection to make.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// The customer.
    pub organization: OrganizationId,
    /// The customer's name for it.
    pub name: String,
    /// How it authenticates.
    pub kind: ConnectionKind,
    /// A canonical host.
    pub host: String,
    /// Who makes it.
    pub actor: UserId,
}

/// What came of deleting a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It and its secret are gone.
    Done,
    /// There is none.
    NotFound,
    /// These enabled installs use it, by name.
    InUse(Vec<String>),
}

pub(crate) const SELECT: &str = "
    SELECT id, organization_id, name, kind, host, state, state_reason, secret_version,
           created_at, updated_at FROM connection";

pub(crate) fn connection(row: &sqlx::any::AnyRow) -> Result<Connection, StoreError> {
    let row = Row::new("connection", row);
    Ok(Connection {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        name: row.text("name")?,
        kind: row.named("kind", parse_kind)?,
        host: row.text("host")?,
        state: row.named("state", ConnectionState::parse)?,
        state_reason: row.text("state_reason")?,
        secret_version: row.count("secret_version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

async fn find(
    db: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let sql = format!("{SELECT} WHERE organization_id = $1 AND id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(connection).transpose()
}

impl Store {
    /// Makes a connection with its first secret.
    pub async fn create_connection(
        &self,
        keys: Arc<Keys>,
        new: NewConnection,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<Connection, StoreError> {
        let store = self.clone();
        self.write(move |db| Box::pin(async move { create(&store, db, &keys, new, &secret).await }))
            .await
    }

    /// Puts another secret: the connection is active again, and what waited
    /// for a person of this customer is due.
    pub async fn replace_secret(
        &self,
        keys: Arc<Keys>,
        organization: &OrganizationId,
        id: &ConnectionId,
        secret: Zeroizing<Vec<u8>>,
        actor: &UserId,
    ) -> Result<Change<Connection>, StoreError> {
        let store = self.clone();
        let (organization, id, actor) = (organization.clone(), id.clone(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(mut found) = find(db, &organization, &id).await? else {
                    return Ok(Change::NotFound);
                };
                found.secret_version += 1;
                secret::put(&store, db, &keys, &found.place(), &secret).await?;
                sqlx::query(
                    "UPDATE connection SET state = 'active', state_reason = '', updated_at = $1,
                         secret_version = secret_version + 1
                     WHERE id = $2",
                )
                .bind(store.now().0)
                .bind(id.to_string())
                .execute(&mut *db)
                .await?;
                note(&store, db, &found, actor.as_str(), "connection.secret-replaced").await?;
                delivery::unpark(db, store.now(), Waiting::Organization(&organization)).await?;
                Ok(find(db, &organization, &id).await?.map_or(Change::NotFound, Change::Done))
            })
        })
        .await
    }

    /// Says that the third party refused the secret; the reason is for people.
    pub async fn require_reconnect(
        &self,
        organization: &OrganizationId,
        id: &ConnectionId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let (organization, id, now) = (organization.to_string(), id.to_string(), self.now().0);
        let reason = reason.to_owned();
        self.write(move |db| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE connection SET state = 'reconnect-required', state_reason = $1,
                         updated_at = $2
                     WHERE organization_id = $3 AND id = $4",
                )
                .bind(reason)
                .bind(now)
                .bind(organization)
                .bind(id)
                .execute(db)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// One connection of an organization.
    pub async fn connection(
        &self,
        organization: &OrganizationId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let mut reader = self.read().await?;
        find(&mut reader, organization, id).await
    }

    /// An organization's connections, oldest first.
    pub async fn connections_page(
        &self,
        organization: &OrganizationId,
        after: Option<&ConnectionId>,
        limit: u32,
    ) -> Result<Page<Connection>, StoreError> {
        let mut reader = self.read().await?;
        let sql = format!("{SELECT} WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *reader)
            .await?;
        let items = rows.iter().map(connection).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |connection| connection.id.to_string()))
    }

    /// The secret of an install's connection, by the manifest's name, with the
    /// connection it is of. None unless it is in place now for that install:
    /// see [`Store::control`].
    pub async fn install_secret(
        &self,
        keys: &Keys,
        install: &InstallId,
        name: &str,
    ) -> Result<Option<(Connection, Opened)>, StoreError> {
        let Some((control, facts)) = self.control_for_check(install).await? else {
            return Ok(None);
        };
        let Some(id) = facts.connections.get(name) else { return Ok(None) };
        let Some(found) = self.connection(&control.organization, id).await? else {
            return Ok(None);
        };
        let opened = self.open_secret(keys, &found.place()).await?;
        Ok(Some((found, opened)))
    }

    /// Deletes a connection and its secret, unless an enabled install uses it.
    pub async fn delete_connection(
        &self,
        organization: &OrganizationId,
        id: &ConnectionId,
        actor: &UserId,
    ) -> Result<Deleted, StoreError> {
        let store = self.clone();
        let (organization, id, actor) = (organization.clone(), id.clone(), actor.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(found) = find(db, &organization, &id).await? else {
                    return Ok(Deleted::NotFound);
                };
                let users = users(db, &organization, &id).await?;
                if !users.is_empty() {
                    return Ok(Deleted::InUse(users));
                }
                for sql in [
                    "DELETE FROM secret WHERE credential_id = $1",
                    "DELETE FROM connection WHERE id = $1",
                ] {
                    sqlx::query(sql).bind(id.to_string()).execute(&mut *db).await?;
                }
                note(&store, db, &found, actor.as_str(), "connection.deleted").await?;
                Ok(Deleted::Done)
            })
        })
        .await
    }
}

async fn create(
    store: &Store,
    db: &mut AnyConnection,
    keys: &Keys,
    new: NewConnection,
    secret: &[u8],
) -> Result<Connection, StoreError> {
    let now = store.now();
    let made = Connection {
        id: ConnectionId::make(store.ids()),
        organization: new.organization,
        name: new.name,
        kind: new.kind,
        host: new.host,
        state: ConnectionState::Active,
        state_reason: String::new(),
        secret_version: 1,
        created_at: now,
        updated_at: now,
    };
    sqlx::query(
        "INSERT INTO connection (id, organization_id, name, kind, host, state, state_reason,
             secret_version, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 'active', '', 1, $6, $7, $7)",
    )
    .bind(made.id.to_string())
    .bind(made.organization.to_string())
    .bind(made.name.clone())
    .bind(kind_name(made.kind))
    .bind(made.host.clone())
    .bind(new.actor.to_string())
    .bind(now.0)
    .execute(&mut *db)
    .await
    .map_err(StoreError::taken("The connection's name"))?;
    secret::put(store, db, keys, &made.place(), secret).await?;
    note(store, db, &made, new.actor.as_str(), "connection.created").await?;
    Ok(made)
}

/// A change of a connection is one of authority.
pub(crate) async fn note(
    store: &Store,
    db: &mut AnyConnection,
    about: &Connection,
    actor: &str,
    action: &'static str,
) -> Result<(), StoreError> {
    authority::raise(store, db).await?;
    let entry = NewAudit {
        organization: about.organization.clone(),
        actor: actor.to_owned(),
        action,
        subject: about.id.to_string(),
        detail: json!({ "name": about.name, "host": about.host }),
    };
    audit::append(store, db, &entry).await
}

/// The names of enabled installs that use the connection.
async fn users(
    db: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ConnectionId,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, name, connections_json FROM install
         WHERE organization_id = $1 AND state IN ('active', 'paused') ORDER BY id",
    )
    .bind(organization.to_string())
    .fetch_all(db)
    .await?;
    let mut names = Vec::new();
    for row in &rows {
        let row = Row::new("install", row);
        let connections: ConnectionMap = row.json_always("connections_json")?;
        if connections.values().any(|used| used == id) {
            names.push(row.text("name")?);
        }
    }
    Ok(names)
}
