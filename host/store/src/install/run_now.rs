//! A person asks for a run, without waiting for what the manifest schedules.
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    event::{RUN_NOW, SCHEDULE, ScheduleDue, of_use_until},
    id::{DeliveryId, UserId},
};

use super::{Install, change::manifest};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    delivery::{
        self,
        queue::{self, Of},
    },
    event::{NewEvent, append},
    row::json,
};

/// The delivery that brings a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNow {
    /// It.
    pub delivery: DeliveryId,
    /// It waited already: nothing was added.
    pub waited_already: bool,
}

impl Store {
    /// Makes a `schedule` event for an install, unless one that a person asked
    /// for waits already: then that one is due now. None if the plugin does not
    /// ask for schedules.
    pub async fn run_now(
        &self,
        install: &Install,
        actor: &UserId,
    ) -> Result<Option<RunNow>, StoreError> {
        let (store, install, actor) = (self.clone(), install.clone(), actor.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                if !manifest(connection, &install.release).await?.wants(SCHEDULE) {
                    return Ok(None);
                }
                // Who asks is in the audit, whether or not somebody did before.
                let waits = waiting(&store, connection, &install).await?;
                let entry = NewAudit {
                    organization: install.organization.clone(),
                    actor: actor.to_string(),
                    action: "install.run",
                    subject: install.id.to_string(),
                    detail: json!({ "plugin": install.plugin, "waited_already": waits.is_some() }),
                };
                audit::append(&store, connection, &entry).await?;
                if let Some(delivery) = waits {
                    return Ok(Some(RunNow { delivery, waited_already: true }));
                }
                let payload = ScheduleDue {
                    schedule: RUN_NOW.to_owned(),
                    due_at: store.now().0,
                    asked_by: Some(actor),
                };
                let new = NewEvent {
                    organization: install.organization,
                    install: install.id,
                    kind: SCHEDULE,
                    subject: RUN_NOW.to_owned(),
                    payload: json(&payload),
                };
                let delivery = append(&store, connection, &new).await?;
                Ok(Some(RunNow { delivery, waited_already: false }))
            })
        })
        .await
    }
}

/// The one that waits, made due.
async fn waiting(
    store: &Store,
    connection: &mut AnyConnection,
    install: &Install,
) -> Result<Option<DeliveryId>, StoreError> {
    let found = delivery::not_begun(connection, &install.id, SCHEDULE, RUN_NOW).await?;
    let Some(id) = found else { return Ok(None) };
    sqlx::query(
        "UPDATE delivery SET state = 'ready', state_reason = '', not_before = $2 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(store.now().0)
    .execute(&mut *connection)
    .await?;
    let until = of_use_until(SCHEDULE, store.now(), None);
    delivery::expire::keep_until(connection, &id, until).await?;
    queue::changed(connection, store.now(), Of::Installs(vec![install.id.to_string()])).await?;
    Ok(Some(id))
}
