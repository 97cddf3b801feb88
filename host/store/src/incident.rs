//! Incidents: equal failures of one install, grouped by fingerprint before
//! anything is routed. One is open until the work that failed ends well, its
//! owner says that it is done, or the install is removed.
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::AnyConnection;
use venn_domain::{
    id::{IncidentId, InstallId, OrganizationId, PluginId, RunId},
    limits,
    time::Timestamp,
    verdict::Class,
};

use crate::{Page, Store, StoreError, delivery::Leased, row::Row};

/// Equal failures of one install.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What makes failures equal; empty where the install is another organization's.
    pub fingerprint: String,
    /// The install; empty where it is another organization's, who has but an
    /// inbox item of it.
    pub install: String,
    /// The plugin's name.
    pub plugin: String,
    /// The verdict's class.
    pub class: String,
    /// The verdict's kind; `silence` or `no-progress` where a detector found it.
    pub kind: String,
    /// `open` or `resolved`.
    pub state: String,
    /// How many runs failed so.
    pub runs: u64,
    /// The first of them; empty where the install is another organization's.
    pub first_run: String,
    /// The newest of them; empty where the install is another organization's.
    pub last_run: String,
    /// When the first one failed.
    pub opened_at: Timestamp,
    /// When the newest one failed.
    pub last_at: Timestamp,
    /// When it was resolved; null while it is open.
    pub resolved_at: Option<Timestamp>,
}

/// A failed run, or what a detector found, as grouping sees it.
pub(crate) struct Failure<'a> {
    /// The one that failed, or the newest one.
    pub(crate) run: &'a RunId,
    pub(crate) install: &'a InstallId,
    pub(crate) organization: &'a OrganizationId,
    pub(crate) plugin: &'a PluginId,
    pub(crate) class: Class,
    /// The name of the verdict's kind, or of the finding.
    pub(crate) kind: &'static str,
    pub(crate) fingerprint: &'a str,
    pub(crate) now: Timestamp,
}

/// True of open incidents that a detector found: what failed without failing.
pub(crate) const FOUND: &str = "state = 'open' AND kind IN ('silence', 'no-progress')";

/// Adds the failure to the open incident of its fingerprint, or opens `fresh`. A
/// plugin that fails in ever new ways (at paths that it makes up) does not fill an
/// inbox: beyond [`limits::OPEN_INCIDENTS`] what is new is one more, by class.
pub(crate) async fn group(
    connection: &mut AnyConnection,
    fresh: &IncidentId,
    failure: &Failure<'_>,
) -> Result<(IncidentId, bool), StoreError> {
    let mut fingerprint = failure.fingerprint.to_owned();
    if let Some(open) = joined(connection, &fingerprint, failure).await? {
        return Ok((open, false));
    }
    let sql = "SELECT COUNT(*) FROM incident WHERE install_id = $1 AND state = 'open'";
    let open: i64 = sqlx::query_scalar(sql)
        .bind(failure.install.to_string())
        .fetch_one(&mut *connection)
        .await?;
    if open.unsigned_abs() >= limits::OPEN_INCIDENTS {
        fingerprint = format!("more-{}", failure.class.name());
        if let Some(open) = joined(connection, &fingerprint, failure).await? {
            return Ok((open, false));
        }
    }
    sqlx::query(
        "INSERT INTO incident (id, fingerprint, organization_id, install_id, plugin_id, class, kind, state,
                               runs, first_run_id, last_run_id, opened_at, last_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', 1, $8, $8, $9, $9)",
    )
    .bind(fresh.to_string())
    .bind(fingerprint)
    .bind(failure.organization.to_string())
    .bind(failure.install.to_string())
    .bind(failure.plugin.to_string())
    .bind(failure.class.name())
    .bind(failure.kind)
    .bind(failure.run.to_string())
    .bind(failure.now.0)
    .execute(connection)
    .await?;
    Ok((fresh.clone(), true))
}

/// Adds the failure to the open incident of this fingerprint, if there is one.
async fn joined(
    connection: &mut AnyConnection,
    fingerprint: &str,
    failure: &Failure<'_>,
) -> Result<Option<IncidentId>, StoreError> {
    let open = sqlx::query(
        "UPDATE incident SET runs = runs + 1, last_run_id = $3, last_at = $4
         WHERE install_id = $1 AND fingerprint = $2 AND state = 'open' RETURNING id",
    )
    .bind(failure.install.to_string())
    .bind(fingerprint.to_owned())
    .bind(failure.run.to_string())
    .bind(failure.now.0)
    .fetch_optional(connection)
    .await?;
    open.map(|row| Row::new("incident", &row).parsed("id")).transpose()
}

/// Closes the open incidents of an install whose newest failure was of this kind
/// and about this subject: that work is done now. The next equal failure opens
/// another one, and is announced. What a detector found ends otherwise
/// ([`crate::detect`]): it was about work that ended well, too.
pub(crate) async fn resolve(
    connection: &mut AnyConnection,
    done: &Leased,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE incident SET state = 'resolved', resolved_at = $4
         WHERE install_id = $1 AND state = 'open' AND kind NOT IN ('silence', 'no-progress')
           AND EXISTS (SELECT 1 FROM run r WHERE r.id = incident.last_run_id
                         AND r.event_kind = $2 AND r.subject = $3)",
    )
    .bind(done.install.to_string())
    .bind(done.event.kind.clone())
    .bind(done.event.subject.clone())
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes every open incident of an install that is no more.
pub(crate) async fn resolve_all(
    connection: &mut AnyConnection,
    install: &InstallId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE incident SET state = 'resolved', resolved_at = $2
         WHERE install_id = $1 AND state = 'open'",
    )
    .bind(install.to_string())
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// The incidents of an organization's installs, and those that it has an inbox
    /// item of, newest first.
    pub async fn incidents(
        &self,
        organization: &OrganizationId,
        before: Option<&IncidentId>,
        limit: u32,
    ) -> Result<Page<Incident>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT i.id, CASE WHEN i.organization_id = $1 THEN i.fingerprint ELSE '' END AS fingerprint,
                    CASE WHEN i.organization_id = $1 THEN i.install_id ELSE '' END AS install_id,
                    p.name AS plugin, i.class, i.kind, i.state, i.runs,
                    CASE WHEN i.organization_id = $1 THEN i.first_run_id ELSE '' END AS first_run_id,
                    CASE WHEN i.organization_id = $1 THEN i.last_run_id ELSE '' END AS last_run_id,
                    i.opened_at, i.last_at, i.resolved_at
             FROM incident i JOIN plugin p ON p.id = i.plugin_id
             WHERE (i.organization_id = $1
                    OR EXISTS (SELECT 1 FROM route r WHERE r.incident_id = i.id AND r.organization_id = $1))
               AND i.id < $2 ORDER BY i.id DESC LIMIT $3",
        )
        .bind(organization.to_string())
        .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items = rows
            .iter()
            .map(|row| incident(&Row::new("incident", row)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |incident| incident.id.to_string()))
    }
}

fn incident(row: &Row<'_>) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.parsed("id")?,
        fingerprint: row.text("fingerprint")?,
        install: row.text("install_id")?,
        plugin: row.text("plugin")?,
        class: row.text("class")?,
        kind: row.text("kind")?,
        state: row.text("state")?,
        runs: row.count("runs")?,
        first_run: row.text("first_run_id")?,
        last_run: row.text("last_run_id")?,
        opened_at: row.time("opened_at")?,
        last_at: row.time("last_at")?,
        resolved_at: row.time_or_none("resolved_at")?,
    })
}
