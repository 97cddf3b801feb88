//! API tokens: only the hash is kept; expiring, scoped, revocable.
//!
//! What a token may do follows the membership of the moment: `login.rs`.
//! Making and comparing the secret part is the server's business (`auth.rs`).
use std::fmt;

use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, TokenId, UserId},
    organization::Scope,
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    organization::{Person, lock, person},
    row::Row,
};

pub mod admins;

/// A token to be kept.
#[derive(Clone)]
pub struct NewToken {
    /// Its public id.
    pub id: TokenId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret part.
    pub hash: Vec<u8>,
    /// What it may do at most.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewToken {
    /// Without the hash: it has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A token as its organization sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its public id.
    pub id: TokenId,
    /// Whose.
    pub user: Person,
    /// A name for people.
    pub name: String,
    /// What it may do at most.
    pub scopes: Vec<Scope>,
    /// The nouns of calls that it is for; empty for all.
    pub nouns: Vec<String>,
    /// The last call with it that was counted, if there was one of late.
    pub last_used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What made a token, and so how it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An admin; as a bearer.
    Token,
    /// A login; in a cookie.
    Session,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Token, Self::Session].into_iter().find(|kind| kind.name() == name)
    }
}

/// What came of revoking a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It is revoked, now or since before.
    Done,
    /// There is none in this organization.
    NotFound,
    /// Nobody could manage the organization any more; nothing changed.
    LastAdminToken,
}

impl Store {
    /// Keeps a token for a member, for calls of these nouns or all; none if the user is
    /// not one. The actor is a user, or `host`.
    pub async fn create_token(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        new: NewToken,
        nouns: Vec<String>,
        actor: &str,
    ) -> Result<Option<Token>, StoreError> {
        let store = self.clone();
        let (organization, user, actor) = (organization.clone(), user.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service
                     FROM person JOIN member ON member.user_id = person.id
                     WHERE member.organization_id = $1 AND person.id = $2",
                )
                .bind(organization.to_string())
                .bind(user.to_string())
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = row else { return Ok(None) };
                let user = person(&Row::new("person", &row))?;
                insert(&store, connection, &organization, &user.id, &new, Kind::Token).await?;
                sqlx::query("UPDATE token SET nouns = $1 WHERE id = $2")
                    .bind(nouns.join(" "))
                    .bind(new.id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let names: Vec<_> = new.scopes.iter().map(|scope| scope.name()).collect();
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "token.created",
                    subject: new.id.to_string(),
                    detail: serde_json::json!({ "user": user.id, "scopes": names, "nouns": nouns }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(Some(Token {
                    id: new.id,
                    user,
                    name: new.name,
                    scopes: new.scopes,
                    nouns,
                    last_used_at: None,
                    expires_at: new.expires_at,
                    revoked_at: None,
                    created_at: store.now(),
                }))
            })
        })
        .await
    }

    /// The tokens of an organization, revoked ones too; no sessions.
    pub async fn tokens(
        &self,
        organization: &OrganizationId,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Page<Token>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "{SELECT} WHERE token.organization_id = $1 AND token.kind = 'token' AND token.id > $2
             ORDER BY token.id LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| token(&Row::new("token", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.id.to_string()))
    }

    /// A token of an organization.
    pub async fn token(
        &self,
        organization: &OrganizationId,
        id: &TokenId,
    ) -> Result<Option<Token>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{SELECT} WHERE token.organization_id = $1 AND token.id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| token(&Row::new("token", &row))).transpose()
    }

    /// Revokes a token of this organization, unless it is the last one of its admins
    /// that may manage it. Revoking it again changes nothing.
    pub async fn revoke_token(
        &self,
        organization: &OrganizationId,
        id: &TokenId,
        actor: &UserId,
    ) -> Result<Revoked, StoreError> {
        let store = self.clone();
        let (organization, id, actor) = (organization.clone(), id.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, &organization).await?;
                let admins = admins::living(&store, connection, &organization).await?;
                if admins.is_only(|token| token.id == id) {
                    return Ok(Revoked::LastAdminToken);
                }
                let revoked = sqlx::query(
                    "UPDATE token SET revoked_at = COALESCE(revoked_at, $1)
                     WHERE organization_id = $2 AND id = $3",
                )
                .bind(store.now().0)
                .bind(organization.to_string())
                .bind(id.to_string())
                .execute(&mut *connection)
                .await?;
                if revoked.rows_affected() == 0 {
                    return Ok(Revoked::NotFound);
                }
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "token.revoked",
                    subject: id.to_string(),
                    detail: serde_json::json!({}),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(Revoked::Done)
            })
        })
        .await
    }
}

const SELECT: &str =
    "SELECT token.id AS token_id, token.name AS token_name, token.scopes AS scopes,
    token.expires_at AS expires_at, token.revoked_at AS revoked_at, token.created_at AS created_at,
    token.nouns AS nouns,
    (SELECT MAX(api_usage.last_at) FROM api_usage
     WHERE api_usage.token_id = token.id) AS last_used_at,
    person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service
    FROM token JOIN person ON person.id = token.user_id";

/// Keeps a token in the caller's transaction.
pub(crate) async fn insert(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
    new: &NewToken,
    kind: Kind,
) -> Result<(), StoreError> {
    let scopes: Vec<_> = new.scopes.iter().map(|scope| scope.name()).collect();
    sqlx::query(
        "INSERT INTO token
             (id, organization_id, user_id, name, hash, scopes, expires_at, created_at, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.id.to_string())
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(new.name.clone())
    .bind(new.hash.clone())
    .bind(scopes.join(" "))
    .bind(new.expires_at.0)
    .bind(store.now().0)
    .bind(kind.name())
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes every token that a user has for an organization.
pub(crate) async fn revoke_all(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE token SET revoked_at = COALESCE(revoked_at, $1)
         WHERE organization_id = $2 AND user_id = $3",
    )
    .bind(now.0)
    .bind(organization.to_string())
    .bind(user.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads space separated names; none if one is unknown.
pub(crate) fn scopes(text: &str) -> Option<Vec<Scope>> {
    text.split_whitespace().map(Scope::parse).collect()
}

pub(crate) fn nouns(row: &Row<'_>) -> Result<Vec<String>, StoreError> {
    Ok(row.text("nouns")?.split_whitespace().map(ToOwned::to_owned).collect())
}

fn token(row: &Row<'_>) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.parsed("token_id")?,
        user: person(row)?,
        name: row.text("token_name")?,
        scopes: row.named("scopes", scopes)?,
        nouns: nouns(row)?,
        last_used_at: row.time_or_none("last_used_at")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
        created_at: row.time("created_at")?,
    })
}

#[cfg(test)]
mod tests;
