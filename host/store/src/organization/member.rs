//! The members of an organization: who, with which role.
//!
//! The last admin stays: else nobody could manage the organization any more.
//! What a token may do follows the member's role of the moment (`token.rs`).
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, UserId},
    organization::Role,
    time::Timestamp,
};

use super::{NewPerson, Person, find_or_make, person};
use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    password,
    row::Row,
    second_factor, session, token,
};

/// A person in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: Person,
    /// What the member may do.
    pub role: Role,
    /// Their logins need a code beside the password.
    pub second_factor: bool,
    /// Since when.
    pub created_at: Timestamp,
}

const MEMBER: &str = "person.id AS id, person.email AS email, person.name AS name,
    person.is_service AS is_service, member.role AS role, member.created_at AS created_at,
    CASE WHEN EXISTS (SELECT 1 FROM second_factor f WHERE f.user_id = person.id
                                                      AND f.confirmed_at IS NOT NULL)
         THEN 1 ELSE 0 END AS second_factor";

/// What came of removing a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The member is gone, and the member's tokens are revoked.
    Removed,
    /// There was no such member.
    NotMember,
    /// Nobody could manage the organization any more; nothing changed.
    LastAdmin,
    /// Other admins stay, and none of them has a token to manage it with; nothing changed.
    LastAdminToken,
}

/// What came of giving a member another role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSet {
    /// The member has the role; it counts from the next call on.
    Done(Member),
    /// There is no such member.
    NotMember,
    /// Nobody could manage the organization any more; nothing changed.
    LastAdmin,
    /// Other admins stay, and none of them has a token to manage it with; nothing changed.
    LastAdminToken,
}

impl Store {
    /// Makes a person a member. [`StoreError::Taken`] if it is one.
    pub async fn add_member(
        &self,
        organization: &OrganizationId,
        new: NewPerson,
        role: Role,
        actor: &UserId,
    ) -> Result<Member, StoreError> {
        let (store, organization, actor) = (self.clone(), organization.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let user = find_or_make(&store, connection, &organization, &new).await?;
                let created_at = store.now();
                insert(connection, &organization, &user.id, role, created_at).await?;
                let entry = NewAudit {
                    organization: organization.clone(),
                    actor,
                    action: "member.added",
                    subject: user.id.to_string(),
                    detail: serde_json::json!({ "role": role.name() }),
                };
                audit::append(&store, connection, &entry).await?;
                // Who was one before may have kept theirs.
                let found = find(connection, &organization, &user.id).await?;
                let second_factor = found.is_some_and(|found| found.second_factor);
                Ok(Member { user, role, second_factor, created_at })
            })
        })
        .await
    }

    /// Makes a service: a member that is a program of the organization.
    pub async fn add_service(
        &self,
        organization: &OrganizationId,
        name: String,
        role: Role,
        actor: &UserId,
    ) -> Result<Member, StoreError> {
        let (store, organization, actor) = (self.clone(), organization.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let (id, created_at) = (UserId::make(store.ids()), store.now());
                sqlx::query(
                    "INSERT INTO person (id, organization_id, email, name, created_at, is_service)
                     VALUES ($1, $2, $3, $4, $5, 1)",
                )
                .bind(id.to_string())
                .bind(organization.to_string())
                // `.invalid` is nobody's (RFC 2606).
                .bind(format!("{id}@service.invalid"))
                .bind(name.clone())
                .bind(created_at.0)
                .execute(&mut *connection)
                .await?;
                insert(connection, &organization, &id, role, created_at).await?;
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "service.added",
                    subject: id.to_string(),
                    detail: serde_json::json!({ "name": name, "role": role.name() }),
                };
                audit::append(&store, connection, &entry).await?;
                let user = Person { id, email: String::new(), name, is_service: true };
                Ok(Member { user, role, second_factor: false, created_at })
            })
        })
        .await
    }

    /// The members, by user id.
    pub async fn members(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Page<Member>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {MEMBER} FROM member JOIN person ON person.id = member.user_id
             WHERE member.organization_id = $1 AND member.user_id > $2
             ORDER BY member.user_id LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| member(&Row::new("member", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.user.id.to_string()))
    }

    /// Removes a member and revokes its tokens of this organization.
    pub async fn remove_member(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        actor: &UserId,
    ) -> Result<Removal, StoreError> {
        let store = self.clone();
        let (organization, user, actor) = (organization.clone(), user.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move { remove(&store, connection, organization, &user, actor).await })
        })
        .await
    }
}

