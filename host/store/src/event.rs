//! Making an event and the delivery that brings it to one install, in the
//! transaction of what happened: neither is ever there without the other.
//!
//! It does not ask whether the plugin wants the kind; whoever appends has the
//! manifest at hand and asks `Manifest::wants`. Leasing is in `delivery`.
use sqlx::AnyConnection;
use venn_domain::{
    event::runs_beside_others,
    id::{DeliveryId, EventId, InstallId, OrganizationId},
};

use crate::{
    Store, StoreError,
    delivery::{
        lane,
        queue::{self, Of},
    },
};

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

/// Appends an event and its delivery in the caller's transaction. Ring
/// `wake.deliveries` once it is committed.
pub(crate) async fn append(
    store: &Store,
    connection: &mut AnyConnection,
    new: &NewEvent,
) -> Result<DeliveryId, StoreError> {
    let now = store.now();
    let event = EventId::make(store.ids()).to_string();
    sqlx::query(
        "INSERT INTO event (id, organization_id, kind, subject, payload, occurred_at, trace)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(event.clone())
    .bind(new.organization.to_string())
    .bind(new.kind)
    .bind(new.subject.clone())
    .bind(new.payload.clone())
    .bind(now.0)
    .bind(store.trace())
    .execute(&mut *connection)
    .await?;
    let delivery = DeliveryId::make(store.ids());
    // Attempts count from 1 at the first lease, steps from 0.
    let sql = format!(
        "INSERT INTO delivery (id, event_id, install_id, organization_id, subject, state,
             state_reason, attempt, step, not_before, fence, progress_done, progress_total,
             created_at, alone, is_next)
         VALUES ($1, $2, $3, $4, $5, 'ready', '', 0, 0, $6, 0, 0, 0, $6, $7, {})",
        lane::OF_A_NEW_ONE
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(delivery.to_string())
        .bind(event)
        .bind(new.install.to_string())
        .bind(new.organization.to_string())
        .bind(new.subject.clone())
        .bind(now.0)
        .bind(i64::from(!runs_beside_others(new.kind)))
        .execute(&mut *connection)
        .await?;
    queue::changed(connection, now, Of::Installs(vec![new.install.to_string()])).await?;
    Ok(delivery)
}
