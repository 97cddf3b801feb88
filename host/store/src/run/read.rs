//! What people see of runs.
use venn_domain::{
    id::{DeliveryId, InstallId, OrganizationId, PluginId, ReleaseId, RunId},
    run::{CallSummary, Ending, LogLine, Usage},
    time::Timestamp,
    verdict::Verdict,
};

use crate::{Page, Store, StoreError, row::Row, source::AccountFigures};

/// A run as it stands in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The run.
    pub id: RunId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The install.
    pub install: InstallId,
    /// The customer.
    pub organization: OrganizationId,
    /// The plugin.
    pub plugin: PluginId,
    /// The release.
    pub release: ReleaseId,
    /// The release's version.
    pub version: String,
    /// The event's kind.
    pub event_kind: String,
    /// The event's subject.
    pub subject: String,
    /// Which run of an `again` chain.
    pub step: u64,
    /// Which attempt at this step.
    pub attempt: u64,
    /// `ok`, `fault`, `trap`, `limit`, `host-failed` or `refused`.
    pub ending: String,
    /// The ending in full; null if refused.
    pub ending_detail: serde_json::Value,
    /// One line.
    pub summary: String,
    /// Its host calls.
    pub calls: Vec<CallSummary>,
    /// What it used.
    pub usage: Usage,
    /// The verdict, if it failed.
    pub verdict: Option<Verdict>,
    /// Log lines beyond the limit.
    pub log_dropped: u64,
    /// Effects left out because their capability was revoked meanwhile.
    pub effects_dropped: u64,
    /// Another run had written what it had read: nothing of it was kept, and its delivery
    /// ran again.
    pub overtaken: bool,
    /// The trace in which it is found, if it was traced.
    pub trace_id: Option<String>,
    /// What it did to accounts.
    pub accounts: AccountFigures,
    /// When it started.
    pub started_at: Timestamp,
    /// When its record was written.
    pub ended_at: Timestamp,
}

/// What became of a delivery that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Content type and body of the last run's answer, if it gave one.
    pub answer: Option<(String, Vec<u8>)>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of one install.
    pub install: Option<InstallId>,
    /// With one ending.
    pub ending: Option<String>,
}

const COLUMNS: &str = "r.id, r.delivery_id, r.install_id, r.organization_id, r.plugin_id, r.release_id,
    l.version, r.event_kind, r.subject, r.step, r.attempt, r.ending, r.ending_json, r.summary, r.calls_json,
    r.usage_json, r.verdict_json, r.log_dropped, r.effects_dropped, r.started_at, r.ended_at, r.trace_id,
    r.accounts_added, r.accounts_changed, r.accounts_unchanged, r.accounts_removed, r.overtaken";

impl Store {
    /// An organization's runs, newest first.
    pub async fn runs(
        &self,
        organization: &OrganizationId,
        filter: &RunFilter,
        before: Option<&RunId>,
        limit: u32,
    ) -> Result<Page<Run>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM run r JOIN release l ON l.id = r.release_id
             WHERE r.organization_id = $1 AND r.id < $2
               AND ($3 = '' OR r.install_id = $3) AND ($4 = '' OR r.ending = $4)
             ORDER BY r.id DESC LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
            .bind(filter.install.as_ref().map(ToString::to_string).unwrap_or_default())
            .bind(filter.ending.clone().unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        Page::read(rows, limit, |row| run(&Row::new("run", row)), |run| run.id.to_string()).await
    }

    /// One run of an organization.
    pub async fn run(
        &self,
        organization: &OrganizationId,
        id: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM run r JOIN release l ON l.id = r.release_id
             WHERE r.organization_id = $1 AND r.id = $2"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| run(&Row::new("run", &row))).transpose()
    }

    /// What a delivery came to; none while it is under way or will be tried again.
    pub async fn answered(&self, delivery: &DeliveryId) -> Result<Option<Answered>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query(
            "SELECT d.id, (SELECT r.ending_json FROM run r WHERE r.delivery_id = d.id
                           ORDER BY r.id DESC LIMIT 1) AS ending_json
             FROM delivery d WHERE d.id = $1
               AND (d.finished_at IS NOT NULL OR d.state = 'parked')",
        )
        .bind(delivery.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let row = Row::new("run", &row);
        let ending = row.text_or_none("ending_json")?.filter(|text| !text.is_empty());
        let ending: Option<Ending> = match ending {
            Some(_) => row.json_always("ending_json").map(Some)?,
            None => None,
        };
        let answer = match ending {
            Some(Ending::Ok(report)) => report.answer,
            _ => None,
        };
        Ok(Some(Answered { answer }))
    }

    /// A run's log.
    pub async fn run_log(&self, id: &RunId) -> Result<Vec<LogLine>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT run_id, at, level, message FROM run_log WHERE run_id = $1 ORDER BY line_no",
        )
        .bind(id.to_string())
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(|row| log_line(&Row::new("run_log", row))).collect()
    }

    /// A run's encoded tape; refused runs have none.
    pub async fn run_tape(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT run_id, bytes FROM tape WHERE run_id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| Row::new("tape", &row).blob("bytes")).transpose()
    }
}

fn log_line(row: &Row<'_>) -> Result<LogLine, StoreError> {
    Ok(LogLine { at: row.time("at")?, level: row.text("level")?, message: row.text("message")? })
}

fn run(row: &Row<'_>) -> Result<Run, StoreError> {
    Ok(Run {
        id: row.parsed("id")?,
        delivery: row.parsed("delivery_id")?,
        install: row.parsed("install_id")?,
        organization: row.parsed("organization_id")?,
        plugin: row.parsed("plugin_id")?,
        release: row.parsed("release_id")?,
        version: row.text("version")?,
        event_kind: row.text("event_kind")?,
        subject: row.text("subject")?,
        step: row.count("step")?,
        attempt: row.count("attempt")?,
        ending: row.text("ending")?,
        ending_detail: row.json("ending_json")?,
        summary: row.text("summary")?,
        calls: row.json("calls_json")?,
        usage: row.json("usage_json")?,
        verdict: row.json("verdict_json")?,
        log_dropped: row.count("log_dropped")?,
        effects_dropped: row.count("effects_dropped")?,
        overtaken: row.truth("overtaken")?,
        trace_id: Some(row.text("trace_id")?).filter(|id| !id.is_empty()),
        accounts: AccountFigures {
            added: row.count("accounts_added")?,
            changed: row.count("accounts_changed")?,
            unchanged: row.count("accounts_unchanged")?,
            removed: row.count("accounts_removed")?,
        },
        started_at: row.time("started_at")?,
        ended_at: row.time("ended_at")?,
    })
}
