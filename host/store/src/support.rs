//! Support access: what a customer lets the platform, or a plugin's publisher, read of
//! one install for a while. It counts while it stands; nothing of it is copied.
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, OrganizationId, SupportGrantId, UserId},
    support::{Supporter, Thing},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
};

/// Leave to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportGrant {
    /// Its id.
    pub id: SupportGrantId,
    /// Whose things.
    pub organization: OrganizationId,
    /// That organization's short name.
    pub slug: String,
    /// Of which install.
    pub install: InstallId,
    /// Who may look.
    pub supporter: OrganizationId,
    /// That organization's short name.
    pub supporter_slug: String,
    /// At what.
    pub things: Vec<Thing>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Who gave it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

/// Leave to be given.
#[derive(Debug, Clone)]
pub struct NewSupportGrant {
    /// Whose things.
    pub organization: OrganizationId,
    /// Of which install.
    pub install: InstallId,
    /// Who may look.
    pub to: Supporter,
    /// At what.
    pub things: Vec<Thing>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who gives it.
    pub actor: UserId,
}

const SELECT: &str = "SELECT g.id AS id, g.organization_id AS organization_id,
        customer.slug AS slug, g.install_id AS install_id, g.supporter_id AS supporter_id,
        supporter.slug AS supporter_slug, g.things AS things, g.reason AS reason,
        g.expires_at AS expires_at, g.revoked_at AS revoked_at, g.created_by AS created_by,
        g.created_at AS created_at
    FROM support_grant g
    JOIN organization customer ON customer.id = g.organization_id
    JOIN organization supporter ON supporter.id = g.supporter_id";

impl Store {
    /// Gives leave; none if the organization has no such install.
    pub async fn give_support(
        &self,
        new: NewSupportGrant,
    ) -> Result<Option<SupportGrant>, StoreError> {
        let store = self.clone();
        self.write(move |connection| Box::pin(async move { give(&store, connection, new).await }))
            .await
    }

    /// Takes leave back, at once; false if there is none of this organization that stands.
    pub async fn take_support_back(
        &self,
        organization: &OrganizationId,
        id: &SupportGrantId,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let (store, organization) = (self.clone(), organization.clone());
        let (id, actor) = (id.to_string(), actor.to_string());
        self.write(move |connection| {
            Box::pin(async move {
                let taken = sqlx::query(
                    "UPDATE support_grant SET revoked_at = $1
                     WHERE organization_id = $2 AND id = $3 AND revoked_at IS NULL",
                )
                .bind(store.now().0)
                .bind(organization.to_string())
                .bind(id.clone())
                .execute(&mut *connection)
                .await?;
                if taken.rows_affected() == 0 {
                    return Ok(false);
                }
                let action = "support.revoked";
                let detail = serde_json::json!({});
                let entry = NewAudit { organization, actor, action, subject: id, detail };
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }

    /// All that an organization has ever given.
    pub async fn support_given(
        &self,
        organization: &OrganizationId,
        after: Option<&SupportGrantId>,
        limit: u32,
    ) -> Result<Page<SupportGrant>, StoreError> {
        let sql =
            format!("{SELECT} WHERE g.organization_id = $1 AND g.id > $2 ORDER BY g.id LIMIT $3");
        self.support_page(sql, organization, after, limit, None).await
    }

    /// What stands that others have given to an organization.
    pub async fn support_received(
        &self,
        supporter: &OrganizationId,
        after: Option<&SupportGrantId>,
        limit: u32,
    ) -> Result<Page<SupportGrant>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE g.supporter_id = $1 AND g.id > $2 AND g.revoked_at IS NULL
               AND g.expires_at > $4 ORDER BY g.id LIMIT $3"
        );
        self.support_page(sql, supporter, after, limit, Some(self.now())).await
    }

    async fn support_page(
        &self,
        sql: String,
        whose: &OrganizationId,
        after: Option<&SupportGrantId>,
        limit: u32,
        now: Option<Timestamp>,
    ) -> Result<Page<SupportGrant>, StoreError> {
        let mut connection = self.read().await?;
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(whose.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1);
        if let Some(now) = now {
            query = query.bind(now.0);
        }
        let rows = query.fetch_all(&mut *connection).await?;
        let items = rows.iter().map(|row| grant(&Row::new("support_grant", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.id.to_string()))
    }

    /// What stands of one customer for one supporter, at this moment.
    pub async fn support_between(
        &self,
        organization: &OrganizationId,
        supporter: &OrganizationId,
    ) -> Result<Vec<SupportGrant>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "{SELECT} WHERE g.organization_id = $1 AND g.supporter_id = $2
               AND g.revoked_at IS NULL AND g.expires_at > $3 ORDER BY g.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(supporter.to_string())
            .bind(self.now().0)
            .fetch_all(&mut *connection)
            .await?;
        rows.iter().map(|row| grant(&Row::new("support_grant", row))).collect()
    }
}

async fn give(
    store: &Store,
    connection: &mut AnyConnection,
    new: NewSupportGrant,
) -> Result<Option<SupportGrant>, StoreError> {
    // The publisher is found here, so that nobody names another.
    let supporter = match new.to {
        Supporter::Platform => sqlx::query_scalar::<_, String>(
            "SELECT organization.id FROM install, organization
                 WHERE install.organization_id = $1 AND install.id = $2
                   AND organization.is_platform = 1",
        ),
        Supporter::Publisher => sqlx::query_scalar::<_, String>(
            "SELECT plugin.organization_id FROM install
                 JOIN plugin ON plugin.id = install.plugin_id
                 WHERE install.organization_id = $1 AND install.id = $2",
        ),
    };
    let supporter = supporter
        .bind(new.organization.to_string())
        .bind(new.install.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(supporter) = supporter else { return Ok(None) };
    let id = SupportGrantId::make(store.ids());
    let things: Vec<_> = new.things.iter().map(|thing| thing.name()).collect();
    sqlx::query(
        "INSERT INTO support_grant (id, organization_id, install_id, supporter_id, things, reason,
             expires_at, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.to_string())
    .bind(new.organization.to_string())
    .bind(new.install.to_string())
    .bind(supporter.clone())
    .bind(things.join(" "))
    .bind(new.reason)
    .bind(new.expires_at.0)
    .bind(new.actor.to_string())
    .bind(store.now().0)
    .execute(&mut *connection)
    .await?;
    let entry = NewAudit {
        organization: new.organization,
        actor: new.actor.to_string(),
        action: "support.granted",
        subject: id.to_string(),
        detail: serde_json::json!({
            "install": new.install, "to": supporter, "things": things, "expires_at": new.expires_at,
        }),
    };
    audit::append(store, connection, &entry).await?;
    let sql = format!("{SELECT} WHERE g.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_one(&mut *connection)
        .await?;
    grant(&Row::new("support_grant", &row)).map(Some)
}

/// Reads space separated names; none if one is unknown.
fn things(text: &str) -> Option<Vec<Thing>> {
    text.split_whitespace().map(Thing::parse).collect()
}

fn grant(row: &Row<'_>) -> Result<SupportGrant, StoreError> {
    Ok(SupportGrant {
        id: row.parsed("id")?,
        organization: row.parsed("organization_id")?,
        slug: row.text("slug")?,
        install: row.parsed("install_id")?,
        supporter: row.parsed("supporter_id")?,
        supporter_slug: row.text("supporter_slug")?,
        things: row.named("things", things)?,
        reason: row.text("reason")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
        created_by: row.parsed("created_by")?,
        created_at: row.time("created_at")?,
    })
}
