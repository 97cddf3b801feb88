//! Connections: a customer's credential for one host of a third party.
//!
//! The secret itself goes to [`crate::secret`] in the same transaction, and
//! comes out again only for an install that has it in place.
//!
//! - [`attempt`]: a person on the way to a service's page and back
//! - [`renewal`]: one process at a time asks for a newer token
use std::sync::Arc;

use serde_json::json;
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    connection::TokenLife,
    id::{ConnectionId, InstallId, OrganizationId, PluginId, UserId},
    manifest::ConnectionKind,
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    Page, Store, StoreError, audit,
    audit::NewAudit,
    authority,
    delivery::{self, Waiting},
    install::{ConnectionMap, control_on},
    plugin::Change,
    row::Row,
    secret::{self, Keys, Opened, SecretPlace},
};

pub mod attempt;
pub mod renewal;
#[cfg(test)]
pub(crate) mod tests;

pub use venn_domain::connection::ConnectionState;

/// What a connection whose secret is a token has beyond the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// The plugin to whose client a person said yes; none: the customer's own client.
    pub plugin: Option<PluginId>,
    /// Where its secrets go to be renewed, and nowhere else.
    pub endpoint: String,
    /// How long the token is good.
    pub life: TokenLife,
    /// Attempts to renew it that failed since the last good one.
    pub failures: u64,
    /// No further attempt before.
    pub retry_at: Timestamp,
    /// Somebody renews it until then.
    pub lease_until: Timestamp,
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
    /// What was last known of whether it works: see [`Connection::standing`].
    pub state: ConnectionState,
    /// Why not.
    pub state_reason: String,
    /// What there is to know of its token, if its secret is one.
    pub tokens: Option<TokenFacts>,
    /// Counts up with every secret.
    pub secret_version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secret or its state last changed.
    pub updated_at: Timestamp,
}

