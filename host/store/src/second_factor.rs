//! Second factors: what is kept beside the sealed secret, so that no code and no
//! recovery code is used twice.
use std::sync::Arc;

use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, UserId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
    secret::{self, Keys, SecretPlace},
    session,
};

/// A person's second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Which of its secrets counts: it counts up.
    pub version: u64,
    /// When a code was given for the first time; until then it asks for nothing.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes: u64,
    /// What a device shares with us is there; without it only recovery codes are good. It
    /// goes when the keys are lost.
    pub has_secret: bool,
}

/// What somebody has shown beside their password.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// A code of this step.
    Step(u64),
    /// A recovery code, by its hash.
    Recovery(Vec<u8>),
}

/// Where a person's secret is kept.
pub fn place(organization: &OrganizationId, user: &UserId, version: u64) -> SecretPlace {
    SecretPlace { organization: organization.clone(), credential: user.to_string(), version }
}

impl Store {
    /// A person's second factor, whether or not it was confirmed.
    pub async fn second_factor(&self, user: &UserId) -> Result<Option<SecondFactor>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, user).await
    }

    /// Keeps a new secret that waits to be confirmed, in place of one that waits; false
    /// if there is one that was confirmed.
    pub async fn begin_second_factor(
        &self,
        keys: Arc<Keys>,
        organization: &OrganizationId,
        user: &UserId,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let (store, organization, user) = (self.clone(), organization.clone(), user.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let before = find(connection, &user).await?;
                if before.as_ref().is_some_and(|one| one.confirmed_at.is_some()) {
                    return Ok(false);
                }
                let version = before.map_or(1, |one| one.version + 1);
                let place = place(&organization, &user, version);
                secret::put(&store, connection, &keys, &place, &secret).await?;
                sqlx::query(
                    "INSERT INTO second_factor (user_id, version, confirmed_at, last_step, created_at)
                     VALUES ($1, $2, NULL, 0, $3)
                     ON CONFLICT (user_id) DO UPDATE SET
                         version = excluded.version, last_step = 0, created_at = excluded.created_at",
                )
                .bind(user.to_string())
                .bind(version.cast_signed())
                .bind(store.now().0)
                .execute(connection)
                .await?;
                Ok(true)
            })
        })
        .await
    }

    /// Confirms it by a code of this step, and keeps the hashes of its recovery codes;
    /// false if it is not what the code was checked against.
    pub async fn confirm_second_factor(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        version: u64,
        step: u64,
        recovery: Vec<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let (store, organization, user) = (self.clone(), organization.clone(), user.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let confirmed = sqlx::query(
                    "UPDATE second_factor SET confirmed_at = $1, last_step = $2
                     WHERE user_id = $3 AND version = $4 AND confirmed_at IS NULL",
                )
                .bind(store.now().0)
                .bind(step.cast_signed())
                .bind(user.to_string())
                .bind(version.cast_signed())
                .execute(&mut *connection)
                .await?;
                if confirmed.rows_affected() == 0 {
                    return Ok(false);
                }
                for hash in recovery {
                    sqlx::query("INSERT INTO recovery_code (user_id, hash) VALUES ($1, $2)")
                        .bind(user.to_string())
                        .bind(hash)
                        .execute(&mut *connection)
                        .await?;
                }
                let entry = NewAudit {
                    organization,
                    actor: user.to_string(),
                    action: "second-factor.set-up",
                    subject: user.to_string(),
                    detail: serde_json::json!({}),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Takes a person's second factor away: by themselves, who have shown it once more,
    /// or by an admin, which ends their sessions: a lost device may have one. False if there
    /// is none, or what was shown was used before.
    pub async fn remove_second_factor(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        shown: Option<Shown>,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        let (organization, user, actor) = (organization.clone(), user.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let member: i64 = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM member WHERE organization_id = $1 AND user_id = $2",
                )
                .bind(organization.to_string())
                .bind(user.to_string())
                .fetch_one(&mut *connection)
                .await?;
                if member == 0 {
                    return Ok(false);
                }
                let by_admin = shown.is_none();
                if let Some(shown) = shown
                    && !use_up(connection, &user, &shown, store.now()).await?
                {
                    return Ok(false);
                }
                if !forget(connection, &user).await? {
                    return Ok(false);
                }
                let ended = if by_admin {
                    session::end_all(connection, &user, store.now()).await?
                } else {
                    0
                };
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "second-factor.removed",
                    subject: user.to_string(),
                    detail: serde_json::json!({ "sessions_ended": ended }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Whether an organization lets nobody in by a password alone.
    pub async fn demands_second_factor(
        &self,
        organization: &OrganizationId,
    ) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        let demands: i64 =
            sqlx::query_scalar("SELECT demands_second_factor FROM organization WHERE id = $1")
                .bind(organization.to_string())
                .fetch_one(&mut *connection)
                .await?;
        Ok(demands != 0)
    }

    /// Says whether it does from now on; the sessions of those without one end.
    pub async fn demand_second_factor(
        &self,
        organization: &OrganizationId,
        demands: bool,
        actor: &UserId,
    ) -> Result<(), StoreError> {
        let (store, organization, actor) = (self.clone(), organization.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let changed = sqlx::query(
                    "UPDATE organization SET demands_second_factor = $1
                     WHERE id = $2 AND demands_second_factor <> $1",
                )
                .bind(i64::from(demands))
                .bind(organization.to_string())
                .execute(&mut *connection)
                .await?;
                if changed.rows_affected() == 0 {
                    return Ok(());
                }
                if demands {
                    sqlx::query(
                        "UPDATE token SET revoked_at = $1
                         WHERE organization_id = $2 AND kind = 'session' AND revoked_at IS NULL
                           AND user_id NOT IN (SELECT user_id FROM second_factor
                                               WHERE confirmed_at IS NOT NULL)",
                    )
                    .bind(store.now().0)
                    .bind(organization.to_string())
                    .execute(&mut *connection)
                    .await?;
                }
                let entry = NewAudit {
                    subject: organization.to_string(),
                    organization,
                    actor,
                    action: "second-factor.demanded",
                    detail: serde_json::json!({ "demanded": demands }),
                };
                audit::append(&store, connection, &entry).await
            })
        })
        .await
    }
}

