//! The audit: who changed or read what, appended in the transaction of the
//! change itself. Never secrets, payloads or values of accounts.
use serde::Serialize;
use sqlx::AnyConnection;
use venn_domain::{
    id::{AuditId, OrganizationId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    row::{Row, json},
};

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// A user, an install, or `host`.
    pub actor: String,
    /// For example `grant.changed`.
    pub action: String,
    /// What it is about, an id.
    pub subject: String,
    /// More, without secrets.
    pub detail: serde_json::Value,
}

/// An entry to append.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// Whose audit.
    pub organization: OrganizationId,
    /// A user's or install's id, or `host`.
    pub actor: String,
    /// For example `grant.changed`.
    pub action: &'static str,
    /// An id.
    pub subject: String,
    /// More, without secrets.
    pub detail: serde_json::Value,
}

/// Appends an entry in the caller's transaction.
pub(crate) async fn append(
    store: &Store,
    connection: &mut AnyConnection,
    entry: &NewAudit,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (id, organization_id, at, actor, action, subject, detail_json)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(AuditId::make(store.ids()).to_string())
    .bind(entry.organization.to_string())
    .bind(store.now().0)
    .bind(entry.actor.clone())
    .bind(entry.action)
    .bind(entry.subject.clone())
    .bind(json(&entry.detail))
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Appends entries of their own, where nothing else is written.
    pub async fn audit(&self, entries: Vec<NewAudit>) -> Result<(), StoreError> {
        let store = self.clone();
        self.write(move |connection| {
            Box::pin(async move {
                for entry in &entries {
                    append(&store, connection, entry).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// An organization's audit, newest first; `action` filters by prefix.
    pub async fn audit_page(
        &self,
        organization: &OrganizationId,
        action: Option<&str>,
        before: Option<&AuditId>,
        limit: u32,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut connection = self.read().await?;
        // `~` sorts after every character of an id and of an action.
        let rows = sqlx::query(
            "SELECT id, at, actor, action, subject, detail_json FROM audit
             WHERE organization_id = $1 AND id < $2 AND action >= $3 AND action < $4
             ORDER BY id DESC LIMIT $5",
        )
        .bind(organization.to_string())
        .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
        .bind(action.unwrap_or_default().to_owned())
        .bind(format!("{}~", action.unwrap_or_default()))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items =
            rows.iter().map(|row| entry(&Row::new("audit", row))).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |entry| entry.id.to_string()))
    }
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.parsed("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json_always("detail_json")?,
    })
}
