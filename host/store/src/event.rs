//! Making an event and the delivery that brings it to one install, in the
//! transaction of what happened: neither is ever there without the other.
//!
//! It does not ask whether the plugin wants the kind; whoever appends has the
//! manifest at hand and asks `Manifest::wants`. Leasing is in `delivery`.
use sqlx::AnyConnection;
use venn_domain::{
    event::{of_use_until, runs_beside_others},
    id::{DeliveryId, EventId, InstallId, OrganizationId},
    lineage::Lineage,
};

use crate::{
    Store, StoreError,
    delivery::{
        lane,
        queue::{self, Of},
    },
    row::{Row, json},
};

pub(crate) mod bound;

/// An event to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The customer.
    pub organization: OrganizationId,
    /// The install that gets it.
    pub install: InstallId,
    /// One of [`venn_domain::event::KINDS`].
    pub kind: &'static str,
    /// What it is about, for example a partnership; empty if nothing. Events
    /// of one subject are delivered in order.
    pub subject: String,
    /// JSON text.
    pub payload: String,
}

/// Appends an event that no run caused, and its delivery, in the caller's transaction.
/// Ring `wake.deliveries` once it is committed.
pub(crate) async fn append(
    store: &Store,
    connection: &mut AnyConnection,
    new: &NewEvent,
) -> Result<DeliveryId, StoreError> {
    append_after(store, connection, new, &Lineage::default()).await
}

/// The same of one that runs may have caused.
pub(crate) async fn append_after(
    store: &Store,
    connection: &mut AnyConnection,
    new: &NewEvent,
    lineage: &Lineage,
) -> Result<DeliveryId, StoreError> {
    let now = store.now();
    let event = EventId::make(store.ids()).to_string();
    sqlx::query(
        "INSERT INTO event (id, organization_id, kind, subject, payload, occurred_at, trace, lineage)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(event.clone())
    .bind(new.organization.to_string())
    .bind(new.kind)
    .bind(new.subject.clone())
    .bind(new.payload.clone())
    .bind(now.0)
    .bind(store.trace())
    .bind(written(lineage))
    .execute(&mut *connection)
    .await?;
    let delivery = DeliveryId::make(store.ids());
    // Attempts count from 1 at the first lease, steps from 0.
    let sql = format!(
        "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
             state_reason, attempt, step, not_before, fence, progress_done, progress_total,
             created_at, expires_at, alone, is_next)
         VALUES ($1, $2, $3, $4, $5, 'ready', '', 0, 0, $6, 0, 0, 0, $6, $7, $8, {})",
        lane::OF_A_NEW_ONE
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(delivery.to_string())
        .bind(event)
        .bind(new.install.to_string())
        .bind(new.organization.to_string())
        .bind(new.subject.clone())
        .bind(now.0)
        .bind(of_use_until(new.kind, now, None).map(|until| until.0))
        .bind(i64::from(!runs_beside_others(new.kind)))
        .execute(&mut *connection)
        .await?;
    queue::changed(connection, now, Of::Installs(vec![new.install.to_string()])).await?;
    Ok(delivery)
}

/// A lineage as it is kept.
pub(crate) fn written(lineage: &Lineage) -> String {
    if lineage.runs() == 0 { String::new() } else { json(lineage) }
}

/// An event that waits stands for something newer, too, which these runs led to.
pub(crate) async fn stands_for(
    connection: &mut AnyConnection,
    event: &str,
    lineage: &Lineage,
) -> Result<(), StoreError> {
    if lineage.runs() == 0 {
        return Ok(());
    }
    let row = sqlx::query("SELECT id, lineage FROM event WHERE id = $1")
        .bind(event.to_owned())
        .fetch_one(&mut *connection)
        .await?;
    let before: Lineage = Row::new("event", &row).json("lineage")?;
    sqlx::query("UPDATE event SET lineage = $2 WHERE id = $1")
        .bind(event.to_owned())
        .bind(written(&before.with(lineage)))
        .execute(connection)
        .await?;
    Ok(())
}