async fn find(
    connection: &mut AnyConnection,
    user: &UserId,
) -> Result<Option<SecondFactor>, StoreError> {
    let row = sqlx::query(
        "SELECT user_id, version, confirmed_at,
                (SELECT COUNT(*) FROM recovery_code
                 WHERE recovery_code.user_id = second_factor.user_id
                   AND recovery_code.used_at IS NULL) AS recovery_codes,
                (SELECT COUNT(*) FROM secret
                 WHERE secret.credential_id = second_factor.user_id
                   AND secret.version = second_factor.version) AS secrets
         FROM second_factor WHERE user_id = $1",
    )
    .bind(user.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("second_factor", &row);
    Ok(Some(SecondFactor {
        version: row.count("version")?,
        confirmed_at: row.time_or_none("confirmed_at")?,
        recovery_codes: row.count("recovery_codes")?,
        has_secret: row.count("secrets")? > 0,
    }))
}

/// Whether a login needs more than a password.
pub(crate) async fn is_active(
    connection: &mut AnyConnection,
    user: &UserId,
) -> Result<bool, StoreError> {
    Ok(find(connection, user).await?.is_some_and(|found| found.confirmed_at.is_some()))
}

/// Uses up what was shown; false if it was used before, or there is no such thing.
pub(crate) async fn use_up(
    connection: &mut AnyConnection,
    user: &UserId,
    shown: &Shown,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let spent = match shown {
        // A step, and every one before it.
        Shown::Step(step) => sqlx::query(
            "UPDATE second_factor SET last_step = $1
             WHERE user_id = $2 AND confirmed_at IS NOT NULL AND last_step < $1",
        )
        .bind(step.cast_signed())
        .bind(user.to_string()),
        Shown::Recovery(hash) => sqlx::query(
            "UPDATE recovery_code SET used_at = $1
             WHERE user_id = $2 AND hash = $3 AND used_at IS NULL",
        )
        .bind(now.0)
        .bind(user.to_string())
        .bind(hash.clone()),
    };
    Ok(spent.execute(connection).await?.rows_affected() == 1)
}

/// Takes all of a person's second factor away; whether there was one.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    user: &UserId,
) -> Result<bool, StoreError> {
    let mut had = false;
    for statement in [
        "DELETE FROM secret WHERE credential_id = $1",
        "DELETE FROM recovery_code WHERE user_id = $1",
        "DELETE FROM second_factor WHERE user_id = $1",
    ] {
        let gone = sqlx::query(statement).bind(user.to_string()).execute(&mut *connection).await?;
        had = gone.rows_affected() > 0;
    }
    Ok(had)
}

#[cfg(test)]
mod tests;
