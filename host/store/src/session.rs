//! Sessions: tokens that a login made. They end by themselves, at a logout, and with
//! whatever they were made on: the password, the role, the membership, a second factor that
//! an admin takes away.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, TokenId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    crash,
    password::PasswordLogin,
    row::Row,
    second_factor::{self, Shown},
    token::{self, Kind, NewToken},
};

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, a token's.
    pub id: TokenId,
    /// What it was made with, for people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a session for a person whose password was found right, and ends the one
    /// that it takes the place of. False if the password or the membership is not what
    /// it was, or a second factor was not shown, or shown before.
    pub async fn create_session(
        &self,
        login: PasswordLogin,
        shown: Option<Shown>,
        new: NewToken,
        replaced: Option<TokenId>,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let PasswordLogin { organization, user, hash, .. } = login;
                let stands: i64 = sqlx::query_scalar(
                    "SELECT COUNT(*) FROM password
                     JOIN member ON member.user_id = password.user_id
                     WHERE member.organization_id = $1 AND password.user_id = $2
                       AND password.hash = $3",
                )
                .bind(organization.to_string())
                .bind(user.id.to_string())
                .bind(hash.unwrap_or_default())
                .fetch_one(&mut *connection)
                .await?;
                if stands == 0 {
                    return Ok(false);
                }
                let beside = match shown {
                    Some(shown) => {
                        second_factor::use_up(connection, &user.id, &shown, store.now()).await?
                    }
                    None => !second_factor::is_active(connection, &user.id).await?,
                };
                if !beside {
                    return Ok(false);
                }
                if let Some(replaced) = replaced {
                    sqlx::query(
                        "UPDATE token SET revoked_at = COALESCE(revoked_at, $1)
                         WHERE id = $2 AND kind = 'session'",
                    )
                    .bind(store.now().0)
                    .bind(replaced.to_string())
                    .execute(&mut *connection)
                    .await?;
                }
                token::insert(&store, connection, &organization, &user.id, &new, Kind::Session)
                    .await?;
                let entry = NewAudit {
                    organization,
                    actor: user.id.to_string(),
                    action: "session.created",
                    subject: new.id.to_string(),
                    detail: serde_json::json!({ "expires_at": new.expires_at }),
                };
                audit::append(&store, connection, &entry).await?;
                crash::point("session.before-commit");
                Ok(true)
            })
        })
        .await
        .inspect(|_| crash::point("session.committed"))
    }

    /// A person's sessions that have not ended.
    pub async fn sessions(
        &self,
        user: &UserId,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Page<Session>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT id, name, created_at, expires_at FROM token
             WHERE user_id = $1 AND id > $2 AND kind = 'session'
               AND revoked_at IS NULL AND expires_at > $3
             ORDER BY id LIMIT $4",
        )
        .bind(user.to_string())
        .bind(after.map(ToString::to_string).unwrap_or_default())
        .bind(self.now().0)
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items = rows.iter().map(|row| session(&Row::new("token", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.id.to_string()))
    }

    /// Ends a session of this person; false if they have no such session.
    pub async fn end_session(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        id: &TokenId,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        let (organization, user, id) = (organization.clone(), user.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let ended = sqlx::query(
                    "UPDATE token SET revoked_at = $1
                     WHERE id = $2 AND user_id = $3 AND organization_id = $4
                       AND kind = 'session' AND revoked_at IS NULL",
                )
                .bind(store.now().0)
                .bind(id.to_string())
                .bind(user.to_string())
                .bind(organization.to_string())
                .execute(&mut *connection)
                .await?;
                if ended.rows_affected() == 0 {
                    return Ok(false);
                }
                let entry = NewAudit {
                    organization,
                    actor: user.to_string(),
                    action: "session.ended",
                    subject: id.to_string(),
                    detail: serde_json::json!({}),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Ends every session of a person; how many there were.
pub(crate) async fn end_all(
    connection: &mut AnyConnection,
    user: &UserId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let ended = sqlx::query(
        "UPDATE token SET revoked_at = $1
         WHERE user_id = $2 AND kind = 'session' AND revoked_at IS NULL AND expires_at > $1",
    )
    .bind(now.0)
    .bind(user.to_string())
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.parsed("id")?,
        name: row.text("name")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}
