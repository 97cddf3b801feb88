//! Telling installs what another one added to the timeline, in the transaction that adds it.
//!
//! The event has the texts, for an entry can be gone when it is read. So it is told only to
//! who may know them (`Authority::hears_of`; asked once more before a run), and what is erased
//! for an install is taken out of its events, too.
//!
//! What answers others joins what waits ([`joined`]); anything else is an event of its own. As
//! much waits for an install as a limit allows: one that is paused for long, or slower than
//! the others, is not told of more until it has worked some off, and its customer is told that.
use sqlx::AnyConnection;
use venn_domain::{
    authority::Authority,
    event::{TIMELINE_ADDED, TimelineAdded},
    id::{InstallId, OrganizationId, PartnershipId},
    limits,
    lineage::Lineage,
    run::TimelineEntry,
    time::Timestamp,
};

use super::Writer;
use crate::{
    Store, StoreError,
    event::{
        NewEvent,
        bound::{self, Waits, append_within, replace_within},
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
            let subject = partition(partnership.as_ref());
            let joined = joined(connection, &install, &subject, added, &writer.lineage).await?;
            let told = if let Some(told) = joined {
                told
            } else {
                let (organization, install) = (writer.organization.clone(), install.clone());
                let (kind, payload) = (TIMELINE_ADDED, json(added));
                let new = NewEvent { organization, install, kind, subject, payload };
                let bound = &bound::TOLD;
                append_within(store, connection, bound, &new, &writer.lineage).await?.is_ok()
            };
            if !told {
                left_out = added.entries.len();
            }
        }
        if left_out > 0 {
            untold(connection, &install, left_out, writer.now).await?;
        }
    }
    Ok(())
}

/// What answers another plugin joins the last event that waits for the install and is such an
/// answer, too: plugins that all answer each other would make of one entry ever more events,
/// of which each is too young to be a loop. True if it is told so; none if nothing waits that
/// has room for it.
async fn joined(
    connection: &mut AnyConnection,
    install: &InstallId,
    subject: &str,
    added: &TimelineAdded,
    lineage: &Lineage,
) -> Result<Option<bool>, StoreError> {
    if !lineage.is_answer() {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT d.id AS delivery, e.id AS event, e.payload, e.lineage
         FROM delivery d JOIN event e ON e.id = d.event_id
         WHERE d.id = (SELECT MAX(id) FROM delivery
                       WHERE install_id = $1 AND subject = $2 AND state IN ('ready', 'parked'))
             AND d.fence = 0 AND e.kind = $3",
    )
    .bind(install.to_string())
    .bind(subject.to_owned())
    .bind(TIMELINE_ADDED)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("event", &row);
    let mut told: TimelineAdded = row.json("payload")?;
    let before: Lineage = row.json("lineage")?;
    let has_room = told.entries.len() + added.entries.len() <= limits::EVENT_ENTRIES;
    if !has_room || !before.is_answer() {
        return Ok(None);
    }
    told.entries.extend(added.entries.iter().cloned());
    let bytes = row.text("payload")?.len();
    let waits = Waits { event: row.text("event")?, delivery: row.text("delivery")?, bytes };
    let full = replace_within(connection, &bound::TOLD, install, &waits, json(&told), lineage);
    Ok(Some(full.await?.is_none()))
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
