//! The timeline: dated facts on accounts, written by plugins. The same key of
//! the same install is the same entry for ever.
use sqlx::AnyConnection;
use venn_domain::{
    id::{AccountId, InstallId, OrganizationId, RunId},
    run::TimelineEntry,
    sharing::Purpose,
    time::Timestamp,
};

use crate::{Store, StoreError, row::Row, state::partition};

/// An entry as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRecord {
    /// The install that wrote it.
    pub install: InstallId,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's own key.
    pub key: String,
    /// The plugin's own kind.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// When it happened.
    pub at: Timestamp,
    /// The partnership that it was derived from; empty if none.
    pub partnership: String,
}

impl Store {
    /// An account's timeline, newest first, at most `limit` entries.
    pub async fn timeline(
        &self,
        organization: &OrganizationId,
        account: &AccountId,
        limit: u32,
    ) -> Result<Vec<TimelineRecord>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT t.install_id, p.name AS plugin, t.key, t.kind, t.text, t.at, t.partition_key
             FROM timeline t JOIN install i ON i.id = t.install_id JOIN plugin p ON p.id = i.plugin_id
             WHERE t.organization_id = $1 AND t.account_id = $2
             ORDER BY t.at DESC, t.key LIMIT $3",
        )
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(|row| record(&Row::new("timeline", row))).collect()
    }
}

fn record(row: &Row<'_>) -> Result<TimelineRecord, StoreError> {
    Ok(TimelineRecord {
        install: row.parsed("install_id")?,
        plugin: row.text("plugin")?,
        key: row.text("key")?,
        kind: row.text("kind")?,
        text: row.text("text")?,
        at: row.time("at")?,
        partnership: row.text("partition_key")?,
    })
}

/// Who writes entries: the run, its install and what its reads were for.
pub(crate) struct Writer<'a> {
    pub(crate) organization: &'a OrganizationId,
    pub(crate) install: &'a InstallId,
    pub(crate) run: &'a RunId,
    pub(crate) purpose: Purpose,
    pub(crate) now: Timestamp,
}

/// Appends a run's entries; one whose account is not the organization's own,
/// or whose key is there already, is left out.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    writer: &Writer<'_>,
    entries: &[TimelineEntry],
) -> Result<u64, StoreError> {
    let mut written = 0;
    for entry in entries {
        let done = sqlx::query(
            "INSERT INTO timeline (install_id, key, organization_id, account_id, run_id, kind, text,
                                   partition_key, purpose, at, created_at)
             SELECT $1, $2, a.organization_id, a.id, $3, $4, $5, $6, $7, $8, $9
             FROM account a WHERE a.id = $10 AND a.organization_id = $11
             ON CONFLICT (install_id, key) DO NOTHING",
        )
        .bind(writer.install.to_string())
        .bind(entry.key.clone())
        .bind(writer.run.to_string())
        .bind(entry.kind.clone())
        .bind(entry.text.clone())
        .bind(partition(entry.partnership.as_ref()))
        .bind(writer.purpose.name())
        .bind(entry.at.0)
        .bind(writer.now.0)
        .bind(entry.account.clone())
        .bind(writer.organization.to_string())
        .execute(&mut *connection)
        .await?;
        written += done.rows_affected();
    }
    Ok(written)
}
