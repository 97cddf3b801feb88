//! The timeline: dated facts on accounts, written by plugins. The same key of
//! the same install is the same entry for ever.
use std::{fmt, str::FromStr};

use sqlx::AnyConnection;
use venn_domain::{
    id::{AccountId, InstallId, OrganizationId, PluginId, RunId},
    lineage::Lineage,
    run::TimelineEntry,
    sharing::Purpose,
    time::Timestamp,
};

use crate::{Page, Store, StoreError, row::Row, state::partition};

mod told;

pub(crate) use told::{forget, forget_all_of, tell};

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

/// Where a page begins: after this entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelinePlace {
    at: Timestamp,
    install: String,
    key: String,
}

impl fmt::Display for TimelinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.at.0, self.install, self.key)
    }
}

impl FromStr for TimelinePlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The key comes last: it may have any character.
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().ok_or("not a time, an install and a key");
        let at = next()?.parse().map(Timestamp).map_err(|_| "not a time")?;
        Ok(Self { at, install: next()?.to_owned(), key: next()?.to_owned() })
    }
}

impl Store {
    /// A page of an account's timeline, newest first.
    pub async fn timeline(
        &self,
        organization: &OrganizationId,
        account: &AccountId,
        after: Option<&TimelinePlace>,
        limit: u32,
    ) -> Result<Page<TimelineRecord>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT t.install_id, p.name AS plugin, t.key, t.kind, t.text, t.at, t.partition_key
             FROM timeline t JOIN install i ON i.id = t.install_id JOIN plugin p ON p.id = i.plugin_id
             WHERE t.organization_id = $1 AND t.account_id = $2
               AND (t.at < $3 OR (t.at = $3 AND (t.key > $4
                    OR (t.key = $4 AND t.install_id > $5))))
             ORDER BY t.at DESC, t.key, t.install_id LIMIT $6",
        )
        .bind(organization.to_string())
        .bind(account.to_string())
        .bind(after.map_or(i64::MAX, |place| place.at.0))
        .bind(after.map(|place| place.key.clone()).unwrap_or_default())
        .bind(after.map(|place| place.install.clone()).unwrap_or_default())
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items = rows.iter().map(|row| record(&Row::new("timeline", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |entry: &TimelineRecord| {
            let (key, install) = (entry.key.clone(), entry.install.to_string());
            TimelinePlace { at: entry.at, install, key }.to_string()
        }))
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

/// Who writes entries: the run, its install, its plugin, what its reads were for and whose
/// runs led to it, this one included.
pub(crate) struct Writer<'a> {
    pub(crate) organization: &'a OrganizationId,
    pub(crate) install: &'a InstallId,
    pub(crate) plugin: &'a PluginId,
    pub(crate) run: &'a RunId,
    pub(crate) purpose: Purpose,
    pub(crate) lineage: Lineage,
    pub(crate) now: Timestamp,
}

/// Appends a run's entries; one whose account is not the organization's own,
/// or whose key is there already, is left out. Returns those that are new.
pub(crate) async fn append<'e>(
    connection: &mut AnyConnection,
    writer: &Writer<'_>,
    entries: &'e [TimelineEntry],
) -> Result<Vec<&'e TimelineEntry>, StoreError> {
    let mut written = Vec::new();
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
        if done.rows_affected() > 0 {
            written.push(entry);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
