//! A probe at once: somebody acted, or does not want to wait.
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::{
    id::{InstallId, UserId},
    time::Timestamp,
};

use super::{Kept, destination_id, find, save};
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    delivery::queue::{self, Of},
    install::Install,
    row::Row,
};

impl Store {
    /// Lets an install that rests try one event now; false if it does not rest.
    pub async fn try_install(&self, install: &Install, actor: &UserId) -> Result<bool, StoreError> {
        let (store, install, actor) = (self.clone(), install.clone(), actor.to_string());
        self.write_data(move |connection| {
            Box::pin(async move {
                let now = store.now();
                let rests = try_now(connection, &install.id, now).await?;
                let id = install.id.to_string();
                queue::changed(connection, now, Of::Installs(vec![id.clone()])).await?;
                // Who asks is in the audit, whether or not it rests.
                let entry = NewAudit {
                    organization: install.organization,
                    actor,
                    action: "install.tried",
                    subject: id,
                    detail: json!({ "plugin": install.plugin, "rested": rests }),
                };
                audit::append(&store, connection, &entry).await?;
                Ok(rests)
            })
        })
        .await
    }
}

/// The same of all installs that rest and of which this is true: `$1` is `id`.
pub(crate) async fn try_now_where(
    connection: &mut AnyConnection,
    which: &'static str,
    id: String,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT install_id FROM breaker
         WHERE rests_until IS NOT NULL AND install_id IS NOT NULL AND {which}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_all(&mut *connection).await?;
    for row in &rows {
        let install = Row::new("breaker", row).parsed("install_id")?;
        try_now(connection, &install, now).await?;
    }
    Ok(())
}

/// The install's own breaker and its destination's are half-open now; whether it rests.
/// Whoever calls this puts the install where it belongs.
async fn try_now(
    connection: &mut AnyConnection,
    install: &InstallId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let resting = |kept: &Kept| kept.rests_until.is_some();
    let Some(mut kept) = find(connection, install.to_string()).await?.filter(resting) else {
        return Ok(false);
    };
    kept.breaker.try_now(now);
    let id = destination_id(&kept.organization, &kept.destination);
    let mut destination = find(connection, id).await?;
    if let Some(destination) = &mut destination {
        destination.breaker.try_now(now);
        save(connection, destination).await?;
    }
    kept.rest(destination.as_ref(), now);
    save(connection, &kept).await?;
    Ok(true)
}
