//! Telling installs that overlaps changed: one event of one kind, coalesced.
//!
//! An event says only that there is something to read; the plugin reads it by
//! its cursor. So one that waits untouched stands for every later change too,
//! and a first pairing of a million accounts makes one delivery, not hundreds.
use serde::Deserialize;
use sqlx::AnyConnection;
use venn_domain::{
    event::{OVERLAPS_CHANGED, OverlapsChanged},
    id::{InstallId, OrganizationId, PartnershipId},
    lineage::Lineage,
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

/// Which installs are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told<'a> {
    /// All.
    Everyone,
    /// Those of one organization.
    Organization(&'a OrganizationId),
    /// One.
    Install(&'a InstallId),
}

impl Told<'_> {
    fn is(self, organization: &OrganizationId, install: &InstallId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Organization(only) => only == organization,
            Self::Install(only) => only == install,
        }
    }
}

/// Makes an event and a delivery for each active install that has the
/// partnership granted, wants the kind, and has none waiting. Returns how many.
/// `lineage`: of what changed.
pub(crate) async fn notify_installs(
    store: &Store,
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
    change_no: i64,
    told: Told<'_>,
    lineage: &Lineage,
) -> Result<u64, StoreError> {
    let changes = OverlapsChanged { reason: "changes".to_owned(), cursor: None };
    let payload = json(&changes);
    let rows = sqlx::query(
        "SELECT i.id, i.organization_id, r.manifest_json,
             (SELECT MIN(e.id) FROM delivery d JOIN event e ON e.id = d.event_id
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
        let install = row.parsed("id")?;
        if !wants || !told.is(&organization, &install) {
            continue;
        }
        sqlx::query(
            "UPDATE install_partnership SET notified_no = $3
             WHERE install_id = $1 AND partnership_id = $2",
        )
        .bind(row.text("id")?)
        .bind(partnership.to_string())
        .bind(change_no)
        .execute(&mut *connection)
        .await?;
        if let Some(waiting) = row.text_or_none("waiting")? {
            event::stands_for(connection, &waiting, lineage).await?;
        } else {
            let subject = partnership.to_string();
            let payload = payload.clone();
            let new = NewEvent { organization, install, kind: OVERLAPS_CHANGED, subject, payload };
            event::append_after(store, connection, &new, lineage).await?;
            made += 1;
        }
    }
    Ok(made)
}

/// Tells an install that is active again what changed while it was not: nobody told it
/// then, and perhaps nothing changes soon.
pub(crate) async fn notify_resumed(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.change_no FROM install_partnership ip
             JOIN partnership p ON p.id = ip.partnership_id
         WHERE ip.install_id = $1 AND p.state = 'active' AND p.change_no > ip.notified_no
         ORDER BY p.id",
    )
    .bind(install.to_string())
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let row = Row::new("partnership", row);
        let (partnership, change_no) = (row.parsed("id")?, row.number("change_no")?);
        let (told, nobodys) = (Told::Install(install), Lineage::default());
        notify_installs(store, connection, &partnership, change_no, told, &nobodys).await?;
    }
    Ok(())
}
