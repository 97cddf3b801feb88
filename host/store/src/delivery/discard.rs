//! Giving up a delivery on a person's word: it ends as dead, with what was said, and
//! what waited behind it goes on. One that runs is left alone: what its run did outside
//! is done, and its record says so.
use sqlx::AnyConnection;
use venn_domain::{
    id::{DeliveryId, InstallId, OrganizationId, UserId},
    time::Timestamp,
};

use super::{
    lane,
    queue::{self, Of},
};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    install::farewell,
    row::Row,
};

impl Store {
    /// Gives up a delivery that waits or is parked, or takes one off the list of those that
    /// expired; false if it is none of these.
    pub async fn discard(
        &self,
        organization: &OrganizationId,
        id: &DeliveryId,
        reason: &str,
        actor: &UserId,
    ) -> Result<bool, StoreError> {
        let (store, now) = (self.clone(), self.now().0);
        let entry = NewAudit {
            organization: organization.clone(),
            actor: actor.to_string(),
            action: "delivery.discarded",
            subject: id.to_string(),
            detail: serde_json::json!({ "reason": reason }),
        };
        let reason = format!("discarded: {reason}");
        self.write(move |connection| {
            Box::pin(async move {
                let moved = sqlx::query(
                    "UPDATE delivery SET state = 'dead', state_reason = $3, finished_at = $4,
                         expires_at = NULL
                     WHERE organization_id = $1 AND id = $2 
                       AND (state IN ('ready', 'parked') OR (state = 'dead' AND expires_at IS NOT NULL))
                     RETURNING install_id",
                )
                .bind(entry.organization.to_string())
                .bind(entry.subject.clone())
                .bind(reason)
                .bind(now)
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = &moved else { return Ok(false) };
                let install: InstallId = Row::new("delivery", row).parsed("install_id")?;
                lane::ended(connection, [entry.subject.clone()]).await?;
                let installs = Of::Installs(vec![install.to_string()]);
                queue::changed(connection, Timestamp(now), installs).await?;
                last_word(&store, connection, &install, &entry.subject).await?;
                audit::append(&store, connection, &entry).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// What would have gone after it goes without it.
async fn last_word(
    store: &Store,
    connection: &mut AnyConnection,
    install: &InstallId,
    delivery: &str,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT d.id, e.kind, e.subject FROM delivery d JOIN event e ON e.id = d.event_id
         WHERE d.id = $1",
    )
    .bind(delivery.to_owned())
    .fetch_one(&mut *connection)
    .await?;
    let row = Row::new("delivery", &row);
    let (kind, subject) = (row.text("kind")?, row.text("subject")?);
    farewell::ended(store, connection, install, (&kind, &subject)).await
}
