//! The tokens with which an organization can be managed: admins' own, with the scope
//! `admin`, that are neither revoked nor over; sessions are over too soon to count. The last one does not go by mistake,
//! and where all are lost the platform can give one more.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, TokenId, UserId},
    organization::Scope,
};

use super::{Kind, NewToken, Token, insert, scopes};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    organization::person,
    row::Row,
};

/// A token with which the organization can be managed.
pub(crate) struct AdminToken {
    pub(crate) id: TokenId,
    pub(crate) user: UserId,
}

/// All of them.
pub(crate) struct AdminTokens(Vec<AdminToken>);

impl AdminTokens {
    /// Whether there is some, and none beside those.
    pub(crate) fn is_only(&self, those: impl Fn(&AdminToken) -> bool) -> bool {
        !self.0.is_empty() && self.0.iter().all(those)
    }
}

/// Those that work at this moment. Who takes one away holds [`crate::organization::lock`], so
/// that the last two cannot go at once.
pub(crate) async fn living(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<AdminTokens, StoreError> {
    let rows = sqlx::query(
        "SELECT token.id AS id, token.user_id AS user_id, token.scopes AS scopes
         FROM token JOIN member ON member.organization_id = token.organization_id
                               AND member.user_id = token.user_id
         WHERE token.organization_id = $1 AND member.role = 'admin'
           AND token.kind = 'token' AND token.nouns = '' AND token.revoked_at IS NULL AND token.expires_at > $2",
    )
    .bind(organization.to_string())
    .bind(store.now().0)
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in &rows {
        let row = Row::new("token", row);
        if row.named("scopes", scopes)?.contains(&Scope::Admin) {
            found.push(AdminToken { id: row.parsed("id")?, user: row.parsed("user_id")? });
        }
    }
    Ok(AdminTokens(found))
}

/// A token that the platform gives to an organization's admin.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// Which of its admins, by address; the one of the longest standing if none is named.
    pub email: Option<String>,
    /// The token.
    pub token: NewToken,
    /// Why; both audits have it.
    pub reason: String,
    /// The platform's admin.
    pub actor: UserId,
}

impl Store {
    /// Gives an organization's admin one more token; none if there is no such admin.
    /// It is in the audits of the organization and of the platform.
    pub async fn recover_token(
        &self,
        organization: &OrganizationId,
        recovery: Recovery,
    ) -> Result<Option<Token>, StoreError> {
        let (store, organization) = (self.clone(), organization.clone());
        let platform = self.platform().await?;
        self.write(move |connection| {
            Box::pin(async move {
                let Recovery { email, token: new, reason, actor } = recovery;
                let row = sqlx::query(
                    "SELECT person.id AS id, person.email AS email, person.name AS name, person.is_service AS is_service
                     FROM person JOIN member ON member.user_id = person.id
                     WHERE member.organization_id = $1 AND member.role = 'admin' AND person.is_service = 0
                       AND ($2 = '' OR person.email = $2)
                     ORDER BY member.created_at, person.id LIMIT 1",
                )
                .bind(organization.to_string())
                .bind(email.unwrap_or_default().to_lowercase())
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = row else { return Ok(None) };
                let user = person(&Row::new("person", &row))?;
                insert(&store, connection, &organization, &user.id, &new, Kind::Token).await?;
                sqlx::query("UPDATE token SET recovered_why = $1 WHERE id = $2")
                    .bind(reason.clone())
                    .bind(new.id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let mut whose = vec![organization.clone()];
                if platform != organization {
                    whose.push(platform);
                }
                for audited in whose {
                    let entry = NewAudit {
                        organization: audited,
                        actor: actor.to_string(),
                        action: "token.recovered",
                        subject: new.id.to_string(),
                        detail: serde_json::json!({
                            "organization": organization, "user": user.id, "reason": reason,
                        }),
                    };
                    audit::append(&store, connection, &entry).await?;
                }
                Ok(Some(Token {
                    id: new.id,
                    user,
                    name: new.name,
                    scopes: new.scopes,
                    nouns: Vec::new(),
                    last_used_at: None,
                    expires_at: new.expires_at,
                    revoked_at: None,
                    created_at: store.now(),
                }))
            })
        })
        .await
    }
}
