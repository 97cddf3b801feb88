//! A person on the way to a service's page and back.
//!
//! The state that went along is kept as a hash and is good once; the verifier, and the
//! code that came back, lie sealed under the attempt's id. An attempt is one person's, for
//! one connection of one install.
use std::sync::Arc;

use serde_json::json;
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    connection::TokenLife,
    id::{ConnectAttemptId, ConnectionId, InstallId, OrganizationId, PluginId, UserId},
    limits,
    manifest::ConnectionKind,
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    Connection, ConnectionState, TokenFacts, find, insert, note,
    renewal::{Renewed, replace},
};
use crate::{
    Store, StoreError, audit,
    audit::NewAudit,
    delivery::{self, Waiting},
    install::{
        self,
        change::{InstallChange, make},
    },
    plugin::Change,
    row::Row,
    secret::{self, Keys, Opened, SecretPlace},
};

#[cfg(test)]
mod tests;

/// What an attempt is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: ConnectAttemptId,
    /// The customer.
    pub organization: OrganizationId,
    /// The install.
    pub install: InstallId,
    /// Its plugin.
    pub plugin: PluginId,
    /// The manifest's name of the connection.
    pub request: String,
    /// Who began it.
    pub person: UserId,
    /// What the connection is to be called.
    pub connection_name: String,
    /// Where the token is added.
    pub host: String,
    /// Where the code goes, and nowhere else.
    pub token_endpoint: String,
    /// What the service calls itself.
    pub issuer: String,
    /// The client that the person was asked for.
    pub client_id: String,
    /// Where the answer comes in.
    pub redirect_uri: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Counts what lies sealed of it, from 1.
    pub sealed_version: u64,
}

impl Attempt {
    fn place(&self) -> SecretPlace {
        SecretPlace {
            organization: self.organization.clone(),
            credential: self.id.to_string(),
            version: self.sealed_version,
        }
    }
}

/// What came of a word.
pub enum Finishing {
    /// It is the one that the page showed; with what lies sealed.
    Right(Box<Attempt>, Opened),
    /// It is not, and so many more may be tried.
    Wrong {
        /// More tries.
        left: u64,
    },
    /// Nothing of this person's waits for a word.
    None,
}

const SELECT: &str = "
    SELECT id, organization_id, install_id, plugin_id, request, person_id, connection_name, host,
           token_endpoint, issuer, client_id, redirect_uri, word_hash, tries, secret_version,
           expires_at FROM connect_attempt";

fn attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        install: row.parsed("install_id")?,
        plugin: row.parsed("plugin_id")?,
        request: row.text("request")?,
        person: row.parsed("person_id")?,
        connection_name: row.text("connection_name")?,
        host: row.text("host")?,
        token_endpoint: row.text("token_endpoint")?,
        issuer: row.text("issuer")?,
        client_id: row.text("client_id")?,
        redirect_uri: row.text("redirect_uri")?,
        expires_at: row.time("expires_at")?,
        sealed_version: row.count("secret_version")?,
    })
}