impl Store {
    /// Gives a member another role, and ends their sessions.
    pub async fn set_role(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        role: Role,
        actor: &UserId,
    ) -> Result<RoleSet, StoreError> {
        let store = self.clone();
        let (organization, user, actor) = (organization.clone(), user.clone(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let last = is_last_admin(connection, &organization, &user).await?;
                let Some(before) = find(connection, &organization, &user).await? else {
                    return Ok(RoleSet::NotMember);
                };
                if before.role == role {
                    return Ok(RoleSet::Done(before));
                }
                if last {
                    return Ok(RoleSet::LastAdmin);
                }
                let tokens = token::admins::living(&store, connection, &organization).await?;
                if tokens.is_only(|token| token.user == user) {
                    return Ok(RoleSet::LastAdminToken);
                }
                sqlx::query(
                    "UPDATE member SET role = $1 WHERE organization_id = $2 AND user_id = $3",
                )
                .bind(role.name())
                .bind(organization.to_string())
                .bind(user.to_string())
                .execute(&mut *connection)
                .await?;
                session::end_all(connection, &user, store.now()).await?;
                let entry = NewAudit {
                    organization,
                    actor,
                    action: "member.role-changed",
                    subject: user.to_string(),
                    detail: serde_json::json!({ "before": before.role, "after": role }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(RoleSet::Done(Member { role, ..before }))
            })
        })
        .await
    }
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO member (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(role.name())
    .bind(now.0)
    .execute(connection)
    .await
    .map_err(StoreError::taken("This member's place"))?;
    Ok(())
}

/// Locks the organization's row, so that two admins cannot remove each other, or the
/// last tokens of admins, at once.
pub(crate) async fn lock(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE organization SET slug = slug WHERE id = $1")
        .bind(organization.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(
    store: &Store,
    connection: &mut AnyConnection,
    organization: OrganizationId,
    user: &UserId,
    actor: String,
) -> Result<Removal, StoreError> {
    if is_last_admin(connection, &organization, user).await? {
        return Ok(Removal::LastAdmin);
    }
    let tokens = token::admins::living(store, connection, &organization).await?;
    if tokens.is_only(|token| token.user == *user) {
        return Ok(Removal::LastAdminToken);
    }
    let removed = sqlx::query("DELETE FROM member WHERE organization_id = $1 AND user_id = $2")
        .bind(organization.to_string())
        .bind(user.to_string())
        .execute(&mut *connection)
        .await?;
    if removed.rows_affected() == 0 {
        return Ok(Removal::NotMember);
    }
    // Else the old tokens and password would work again if the person came back.
    password::forget(connection, user).await?;
    second_factor::forget(connection, user).await?;
    token::revoke_all(connection, &organization, user, store.now()).await?;
    let entry = NewAudit {
        organization,
        actor,
        action: "member.removed",
        subject: user.to_string(),
        detail: serde_json::json!({}),
    };
    audit::append(store, connection, &entry).await?;
    Ok(Removal::Removed)
}

/// Whether there is no other admin; until the transaction ends this stays so.
pub(crate) async fn is_last_admin(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<bool, StoreError> {
    lock(connection, organization).await?;
    let admins = sqlx::query_scalar::<_, String>(
        "SELECT user_id FROM member WHERE organization_id = $1 AND role = 'admin'",
    )
    .bind(organization.to_string())
    .fetch_all(&mut *connection)
    .await?;
    Ok(admins.len() == 1 && admins.iter().any(|admin| admin == user.as_str()))
}

async fn find(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    user: &UserId,
) -> Result<Option<Member>, StoreError> {
    let sql = format!(
        "SELECT {MEMBER} FROM member JOIN person ON person.id = member.user_id
         WHERE member.organization_id = $1 AND member.user_id = $2"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(user.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| member(&Row::new("member", &row))).transpose()
}

fn member(row: &Row<'_>) -> Result<Member, StoreError> {
    Ok(Member {
        user: person(row)?,
        role: row.named("role", Role::parse)?,
        second_factor: row.truth("second_factor")?,
        created_at: row.time("created_at")?,
    })
}
