//! Telling installs that overlaps changed: one event of one kind, coalesced.
//!
//! An event says only that there is something to read; the plugin reads it by
//! its cursor. So one that waits untouched stands for every later change too,
//! and a first pairing of a million accounts makes one delivery, not hundreds.
use serde::Deserialize;
use sqlx::AnyConnection;
use venn_domain::{
    event::{OVERLAPS_CHANGED, OverlapsChanged},
    id::{OrganizationId, PartnershipId},
};

use crate::{
    Store, StoreError,
    event::{self, NewEvent},
    row::{Row, json},
};

/// The part of a manifest that is needed here; the rest was checked long ago.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    events: Vec<String>,
}

/// Makes an event and a delivery for each active install that has the
/// partnership granted, wants the kind, and has none waiting. Returns how many.
/// `only`: the installs of one organization.
pub(crate) async fn notify_installs(
    store: &Store,
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
    change_no: i64,
    only: Option<&OrganizationId>,
) -> Result<u64, StoreError> {
    let changes = OverlapsChanged { reason: "changes".to_owned(), cursor: None };
    let payload = json(&changes);
    let rows = sqlx::query(
        "SELECT i.id, i.organization_id, r.manifest_json,
             (SELECT COUNT(*) FROM delivery d JOIN event e ON e.id = d.event_id
              WHERE d.install_id = i.id AND d.state = 'ready' AND d.subject = $1
                  AND d.attempt = 0 AND d.step = 0 AND d.continuation IS NULL
                  AND e.kind = $2 AND e.payload = $3) AS waiting
         FROM install_partnership ip
             JOIN install i ON i.id = ip.install_id
             JOIN release r ON r.id = i.release_id
         WHERE ip.partnership_id = $1 AND i.state = 'active'
         ORDER BY i.id",
    )
    .bind(partnership.to_string())
    .bind(OVERLAPS_CHANGED)
    .bind(payload.clone())
    .fetch_all(&mut *connection)
    .await?;
    let mut made = 0;
    for row in &rows {
        let row = Row::new("install", row);
        let organization: OrganizationId = row.parsed("organization_id")?;
        let wanted: Wanted = row.json("manifest_json")?;
        let wants = wanted.events.iter().any(|kind| kind == OVERLAPS_CHANGED);
        if !wants || only.is_some_and(|only| *only != organization) {
            continue;
        }
        let install = row.parsed("id")?;
        sqlx::query(
            "UPDATE install_partnership SET notified_no = $3
             WHERE install_id = $1 AND partnership_id = $2",
        )
        .bind(row.text("id")?)
        .bind(partnership.to_string())
        .bind(change_no)
        .execute(&mut *connection)
        .await?;
        if row.number("waiting")? == 0 {
            let subject = partnership.to_string();
            let payload = payload.clone();
            let new = NewEvent { organization, install, kind: OVERLAPS_CHANGED, subject, payload };
            event::append(store, connection, &new).await?;
            made += 1;
        }
    }
    Ok(made)
}