impl Connection {
    /// Whether it works at this moment, and why not, for people.
    pub fn standing(&self, now: Timestamp) -> (ConnectionState, String) {
        let kept = (self.state, self.state_reason.as_str());
        match &self.tokens {
            Some(tokens) => tokens.life.standing(kept, now),
            None => (kept.0, kept.1.to_owned()),
        }
    }

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
    /// Where its client's secret goes for tokens; none for kinds without.
    pub token_endpoint: Option<String>,
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
           created_at, updated_at, o.plugin_id, o.token_endpoint, o.issued_at, o.expires_at,
           o.renewable, o.failures, o.retry_at, o.lease_until
    FROM connection LEFT JOIN oauth_connection o ON o.connection_id = id";

pub(crate) fn connection(row: &sqlx::any::AnyRow) -> Result<Connection, StoreError> {
    let row = Row::new("connection", row);
    Ok(Connection {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        name: row.text("name")?,
        kind: row.named("kind", ConnectionKind::parse)?,
        host: row.text("host")?,
        state: row.named("state", ConnectionState::parse)?,
        state_reason: row.text("state_reason")?,
        tokens: token_facts(&row)?,
        secret_version: row.count("secret_version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn token_facts(row: &Row<'_>) -> Result<Option<TokenFacts>, StoreError> {
    let Some(endpoint) = row.text_or_none("token_endpoint")? else { return Ok(None) };
    Ok(Some(TokenFacts {
        plugin: row.parsed_or_none("plugin_id")?,
        endpoint,
        life: TokenLife {
            issued_at: row.time("issued_at")?,
            expires_at: row.time_or_none("expires_at")?,
            renewable: row.truth("renewable")?,
        },
        failures: row.count("failures")?,
        retry_at: row.time("retry_at")?,
        lease_until: row.time("lease_until")?,
    }))
}

pub(crate) async fn find(
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
                // Another client asks for a token of its own.
                sqlx::query(
                    "UPDATE oauth_connection SET issued_at = 0, expires_at = 0, failures = 0,
                         retry_at = 0
                     WHERE connection_id = $1",
                )
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

    /// Which installs of an organization use a connection, by name, each with the
    /// manifest's name for it.
    pub async fn connection_uses(
        &self,
        organization: &OrganizationId,
        id: &ConnectionId,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let mut reader = self.read().await?;
        uses(&mut reader, organization, id, "state <> 'uninstalled'").await
    }

    /// The secret of an install's connection, by the manifest's name, with the
    /// connection it is of. None unless it is in place now for that install:
    /// see [`Store::control`]. What needs to be connected anew is not opened.
    pub async fn install_secret(
        &self,
        keys: &Keys,
        install: &InstallId,
        name: &str,
    ) -> Result<Option<(Connection, Option<Opened>)>, StoreError> {
        // In one transaction: a token that is renewed meanwhile is this one or the next.
        let mut reader = self.read().await?;
        let mut tx = reader.begin().await?;
        let Some((control, facts)) = control_on(&mut tx, install, true).await? else {
            return Ok(None);
        };
        let Some(id) = facts.connections.get(name) else { return Ok(None) };
        let Some(found) = find(&mut tx, &control.organization, id).await? else {
            return Ok(None);
        };
        let is_good = found.standing(self.now()).0 != ConnectionState::ReconnectRequired;
        let opened =
            if is_good { Some(secret::open(&mut tx, keys, &found.place()).await?) } else { None };
        tx.rollback().await?;
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
                    "DELETE FROM oauth_connection WHERE connection_id = $1",
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
    // A client has no token yet: the first call asks for one.
    let tokens = new.token_endpoint.map(|endpoint| TokenFacts {
        plugin: None,
        endpoint,
        life: TokenLife {
            issued_at: Timestamp(0),
            expires_at: Some(Timestamp(0)),
            renewable: true,
        },
        failures: 0,
        retry_at: Timestamp(0),
        lease_until: Timestamp(0),
    });
    let made = Connection {
        id: ConnectionId::make(store.ids()),
        organization: new.organization,
        name: new.name,
        kind: new.kind,
        host: new.host,
        state: ConnectionState::Active,
        state_reason: String::new(),
        tokens,
        secret_version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(store, db, keys, &made, &new.actor, secret).await?;
    note(store, db, &made, new.actor.as_str(), "connection.created").await?;
    Ok(made)
}

async fn insert(
    store: &Store,
    db: &mut AnyConnection,
    keys: &Keys,
    made: &Connection,
    actor: &UserId,
    secret: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO connection (id, organization_id, name, kind, host, state, state_reason,
             secret_version, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 'active', '', 1, $6, $7, $7)",
    )
    .bind(made.id.to_string())
    .bind(made.organization.to_string())
    .bind(made.name.clone())
    .bind(made.kind.name())
    .bind(made.host.clone())
    .bind(actor.to_string())
    .bind(made.created_at.0)
    .execute(&mut *db)
    .await
    .map_err(StoreError::taken("The connection's name"))?;
    if let Some(tokens) = &made.tokens {
        sqlx::query(
            "INSERT INTO oauth_connection (connection_id, plugin_id, token_endpoint, issued_at,
                 expires_at, renewable, failures, retry_at, lease_holder, lease_until)
             VALUES ($1, $2, $3, $4, $5, $6, 0, 0, '', 0)",
        )
        .bind(made.id.to_string())
        .bind(tokens.plugin.as_ref().map(ToString::to_string))
        .bind(tokens.endpoint.clone())
        .bind(tokens.life.issued_at.0)
        .bind(tokens.life.expires_at.map(|at| at.0))
        .bind(i64::from(tokens.life.renewable))
        .execute(&mut *db)
        .await?;
    }
    secret::put(store, db, keys, &made.place(), secret).await
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
    let uses = uses(db, organization, id, "state IN ('active', 'paused')").await?;
    Ok(uses.into_iter().map(|(install, _)| install).collect())
}

/// The names of installs in these states that use the connection, each with the
/// manifest's name for it.
async fn uses(
    db: &mut AnyConnection,
    organization: &OrganizationId,
    id: &ConnectionId,
    states: &'static str,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = format!(
        "SELECT id, name, connections_json FROM install
         WHERE organization_id = $1 AND {states} ORDER BY id"
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(organization.to_string()).fetch_all(db).await?;
    let mut found = Vec::new();
    for row in &rows {
        let row = Row::new("install", row);
        let connections: ConnectionMap = row.json_always("connections_json")?;
        if let Some((request, _)) = connections.iter().find(|(_, used)| *used == id) {
            found.push((row.text("name")?, request.clone()));
        }
    }
    Ok(found)
}