impl Store {
    /// Begins an attempt, in place of older ones of the same person for the same
    /// connection and of all that are past.
    pub async fn begin_connecting(
        &self,
        keys: Arc<Keys>,
        attempt: Attempt,
        state_hash: Vec<u8>,
        sealed: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.write(move |db| {
            Box::pin(async move {
                let rows = sqlx::query(
                    "SELECT id FROM connect_attempt
                     WHERE expires_at <= $1 OR (install_id = $2 AND request = $3 AND person_id = $4)",
                )
                .bind(store.now().0)
                .bind(attempt.install.to_string())
                .bind(attempt.request.clone())
                .bind(attempt.person.to_string())
                .fetch_all(&mut *db)
                .await?;
                for row in &rows {
                    forget(db, &Row::new("connect_attempt", row).text("id")?).await?;
                }
                secret::put(&store, db, &keys, &attempt.place(), &sealed).await?;
                sqlx::query(
                    "INSERT INTO connect_attempt (id, organization_id, install_id, plugin_id, request,
                         person_id, connection_name, host, token_endpoint, issuer, client_id,
                         redirect_uri, state_hash, word_hash, tries, state, secret_version, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 'open', 1, $15)",
                )
                .bind(attempt.id.to_string())
                .bind(attempt.organization.to_string())
                .bind(attempt.install.to_string())
                .bind(attempt.plugin.to_string())
                .bind(attempt.request.clone())
                .bind(attempt.person.to_string())
                .bind(attempt.connection_name.clone())
                .bind(attempt.host.clone())
                .bind(attempt.token_endpoint.clone())
                .bind(attempt.issuer.clone())
                .bind(attempt.client_id.clone())
                .bind(attempt.redirect_uri.clone())
                .bind(state_hash)
                .bind(Vec::new())
                .bind(attempt.expires_at.0)
                .execute(&mut *db)
                .await?;
                let entry = NewAudit {
                    organization: attempt.organization.clone(),
                    actor: attempt.person.to_string(),
                    action: "connection.asked-for",
                    subject: attempt.install.to_string(),
                    detail: json!({ "connection": attempt.request, "host": attempt.host }),
                };
                audit::append(&store, db, &entry).await
            })
        })
        .await
    }

    /// The attempt of a state, which is good once and not when it is past: whoever
    /// comes with it again finds nothing.
    pub async fn take_state(
        &self,
        keys: &Keys,
        state_hash: Vec<u8>,
    ) -> Result<Option<(Attempt, Opened)>, StoreError> {
        // Anybody may come with anything: only what is waited for is written.
        let waited_for = sqlx::query(
            "SELECT id FROM connect_attempt
             WHERE state_hash = $1 AND state = 'open' AND expires_at > $2",
        )
        .bind(state_hash.clone())
        .bind(self.now().0)
        .fetch_optional(&mut *self.read().await?)
        .await?;
        if waited_for.is_none() {
            return Ok(None);
        }
        let store = self.clone();
        let hash = state_hash.clone();
        let taken = self.write(move |db| {
            Box::pin(async move {
                let taken = sqlx::query(
                    "UPDATE connect_attempt SET state = 'answered'
                     WHERE state_hash = $1 AND state = 'open' AND expires_at > $2",
                )
                .bind(hash)
                .bind(store.now().0)
                .execute(db)
                .await?;
                Ok(taken.rows_affected() == 1)
            })
        });
        if !taken.await? {
            return Ok(None);
        }
        let mut reader = self.read().await?;
        let mut tx = reader.begin().await?;
        let sql = format!("{SELECT} WHERE state_hash = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(state_hash).fetch_optional(&mut *tx);
        let Some(row) = row.await? else { return Ok(None) };
        let attempt = attempt(&Row::new("connect_attempt", &row))?;
        let opened = secret::open(&mut tx, keys, &attempt.place()).await?;
        tx.rollback().await?;
        Ok(Some((attempt, opened)))
    }

    /// Keeps what came back until the person says the word that the page shows.
    pub async fn keep_code(
        &self,
        keys: Arc<Keys>,
        attempt: &Attempt,
        word_hash: Vec<u8>,
        sealed: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let (store, mut attempt) = (self.clone(), attempt.clone());
        attempt.sealed_version += 1;
        self.write(move |db| {
            Box::pin(async move {
                secret::put(&store, db, &keys, &attempt.place(), &sealed).await?;
                sqlx::query(
                    "UPDATE connect_attempt SET word_hash = $1, secret_version = $2 WHERE id = $3",
                )
                .bind(word_hash)
                .bind(i64::try_from(attempt.sealed_version).unwrap_or(i64::MAX))
                .bind(attempt.id.to_string())
                .execute(db)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// What of this person's waits for a word, if `is_word` says that its hash fits. A
    /// wrong one is counted, and the last one that is allowed ends the attempt.
    pub async fn finish_connecting(
        &self,
        keys: Arc<Keys>,
        install: &InstallId,
        request: &str,
        person: &UserId,
        is_word: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Result<Finishing, StoreError> {
        let store = self.clone();
        let (install, request, person) = (install.clone(), request.to_owned(), person.clone());
        self.write(move |db| {
            Box::pin(async move {
                let sql = format!(
                    "{SELECT} WHERE install_id = $1 AND request = $2 AND person_id = $3
                       AND state = 'answered' AND expires_at > $4"
                );
                let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(install.to_string())
                    .bind(request)
                    .bind(person.to_string())
                    .bind(store.now().0)
                    .fetch_optional(&mut *db)
                    .await?;
                let Some(row) = row else { return Ok(Finishing::None) };
                let row = Row::new("connect_attempt", &row);
                let (found, hash) = (attempt(&row)?, row.blob("word_hash")?);
                if hash.is_empty() {
                    return Ok(Finishing::None);
                }
                if is_word(&hash) {
                    let opened = secret::open(db, &keys, &found.place()).await?;
                    forget(db, found.id.as_str()).await?;
                    return Ok(Finishing::Right(Box::new(found), opened));
                }
                let left = limits::CONNECT_TRIES.saturating_sub(row.count("tries")? + 1);
                if left == 0 {
                    forget(db, found.id.as_str()).await?;
                } else {
                    sqlx::query("UPDATE connect_attempt SET tries = tries + 1 WHERE id = $1")
                        .bind(found.id.to_string())
                        .execute(db)
                        .await?;
                }
                Ok(Finishing::Wrong { left })
            })
        })
        .await
    }

    /// Forgets attempts that are past, with what lies sealed of them.
    pub async fn sweep_attempts(&self) -> Result<(), StoreError> {
        let now = self.now().0;
        self.write(move |db| {
            Box::pin(async move {
                for sql in [
                    "DELETE FROM secret WHERE credential_id IN
                         (SELECT id FROM connect_attempt WHERE expires_at <= $1)",
                    "DELETE FROM connect_attempt WHERE expires_at <= $1",
                ] {
                    sqlx::query(sql).bind(now).execute(&mut *db).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgets an attempt that came to nothing, and says so in the audit.
    pub async fn give_up_connecting(&self, attempt: &Attempt, why: &str) -> Result<(), StoreError> {
        let (store, attempt, why) = (self.clone(), attempt.clone(), why.to_owned());
        self.write(move |db| {
            Box::pin(async move {
                forget(db, attempt.id.as_str()).await?;
                let entry = NewAudit {
                    organization: attempt.organization,
                    actor: attempt.person.to_string(),
                    action: "connection.not-connected",
                    subject: attempt.install.to_string(),
                    detail: json!({ "connection": attempt.request, "host": attempt.host, "reason": why }),
                };
                audit::append(&store, db, &entry).await
            })
        })
        .await
    }

    /// Keeps the tokens that an attempt brought: in the install's connection of that name
    /// if that is this plugin's, else in a new one that the install uses from now on.
    pub async fn connected(
        &self,
        keys: Arc<Keys>,
        attempt: &Attempt,
        tokens: Renewed,
    ) -> Result<Change<Connection>, StoreError> {
        let (store, attempt) = (self.clone(), attempt.clone());
        self.write(move |db| {
            Box::pin(async move {
                forget(db, attempt.id.as_str()).await?;
                let Some(install) =
                    install::find(db, &attempt.organization, &attempt.install).await?
                else {
                    return Ok(Change::NotFound);
                };
                let id = install.connections.get(&attempt.request);
                let before = match id {
                    Some(id) => find(db, &attempt.organization, id).await?,
                    None => None,
                };
                let again = before.filter(|before| is_same(before, &attempt));
                let id = if let Some(mut again) = again {
                    again.secret_version += 1;
                    replace(&store, db, &keys, &again, &tokens).await?;
                    note_connected(&store, db, &again, &attempt).await?;
                    again.id
                } else {
                    let made = new(&store, &attempt, &tokens);
                    let mut connections = install.connections.clone();
                    connections.insert(attempt.request.clone(), made.id.clone());
                    let change = InstallChange::Connections(connections);
                    match make(&store, db, &install, &change, &attempt.person).await? {
                        Change::Done(_) => {}
                        Change::NotFound => return Ok(Change::NotFound),
                        Change::WrongState(why) => return Ok(Change::WrongState(why)),
                    }
                    insert(&store, db, &keys, &made, &attempt.person, &tokens.secret).await?;
                    note_connected(&store, db, &made, &attempt).await?;
                    made.id
                };
                delivery::unpark(db, store.now(), Waiting::Organization(&attempt.organization))
                    .await?;
                let now = find(db, &attempt.organization, &id).await?;
                Ok(now.map_or(Change::NotFound, Change::Done))
            })
        })
        .await
    }
}

/// Whether a connection that the install has is the one that is connected again.
fn is_same(before: &Connection, attempt: &Attempt) -> bool {
    before.host == attempt.host
        && before.tokens.as_ref().is_some_and(|tokens| {
            tokens.plugin.as_ref() == Some(&attempt.plugin)
                && tokens.endpoint == attempt.token_endpoint
        })
}

fn new(store: &Store, attempt: &Attempt, tokens: &Renewed) -> Connection {
    let now = store.now();
    let life =
        TokenLife { issued_at: now, expires_at: tokens.expires_at, renewable: tokens.renewable };
    Connection {
        id: ConnectionId::make(store.ids()),
        organization: attempt.organization.clone(),
        name: attempt.connection_name.clone(),
        kind: ConnectionKind::Oauth2,
        host: attempt.host.clone(),
        state: ConnectionState::Active,
        state_reason: String::new(),
        tokens: Some(TokenFacts {
            plugin: Some(attempt.plugin.clone()),
            endpoint: attempt.token_endpoint.clone(),
            life,
            failures: 0,
            retry_at: Timestamp(0),
            lease_until: Timestamp(0),
        }),
        secret_version: 1,
        created_at: now,
        updated_at: now,
    }
}

async fn note_connected(
    store: &Store,
    db: &mut AnyConnection,
    connection: &Connection,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    note(store, db, connection, attempt.person.as_str(), "connection.connected").await
}

async fn forget(db: &mut AnyConnection, id: &str) -> Result<(), StoreError> {
    secret::forget(db, id).await?;
    sqlx::query("DELETE FROM connect_attempt WHERE id = $1")
        .bind(id.to_owned())
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets all attempts: what lies sealed of them cannot be opened any more.
pub(crate) async fn forget_all(db: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM connect_attempt").execute(db).await?;
    Ok(())
}
