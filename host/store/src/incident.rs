//! Incidents: equal failures of one install, grouped by fingerprint before
//! anything is routed; and routes, the one step to the owner of each.
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::AnyConnection;
use venn_domain::{
    id::{IncidentId, OrganizationId, PluginId, RouteId, RunId},
    time::Timestamp,
    verdict::Verdict,
};

use crate::{
    Page, Store, StoreError,
    delivery::Leased,
    row::{Row, json},
    run::NewRoute,
};

/// Equal failures of one install.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What makes failures equal.
    pub fingerprint: String,
    /// The install.
    pub install: String,
    /// The plugin's name.
    pub plugin: String,
    /// The verdict's class.
    pub class: String,
    /// The verdict's kind.
    pub kind: String,
    /// `open` or `resolved`.
    pub state: String,
    /// How many runs failed so.
    pub runs: u64,
    /// The first of them.
    pub first_run: String,
    /// The newest of them.
    pub last_run: String,
    /// When the first one failed.
    pub opened_at: Timestamp,
    /// When the newest one failed.
    pub last_at: Timestamp,
}

/// One item of an inbox.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// `faq`, `approve-link`, `status-note`, `publisher-inbox`, `platform-inbox` or `triage`.
    pub kind: String,
    /// The incident.
    pub incident: IncidentId,
    /// The run that opened it.
    pub run: RunId,
    /// For the owner, or for somebody who is told.
    pub is_owner: bool,
    /// One line.
    pub title: String,
    /// For people.
    pub text: String,
    /// FAQ entry or redacted bundle.
    pub detail: serde_json::Value,
    /// When it was sent.
    pub created_at: Timestamp,
}

/// A failed run, as grouping sees it.
pub(crate) struct Failure<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) leased: &'a Leased,
    pub(crate) plugin: &'a PluginId,
    pub(crate) verdict: &'a Verdict,
    pub(crate) now: Timestamp,
}

/// Adds the failure to the open incident of its fingerprint, or opens `fresh`.
pub(crate) async fn group(
    connection: &mut AnyConnection,
    fresh: &IncidentId,
    failure: &Failure<'_>,
) -> Result<(IncidentId, bool), StoreError> {
    let open = sqlx::query(
        "UPDATE incident SET runs = runs + 1, last_run_id = $3, last_at = $4
         WHERE install_id = $1 AND fingerprint = $2 AND state = 'open' RETURNING id",
    )
    .bind(failure.leased.install.to_string())
    .bind(failure.verdict.fingerprint.clone())
    .bind(failure.run.to_string())
    .bind(failure.now.0)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = open {
        return Ok((Row::new("incident", &row).parsed("id")?, false));
    }
    sqlx::query(
        "INSERT INTO incident (id, fingerprint, organization_id, install_id, plugin_id, class, kind, state,
                               runs, first_run_id, last_run_id, opened_at, last_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', 1, $8, $8, $9, $9)",
    )
    .bind(fresh.to_string())
    .bind(failure.verdict.fingerprint.clone())
    .bind(failure.leased.organization.to_string())
    .bind(failure.leased.install.to_string())
    .bind(failure.plugin.to_string())
    .bind(name(&failure.verdict.class))
    .bind(name(&failure.verdict.kind))
    .bind(failure.run.to_string())
    .bind(failure.now.0)
    .execute(connection)
    .await?;
    Ok((fresh.clone(), true))
}

/// The kebab-case name that serde gives a unit variant.
fn name<T: Serialize>(value: &T) -> String {
    json(value).trim_matches('"').to_owned()
}

/// Puts one step into an inbox.
pub(crate) async fn add_route(
    connection: &mut AnyConnection,
    id: &RouteId,
    incident: &IncidentId,
    run: &RunId,
    route: &NewRoute,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO route (id, incident_id, run_id, kind, organization_id, is_owner, title, text,
                            detail_json, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id.to_string())
    .bind(incident.to_string())
    .bind(run.to_string())
    .bind(route.kind)
    .bind(route.organization.to_string())
    .bind(i64::from(route.is_owner))
    .bind(route.title.clone())
    .bind(route.text.clone())
    .bind(json(&route.detail))
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// An organization's inbox, newest first.
    pub async fn inbox(
        &self,
        organization: &OrganizationId,
        before: Option<&RouteId>,
        limit: u32,
    ) -> Result<Page<Route>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT id, incident_id, run_id, kind, is_owner, title, text, detail_json, created_at FROM route
             WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(organization.to_string())
        .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items =
            rows.iter().map(|row| route(&Row::new("route", row))).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |route| route.id.to_string()))
    }

    /// A customer's incidents, newest first.
    pub async fn incidents(
        &self,
        organization: &OrganizationId,
        before: Option<&IncidentId>,
        limit: u32,
    ) -> Result<Page<Incident>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT i.id, i.fingerprint, i.install_id, p.name AS plugin, i.class, i.kind, i.state, i.runs,
                    i.first_run_id, i.last_run_id, i.opened_at, i.last_at
             FROM incident i JOIN plugin p ON p.id = i.plugin_id
             WHERE i.organization_id = $1 AND i.id < $2 ORDER BY i.id DESC LIMIT $3",
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

fn route(row: &Row<'_>) -> Result<Route, StoreError> {
    Ok(Route {
        id: row.parsed("id")?,
        kind: row.text("kind")?,
        incident: row.parsed("incident_id")?,
        run: row.parsed("run_id")?,
        is_owner: row.truth("is_owner")?,
        title: row.text("title")?,
        text: row.text("text")?,
        detail: row.json_always("detail_json")?,
        created_at: row.time("created_at")?,
    })
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
    })
}
