//! Organizations and their members.
//!
//! Members are in `organization/member.rs`, tokens in `token.rs`. A person is
//! one row for the whole platform, found by e-mail address; what it may do is
//! its membership, per organization.
//!
//! To add a column: `0001_start.sql`, [`COLUMNS`], [`organization`].
use sqlx::AnyConnection;
use venn_domain::{
    account::STANDARD_POPULATIONS,
    id::{OrganizationId, UserId},
    organization::{Kinds, Role},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
    token::{self, Kind, NewToken},
};

/// A company on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kinds: Kinds,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A person, whatever the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user's id.
    pub id: UserId,
    /// E-mail address, in lower case.
    pub email: String,
    /// Name.
    pub name: String,
    /// No human being, but a program of the organization.
    pub is_service: bool,
}

/// A person to be found by e-mail address, or made.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// E-mail address; compared in lower case.
    pub email: String,
    /// Used if the person is new; else the name stays as it is.
    pub name: String,
}

/// An organization to be made, with its first admin and that admin's token.
#[derive(Debug)]
pub struct NewOrganization {
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kinds: Kinds,
    /// The first admin.
    pub admin: NewPerson,
    /// The first admin's token.
    pub token: NewToken,
    /// Who makes it: a user, or `host`.
    pub actor: String,
}

pub(crate) use member::lock;
pub use member::{Member, Removal, RoleSet};

pub(crate) mod member;

const COLUMNS: &str = "id, slug, name, is_customer, is_publisher, is_platform, created_at";

impl Store {
    /// Makes an organization with its standard populations, first admin and token.
    pub async fn create_organization(
        &self,
        new: NewOrganization,
    ) -> Result<(Organization, Person), StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move { create(&store, connection, &new).await })
        })
        .await
    }

    /// The first start: makes the platform's organization, unless there is one.
    pub async fn bootstrap_platform(
        &self,
        new: NewOrganization,
    ) -> Result<Option<(Organization, Person)>, StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if has_platform(connection).await? {
                    return Ok(None);
                }
                create(&store, connection, &new).await.map(Some)
            })
        })
        .await
    }

    /// Whether the platform's organization is there.
    pub async fn has_platform(&self) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        has_platform(&mut connection).await
    }

    /// The platform's admin of the longest standing: there always is one.
    pub async fn platform_admin(&self) -> Result<(OrganizationId, UserId), StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT m.organization_id, m.user_id FROM member m
             JOIN organization o ON o.id = m.organization_id
             WHERE o.is_platform = 1 AND m.role = 'admin' ORDER BY m.created_at, m.user_id LIMIT 1",
        )
        .fetch_one(&mut *connection)
        .await?;
        let row = Row::new("member", &row);
        Ok((row.parsed("organization_id")?, row.parsed("user_id")?))
    }

    /// The platform's organization: there is one from the first start on.
    pub async fn platform(&self) -> Result<OrganizationId, StoreError> {
        let found = platform(&mut *self.read().await?).await?;
        found.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// An organization by id or slug; the two cannot be mixed up, because a slug has no `_`.
    pub async fn organization(&self, id_or_slug: &str) -> Result<Option<Organization>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("SELECT {COLUMNS} FROM organization WHERE id = $1 OR slug = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id_or_slug.to_owned())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| organization(&Row::new("organization", &row))).transpose()
    }

    /// All organizations: for the platform.
    pub async fn organizations(
        &self,
        after: Option<&OrganizationId>,
        limit: u32,
    ) -> Result<Page<Organization>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("SELECT {COLUMNS} FROM organization WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| organization(&Row::new("organization", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.id.to_string()))
    }

    /// Every customer and publisher, by slug: where partners find each other.
    pub async fn directory(
        &self,
        after_slug: Option<&str>,
        limit: u32,
    ) -> Result<Page<Organization>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM organization WHERE slug > $1 AND is_platform = 0
             AND (is_customer = 1 OR is_publisher = 1) ORDER BY slug LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(after_slug.unwrap_or_default().to_owned())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| organization(&Row::new("organization", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.slug.clone()))
    }

    /// A person by id.
    pub async fn person(&self, id: &UserId) -> Result<Option<Person>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT id, email, name, is_service FROM person WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| person(&Row::new("person", &row))).transpose()
    }
}

