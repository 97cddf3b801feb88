//! An inbox: routes, the one step to the owner of each incident. An item is done
//! when its incident is resolved; the owner can say so.
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    id::{IncidentId, OrganizationId, RouteId, RunId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    row::{Row, json},
    run::NewRoute,
};

/// One item of an inbox.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// `faq`, `approve-link`, `status-note`, `publisher-inbox`, `platform-inbox` or `triage`.
    pub kind: String,
    /// The incident.
    pub incident: IncidentId,
    /// The incident's: `open`, or `resolved` when there is nothing to do any more.
    pub state: String,
    /// The run that opened it.
    pub run: RunId,
    /// Whether the run is one of your organization's own: one that can be looked at.
    pub is_own_run: bool,
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
    /// When its incident was resolved; null while it is open.
    pub resolved_at: Option<Timestamp>,
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

const ITEMS: &str = "
    SELECT r.id, r.incident_id, i.state, r.run_id, r.kind, r.is_owner, r.title, r.text, r.detail_json,
           r.created_at, i.resolved_at,
           CASE WHEN i.organization_id = r.organization_id THEN 1 ELSE 0 END AS is_own_run
    FROM route r JOIN incident i ON i.id = r.incident_id";

impl Store {
    /// An organization's inbox, newest first; with a state, those of it only.
    pub async fn inbox(
        &self,
        organization: &OrganizationId,
        state: Option<&str>,
        before: Option<&RouteId>,
        limit: u32,
    ) -> Result<Page<Route>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "{ITEMS} WHERE r.organization_id = $1 AND r.id < $2 AND ($3 = '' OR i.state = $3)
             ORDER BY r.id DESC LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(before.map_or_else(|| "~".to_owned(), ToString::to_string))
            .bind(state.unwrap_or_default().to_owned())
            .bind(i64::from(limit) + 1)
            .fetch(&mut *connection);
        let item = |row: &AnyRow| route(&Row::new("route", row));
        Page::read(rows, limit, item, |route| route.id.to_string()).await
    }

    /// One item of an organization's inbox.
    pub async fn inbox_item(
        &self,
        organization: &OrganizationId,
        id: &RouteId,
    ) -> Result<Option<Route>, StoreError> {
        let mut connection = self.read().await?;
        item(&mut connection, organization, id).await
    }

    /// Resolves the incident of an item on the word of its owner; nothing changes
    /// if it is resolved already. The caller checked that it is the owner's.
    pub async fn resolve_by_owner(
        &self,
        organization: &OrganizationId,
        id: &RouteId,
        actor: &UserId,
    ) -> Result<Option<Route>, StoreError> {
        let (store, organization, id) = (self.clone(), organization.clone(), id.clone());
        let actor = actor.to_string();
        self.write(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE incident SET state = 'resolved', resolved_at = $3
                     WHERE state = 'open' AND id IN (SELECT incident_id FROM route
                           WHERE id = $1 AND organization_id = $2 AND is_owner = 1)",
                )
                .bind(id.to_string())
                .bind(organization.to_string())
                .bind(store.now().0)
                .execute(&mut *connection)
                .await?;
                let found = item(connection, &organization, &id).await?;
                if let Some(found) = found.as_ref().filter(|_| done.rows_affected() == 1) {
                    let entry = NewAudit {
                        organization,
                        actor,
                        action: "incident.resolved",
                        subject: found.incident.to_string(),
                        detail: serde_json::json!({ "item": id, "title": found.title }),
                    };
                    audit::append(&store, connection, &entry).await?;
                }
                Ok(found)
            })
        })
        .await
    }
}

async fn item(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    id: &RouteId,
) -> Result<Option<Route>, StoreError> {
    let sql = format!("{ITEMS} WHERE r.organization_id = $1 AND r.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| route(&Row::new("route", &row))).transpose()
}

fn route(row: &Row<'_>) -> Result<Route, StoreError> {
    Ok(Route {
        id: row.parsed("id")?,
        kind: row.text("kind")?,
        incident: row.parsed("incident_id")?,
        state: row.text("state")?,
        run: row.parsed("run_id")?,
        is_own_run: row.truth("is_own_run")?,
        is_owner: row.truth("is_owner")?,
        title: row.text("title")?,
        text: row.text("text")?,
        detail: row.json_always("detail_json")?,
        created_at: row.time("created_at")?,
        resolved_at: row.time_or_none("resolved_at")?,
    })
}
