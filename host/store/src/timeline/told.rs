//! Telling installs what another one added to the timeline, in the transaction that adds it.
//!
//! The event has the texts, for an entry can be gone when it is read. So it is told only to
//! who may know them (`Authority::hears_of`; asked once more before a run), and what is erased
//! for an install is taken out of its events, too.
//!
//! As much waits for an install as a limit allows: one that is paused for long, or slower than
//! the others, is not told of more until it has worked some off, and its customer is told that.
use sqlx::AnyConnection;
use venn_domain::{
    authority::Authority,
    event::{TIMELINE_ADDED, TimelineAdded},
    id::{InstallId, OrganizationId, PartnershipId},
    run::TimelineEntry,
    time::Timestamp,
};

use super::Writer;
use crate::{
    Store, StoreError,
    event::{
        NewEvent,
        bound::{self, append_within},
    },
    install::control_on,
    row::{Row, json},
    state::partition,
    waiting,
};

#[cfg(test)]
mod tests;

/// Makes events and deliveries of these entries, which are new, for each other install of
/// the customer's that hears of them. One that is paused has them when it goes on.
pub(crate) async fn tell(
    store: &Store,
    connection: &mut AnyConnection,
    writer: &Writer<'_>,
    entries: &[&TimelineEntry],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let hearing = that_may_hear(connection, writer).await?;
    if hearing.is_empty() {
        return Ok(());
    }
    let plugin: String = sqlx::query_scalar("SELECT name FROM plugin WHERE id = $1")
        .bind(writer.plugin.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let told = TimelineAdded::told(&plugin, entries);
    for install in hearing {
        let Some((control, _)) = control_on(connection, &install, false).await? else { continue };
        let authority = Authority::new(control);
        let mut left_out = 0;
        for (partnership, added) in &told {
            if !authority.hears_of(partnership.as_ref()) {
                continue;
            }
            // What comes after a gap is left out, too: a smaller one would be out of order.
            if left_out > 0 {
                left_out += added.entries.len();
                continue;
            }
            let new = NewEvent {
                organization: writer.organization.clone(),
                install: install.clone(),
                kind: TIMELINE_ADDED,
                subject: partition(partnership.as_ref()),
                payload: json(added),
            };
            let bound = &bound::TOLD;
            if append_within(store, connection, bound, &new, &writer.lineage).await?.is_err() {
                left_out = added.entries.len();
            }
        }
        if left_out > 0 {
            untold(connection, &install, left_out, writer.now).await?;
        }
    }
    Ok(())
}

/// The customer's other installs that were granted to hear of entries at all; most were not.
async fn that_may_hear(
    connection: &mut AnyConnection,
    writer: &Writer<'_>,
) -> Result<Vec<InstallId>, StoreError> {
    let rows = sqlx::query(
        "SELECT id FROM install
         WHERE organization_id = $1 AND id <> $2 AND state IN ('active', 'paused')
           AND grant_json LIKE '%\"timeline:read\"%'
         ORDER BY id",
    )
    .bind(writer.organization.to_string())
    .bind(writer.install.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Row::new("install", row).parsed("id")).collect()
}

/// Counts entries that an install was not told of, for its customer's inbox; what is no news
/// any more does not count.
async fn untold(
    connection: &mut AnyConnection,
    install: &InstallId,
    entries: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE install SET untold = CASE WHEN untold_at > $1 THEN untold ELSE 0 END + $2,
             untold_at = $3
         WHERE id = $4",
    )
    .bind(now.plus_ms(-waiting::NEWS_MS).0)
    .bind(i64::try_from(entries).unwrap_or(i64::MAX))
    .bind(now.0)
    .bind(install.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the texts out of what an install was told of a partnership, or of anything.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    install: &InstallId,
    partnership: Option<&PartnershipId>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE event SET payload = $1 WHERE kind = $2 AND ($3 = '' OR subject = $3)
             AND id IN (SELECT event_id FROM delivery WHERE install_id = $4)",
    )
    .bind(json(&TimelineAdded::default()))
    .bind(TIMELINE_ADDED)
    .bind(partition(partnership))
    .bind(install.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The same of what anybody was told of this organization's partnerships.
pub(crate) async fn forget_all_of(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE event SET payload = $1 WHERE kind = $2 AND subject IN
             (SELECT id FROM partnership WHERE left_id = $3 OR right_id = $3)",
    )
    .bind(json(&TimelineAdded::default()))
    .bind(TIMELINE_ADDED)
    .bind(organization.to_string())
    .execute(connection)
    .await?;
    Ok(())
}
