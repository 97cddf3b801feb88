//! Passwords and invitations: hashes only. Whether one fits is the server's business;
//! here is what has to hold in one transaction with it.
use std::fmt;

use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    crash,
    organization::{Person, lock, person},
    row::Row,
    session,
};

/// Somebody who wants in by a password.
#[derive(Clone)]
pub struct PasswordLogin {
    /// Where.
    pub organization: OrganizationId,
    /// Its short name.
    pub slug: String,
    /// Who.
    pub user: Person,
    /// The hash of their password; none if they have none.
    pub hash: Option<String>,
    /// Since when it takes a second factor beside it; none if it takes none.
    pub second_factor_since: Option<Timestamp>,
}

/// An invitation that waits for its person.
#[derive(Clone)]
pub struct Invitation {
    /// Where.
    pub organization: OrganizationId,
    /// Its short name.
    pub slug: String,
    /// For whom.
    pub user: Person,
    /// SHA-256 of its secret part.
    pub hash: Vec<u8>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An invitation to be kept.
#[derive(Clone)]
pub struct NewInvitation {
    /// SHA-256 of its secret part.
    pub hash: Vec<u8>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// With what somebody may set a password; it is held against the row once more.
pub enum With {
    /// An invitation, by its hash; it is used up.
    Invitation(Vec<u8>),
    /// The password until now, by its hash.
    Password(String),
}

macro_rules! without_hash {
    ($($type:ident),*) => {$(
        impl fmt::Debug for $type {
            /// Without the hash: it has no place in a log.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

without_hash!(PasswordLogin, Invitation, NewInvitation, With);

impl Store {
    /// Who a login by password is about, by organization (its slug) and address.
    pub async fn password_login(
        &self,
        organization: &str,
        email: &str,
    ) -> Result<Option<PasswordLogin>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service,
                    organization.id AS organization_id, organization.slug AS slug,
                    password.hash AS hash, second_factor.confirmed_at AS second_factor_since
             FROM organization
             JOIN member ON member.organization_id = organization.id
             JOIN person ON person.id = member.user_id
             LEFT JOIN password ON password.user_id = person.id
             LEFT JOIN second_factor ON second_factor.user_id = person.id
             WHERE organization.slug = $1 AND person.email = $2",
        )
        .bind(organization.to_owned())
        .bind(email.to_lowercase())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let row = Row::new("person", &row);
        Ok(Some(PasswordLogin {
            organization: row.parsed("organization_id")?,
            slug: row.text("slug")?,
            user: person(&row)?,
            hash: row.text_or_none("hash")?,
            second_factor_since: row.time_or_none("second_factor_since")?,
        }))
    }

    /// Takes a member's password away, ends their sessions, and keeps an invitation in
    /// place of any before. None if there is no such member.
    pub async fn invite(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        new: NewInvitation,
        actor: &UserId,
    ) -> Result<Option<Person>, StoreError> {
        let store = self.clone();
        let (organization, user, actor) = (organization.clone(), user.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &organization).await?;
                let row = sqlx::query(
                    "SELECT person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service
                     FROM person JOIN member ON member.user_id = person.id
                     WHERE member.organization_id = $1 AND person.id = $2
                       AND person.is_service = 0",
                )
                .bind(organization.to_string())
                .bind(user.to_string())
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = row else { return Ok(None) };
                let invited = person(&Row::new("person", &row))?;
                let had = forget(connection, &user).await?;
                let ended = session::end_all(connection, &user, store.now()).await?;
                sqlx::query(
                    "INSERT INTO invitation (user_id, hash, expires_at, created_at)
                     VALUES ($1, $2, $3, $4)",
                )
                .bind(user.to_string())
                .bind(new.hash)
                .bind(new.expires_at.0)
                .bind(store.now().0)
                .execute(&mut *connection)
                .await?;
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "member.invited",
                    subject: user.to_string(),
                    detail: serde_json::json!({ "had_password": had, "sessions_ended": ended }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(Some(invited))
            })
        })
        .await
    }

    /// The invitation of a person who is a member.
    pub async fn invitation(&self, user: &UserId) -> Result<Option<Invitation>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service,
                    organization.id AS organization_id, organization.slug AS slug,
                    invitation.hash AS hash, invitation.expires_at AS expires_at
             FROM invitation
             JOIN person ON person.id = invitation.user_id
             JOIN member ON member.user_id = person.id
             JOIN organization ON organization.id = member.organization_id
             WHERE invitation.user_id = $1",
        )
        .bind(user.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let row = Row::new("invitation", &row);
        Ok(Some(Invitation {
            organization: row.parsed("organization_id")?,
            slug: row.text("slug")?,
            user: person(&row)?,
            hash: row.blob("hash")?,
            expires_at: row.time("expires_at")?,
        }))
    }

    /// Sets a person's password and ends their sessions; false if what they may do it
    /// with has changed or was used meanwhile.
    pub async fn set_password(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        hash: String,
        with: With,
    ) -> Result<bool, StoreError> {
        let store = self.clone();
        let (organization, user) = (organization.clone(), user.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let (statement, action) = match with {
                    With::Invitation(_) => (
                        "DELETE FROM invitation WHERE user_id = $1 AND hash = $2",
                        "password.set",
                    ),
                    With::Password(_) => (
                        "DELETE FROM password WHERE user_id = $1 AND hash = $2",
                        "password.changed",
                    ),
                };
                let spent = sqlx::query(statement).bind(user.to_string());
                let spent = match with {
                    With::Invitation(kept) => spent.bind(kept),
                    With::Password(kept) => spent.bind(kept),
                };
                let spent = spent.execute(&mut *connection).await?;
                if spent.rows_affected() == 0 {
                    return Ok(false);
                }
                sqlx::query(
                    "INSERT INTO password (user_id, hash, changed_at) VALUES ($1, $2, $3)
                     ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
                )
                .bind(user.to_string())
                .bind(hash)
                .bind(store.now().0)
                .execute(&mut *connection)
                .await?;
                let ended = session::end_all(connection, &user, store.now()).await?;
                let entry = NewAudit {
                    organization,
                    actor: user.to_string(),
                    action,
                    subject: user.to_string(),
                    detail: serde_json::json!({ "sessions_ended": ended }),
                };
                audit::append(&store, connection, &entry).await?;
                crash::point("password.before-commit");
                Ok(true)
            })
        })
        .await
        .inspect(|_| crash::point("password.committed"))
    }
}

/// Takes a person's password and invitation away; whether there was a password.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    user: &UserId,
) -> Result<bool, StoreError> {
    let mut had = false;
    for statement in
        ["DELETE FROM invitation WHERE user_id = $1", "DELETE FROM password WHERE user_id = $1"]
    {
        let gone = sqlx::query(statement).bind(user.to_string()).execute(&mut *connection).await?;
        had = gone.rows_affected() > 0;
    }
    Ok(had)
}

#[cfg(test)]
mod tests;
