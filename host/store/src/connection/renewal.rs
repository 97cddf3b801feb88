//! Renewing a connection's token: one process at a time, and nothing lost.
//!
//! A lease in the row says who asks the service; it ends by itself, so that a process
//! that died does not keep a connection. What came back is fenced by the version of the
//! secret that was used, and not by the lease: a service may have ended the refresh token
//! that it was shown, so a newer one is kept whoever brings it, and a refusal counts only
//! against the secret that was refused.
use std::sync::Arc;

use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    connection::{ConnectionState, Failed, pause_ms},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{Connection, find};
use crate::{Store, StoreError, audit, audit::NewAudit, authority, crash, secret, secret::Keys};

/// Whether the caller is the one who renews a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It is, until its lease ends.
    Taken,
    /// Somebody else is.
    Elsewhere,
    /// There is a newer token already.
    Newer,
}

/// A newer token.
pub struct Renewed {
    /// What is sealed: the tokens.
    pub secret: Zeroizing<Vec<u8>>,
    /// When it ends, if the service says.
    pub expires_at: Option<Timestamp>,
    /// There is what to renew it with.
    pub renewable: bool,
}

impl Store {
    /// Takes the lease to renew this version of a connection's secret, if nobody has it.
    pub async fn lease_renewal(
        &self,
        connection: &Connection,
        holder: &str,
        until: Timestamp,
    ) -> Result<Lease, StoreError> {
        let store = self.clone();
        let (connection, holder) = (connection.clone(), holder.to_owned());
        self.write(move |db| {
            Box::pin(async move {
                if now(db, &connection).await?.is_none() {
                    return Ok(Lease::Newer);
                }
                let taken = sqlx::query(
                    "UPDATE oauth_connection SET lease_holder = $1, lease_until = $2
                     WHERE connection_id = $3 AND lease_until <= $4",
                )
                .bind(holder)
                .bind(until.0)
                .bind(connection.id.to_string())
                .bind(store.now().0)
                .execute(&mut *db)
                .await?;
                Ok(if taken.rows_affected() == 1 { Lease::Taken } else { Lease::Elsewhere })
            })
        })
        .await
        .inspect(|_| crash::point("token.leased"))
    }

    /// Keeps a newer token in place of the one of `connection`, unless there is one already.
    pub async fn keep_renewed(
        &self,
        keys: Arc<Keys>,
        connection: &Connection,
        renewed: Renewed,
    ) -> Result<bool, StoreError> {
        let (store, connection) = (self.clone(), connection.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(mut found) = now(db, &connection).await? else { return Ok(false) };
                found.secret_version += 1;
                replace(&store, db, &keys, &found, &renewed).await?;
                crash::point("token.before-commit");
                Ok(true)
            })
        })
        .await
        .inspect(|_| crash::point("token.committed"))
    }

    /// Writes down why a token could not be renewed, unless there is a newer one. A
    /// refusal is a change of authority: nothing is sent with that connection any more.
    pub async fn note_not_renewed(
        &self,
        connection: &Connection,
        failed: Failed,
    ) -> Result<bool, StoreError> {
        let (store, connection) = (self.clone(), connection.clone());
        self.write(move |db| {
            Box::pin(async move {
                let Some(found) = now(db, &connection).await? else { return Ok(false) };
                let failures = found.tokens.as_ref().map_or(0, |tokens| tokens.failures) + 1;
                let (state, action) = match failed {
                    Failed::Reconnect { .. } => {
                        (ConnectionState::ReconnectRequired, "connection.reconnect-required")
                    }
                    Failed::Client { .. } | Failed::Passing { .. } => {
                        (ConnectionState::Expiring, "connection.refresh-failed")
                    }
                };
                let at = store.now();
                sqlx::query(
                    "UPDATE connection SET state = $1, state_reason = $2, updated_at = $3
                     WHERE id = $4",
                )
                .bind(state.name())
                .bind(failed.reason().to_owned())
                .bind(at.0)
                .bind(found.id.to_string())
                .execute(&mut *db)
                .await?;
                sqlx::query(
                    "UPDATE oauth_connection SET failures = $1, retry_at = $2, lease_holder = '',
                         lease_until = 0
                     WHERE connection_id = $3",
                )
                .bind(i64::try_from(failures).unwrap_or(i64::MAX))
                .bind(at.plus_ms(pause_ms(failures)).0)
                .bind(found.id.to_string())
                .execute(&mut *db)
                .await?;
                if state == ConnectionState::ReconnectRequired {
                    authority::raise(&store, db).await?;
                } else if failures > 1 {
                    // The first of them is news.
                    return Ok(true);
                }
                let entry = NewAudit {
                    organization: found.organization.clone(),
                    actor: "host".to_owned(),
                    action,
                    subject: found.id.to_string(),
                    detail: json!({ "name": found.name, "host": found.host, "reason": failed.reason() }),
                };
                audit::append(&store, db, &entry).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Gives every lease back: whoever had one is dead.
pub(crate) async fn give_back(db: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE oauth_connection SET lease_holder = '', lease_until = 0 WHERE lease_until > 0",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The connection as it stands now; none if its secret is another one by now.
async fn now(db: &mut AnyConnection, seen: &Connection) -> Result<Option<Connection>, StoreError> {
    let found = find(db, &seen.organization, &seen.id).await?;
    Ok(found.filter(|found| found.secret_version == seen.secret_version))
}

/// Puts the secret of a connection whose version was counted up already.
pub(super) async fn replace(
    store: &Store,
    db: &mut AnyConnection,
    keys: &Keys,
    connection: &Connection,
    renewed: &Renewed,
) -> Result<(), StoreError> {
    let at = store.now().0;
    secret::put(store, db, keys, &connection.place(), &renewed.secret).await?;
    sqlx::query(
        "UPDATE connection SET state = 'active', state_reason = '', updated_at = $1,
             secret_version = $2
         WHERE id = $3",
    )
    .bind(at)
    .bind(i64::try_from(connection.secret_version).unwrap_or(i64::MAX))
    .bind(connection.id.to_string())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "UPDATE oauth_connection SET issued_at = $1, expires_at = $2, renewable = $3, failures = 0,
             retry_at = 0, lease_holder = '', lease_until = 0
         WHERE connection_id = $4",
    )
    .bind(at)
    .bind(renewed.expires_at.map(|at| at.0))
    .bind(i64::from(renewed.renewable))
    .bind(connection.id.to_string())
    .execute(&mut *db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