pub(crate) async fn has_platform(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM organization WHERE is_platform = 1")
        .fetch_one(connection)
        .await?;
    Ok(there > 0)
}

async fn create(
    store: &Store,
    connection: &mut AnyConnection,
    new: &NewOrganization,
) -> Result<(Organization, Person), StoreError> {
    let made = Organization {
        id: OrganizationId::make(store.ids()),
        slug: new.slug.clone(),
        name: new.name.clone(),
        kinds: new.kinds,
        created_at: store.now(),
    };
    let sql = format!("INSERT INTO organization ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(made.id.to_string())
        .bind(made.slug.clone())
        .bind(made.name.clone())
        .bind(i64::from(made.kinds.customer))
        .bind(i64::from(made.kinds.publisher))
        .bind(i64::from(made.kinds.platform))
        .bind(made.created_at.0)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::taken("This slug"))?;
    for (key, title) in STANDARD_POPULATIONS {
        crate::account::insert_population(connection, &made.id, key, title, made.created_at)
            .await?;
    }
    let admin = find_or_make(store, connection, &made.id, &new.admin).await?;
    member::insert(connection, &made.id, &admin.id, Role::Admin, made.created_at).await?;
    token::insert(store, connection, &made.id, &admin.id, &new.token, Kind::Token).await?;
    let entry = NewAudit {
        organization: made.id.clone(),
        actor: new.actor.clone(),
        action: "organization.created",
        subject: made.id.to_string(),
        detail: serde_json::json!({ "slug": made.slug, "admin": admin.id, "token": new.token.id }),
    };
    audit::append(store, connection, &entry).await?;
    // It is the platform that made it, and reads so in its own audit.
    if let Some(platform) = platform(connection).await?.filter(|id| *id != made.id) {
        audit::append(store, connection, &NewAudit { organization: platform, ..entry }).await?;
    }
    Ok((made, admin))
}

/// The organization that runs Venn.
pub(crate) async fn platform(
    connection: &mut AnyConnection,
) -> Result<Option<OrganizationId>, StoreError> {
    let row = sqlx::query("SELECT id FROM organization WHERE is_platform = 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| Row::new("organization", &row).parsed("id")).transpose()
}

async fn find_or_make(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    new: &NewPerson,
) -> Result<Person, StoreError> {
    // The update changes nothing; it makes the row there to be returned.
    let row = sqlx::query(
        "INSERT INTO person (id, organization_id, email, name, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, email) DO UPDATE SET email = excluded.email
         RETURNING id, email, name, is_service",
    )
    .bind(UserId::make(store.ids()).to_string())
    .bind(organization.to_string())
    .bind(new.email.to_lowercase())
    .bind(new.name.clone())
    .bind(store.now().0)
    .fetch_one(connection)
    .await?;
    person(&Row::new("person", &row))
}

pub(crate) fn organization(row: &Row<'_>) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.parsed("id")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        kinds: Kinds {
            customer: row.truth("is_customer")?,
            publisher: row.truth("is_publisher")?,
            platform: row.truth("is_platform")?,
        },
        created_at: row.time("created_at")?,
    })
}

pub(crate) fn person(row: &Row<'_>) -> Result<Person, StoreError> {
    let is_service = row.truth("is_service")?;
    // Its address only keeps it apart in the table.
    let email = if is_service { String::new() } else { row.text("email")? };
    Ok(Person { id: row.parsed("id")?, email, name: row.text("name")?, is_service })
}

#[cfg(test)]
mod tests;
