//! Live sources: installs that write accounts. What each has done, how old its
//! accounts are, and the question before many of them go.
//!
//! A sync is a delivery whose runs write accounts (`source/record.rs`); it ends
//! with the report that asks for no further run. What it removes goes at its
//! end, all at once; more than a fifth of the source waits for a person
//! (`source/confirm.rs`).
//!
//! To add a figure: a column, [`Source`], [`SELECT`], the view in the API.
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, OrganizationId},
    time::Timestamp,
};

use crate::{Page, Store, StoreError, import::Confirm, row::Row};

mod confirm;
mod record;
#[cfg(test)]
mod tests;

pub use confirm::Answered;
pub use record::{AccountFigures, KnownAccount};
pub(crate) use record::{Sync, forget, record};

/// Where a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// It has written nothing yet.
    NeverSynced,
    /// A sync is under way.
    Syncing,
    /// A sync was begun and cannot go on: its delivery waits for somebody, or
    /// was given up.
    Stopped,
    /// It wants to remove many accounts: a person must say yes or no.
    WaitingForConfirmation,
    /// The newest sync is complete.
    Synced,
}

impl SourceState {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverSynced => "never-synced",
            Self::Syncing => "syncing",
            Self::Stopped => "stopped",
            Self::WaitingForConfirmation => "waiting-for-confirmation",
            Self::Synced => "synced",
        }
    }
}

/// A live source of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The install.
    pub install: InstallId,
    /// The customer's name for it.
    pub install_name: String,
    /// The plugin's key.
    pub plugin_name: String,
    /// Where it stands.
    pub state: SourceState,
    /// Accounts that it keeps now.
    pub accounts: u64,
    /// When its newest sync began.
    pub started_at: Option<Timestamp>,
    /// When that ended.
    pub ended_at: Option<Timestamp>,
    /// When its newest complete sync began: so old are its accounts at most.
    pub synced_at: Option<Timestamp>,
    /// Accounts that its newest sync added.
    pub added: u64,
    /// Changed.
    pub changed: u64,
    /// Named, and found as they were.
    pub unchanged: u64,
    /// Removed.
    pub removed: u64,
    /// The question that is open.
    pub confirm: Option<Confirm>,
}

/// Installs that are there and may write accounts, or have.
const SELECT: &str = "
    SELECT i.id, i.name, p.name AS plugin_name, s.install_id, s.started_at, s.ended_at,
           COALESCE(s.fresh_at, 0) AS fresh_at, COALESCE(s.added, 0) AS added,
           COALESCE(s.changed, 0) AS changed, COALESCE(s.unchanged, 0) AS unchanged,
           COALESCE(s.removed, 0) AS removed, COALESCE(s.asked, 0) AS asked,
           COALESCE(d.state, '') AS delivery_state,
           (SELECT COUNT(*) FROM account a
            WHERE a.organization_id = i.organization_id AND a.source = i.id) AS accounts
    FROM install i JOIN plugin p ON p.id = i.plugin_id
         LEFT JOIN source s ON s.install_id = i.id
         LEFT JOIN delivery d ON d.id = s.delivery_id
    WHERE i.organization_id = $1 AND i.state <> 'uninstalled'
      AND (s.install_id IS NOT NULL OR i.grant_json LIKE '%\"accounts:write\"%')";

impl Store {
    /// An organization's sources, by install.
    pub async fn sources(
        &self,
        organization: &OrganizationId,
        after: Option<&InstallId>,
        limit: u32,
    ) -> Result<Page<Source>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{SELECT} AND i.id > $2 ORDER BY i.id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| source(&Row::new("source", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item| item.install.to_string()))
    }

    /// One source of an organization.
    pub async fn source(
        &self,
        organization: &OrganizationId,
        install: &InstallId,
    ) -> Result<Option<Source>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, organization, install).await
    }
}

async fn find(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    install: &InstallId,
) -> Result<Option<Source>, StoreError> {
    let sql = format!("{SELECT} AND i.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(install.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| source(&Row::new("source", &row))).transpose()
}

fn source(row: &Row<'_>) -> Result<Source, StoreError> {
    let (accounts, asked) = (row.count("accounts")?, row.count("asked")?);
    let ended_at = row.time_or_none("ended_at")?;
    let state = match row.text_or_none("install_id")? {
        None => SourceState::NeverSynced,
        Some(_) if asked > 0 => SourceState::WaitingForConfirmation,
        Some(_) if ended_at.is_some() => SourceState::Synced,
        Some(_) => match row.text("delivery_state")?.as_str() {
            "ready" | "leased" => SourceState::Syncing,
            _ => SourceState::Stopped,
        },
    };
    let fresh_at = row.time("fresh_at")?;
    Ok(Source {
        install: row.parsed("id")?,
        install_name: row.text("name")?,
        plugin_name: row.text("plugin_name")?,
        state,
        accounts,
        started_at: row.time_or_none("started_at")?,
        ended_at,
        synced_at: Some(fresh_at).filter(|at| at.0 > 0),
        added: row.count("added")?,
        changed: row.count("changed")?,
        unchanged: row.count("unchanged")?,
        removed: row.count("removed")?,
        confirm: (asked > 0).then(|| Confirm::of_source(asked, accounts)),
    })
}
