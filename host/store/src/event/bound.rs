//! Events that others send to an install without knowing whether it keeps up: as much of them
//! waits as a limit allows. What waits is read off an index.
use sqlx::AnyConnection;
use venn_domain::{
    id::{DeliveryId, InstallId},
    limits,
    lineage::Lineage,
};

use super::{NewEvent, append_after};
use crate::{Store, StoreError, row::Row};

/// What is counted together.
pub(crate) struct Bound {
    /// Where a delivery has its bytes.
    bytes: &'static str,
    /// How many wait, and the limit's name.
    most: (u64, &'static str),
    /// The same of the bytes of their payloads.
    most_bytes: (u64, &'static str),
}

/// What third parties call, and what people ask.
pub(crate) const CALLS: Bound = Bound {
    bytes: "call_bytes",
    most: (limits::WEBHOOK_WAITING, "webhook.waiting"),
    most_bytes: (limits::WEBHOOK_WAITING_BYTES, "webhook.waiting.bytes"),
};

/// What other plugins add.
pub(crate) const TOLD: Bound = Bound {
    bytes: "told_bytes",
    most: (limits::EVENT_WAITING, "event.waiting"),
    most_bytes: (limits::EVENT_WAITING_BYTES, "event.waiting.bytes"),
};

impl Bound {
    /// The limit that another event with so large a payload would break.
    async fn full(
        &self,
        connection: &mut AnyConnection,
        install: &InstallId,
        payload: usize,
    ) -> Result<Option<&'static str>, StoreError> {
        let column = self.bytes;
        let sql = format!(
            "SELECT COUNT(*) AS events, CAST(COALESCE(SUM({column}), 0) AS bigint) AS bytes
             FROM delivery
             WHERE install_id = $1 AND {column} > 0 AND state IN ('ready', 'leased', 'parked')"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(install.to_string())
            .fetch_one(connection)
            .await?;
        let row = Row::new("delivery", &row);
        let ((most, name), (most_bytes, name_of_bytes)) = (self.most, self.most_bytes);
        if row.count("events")? >= most {
            return Ok(Some(name));
        }
        let bytes = row.count("bytes")?.saturating_add(payload as u64);
        Ok((bytes > most_bytes).then_some(name_of_bytes))
    }
}

/// Appends an event that somebody sent, and its delivery, which counts as waiting until it is
/// finished. Where too much waits for the install, the limit, and nothing is written.
pub(crate) async fn append_within(
    store: &Store,
    connection: &mut AnyConnection,
    bound: &Bound,
    new: &NewEvent,
    lineage: &Lineage,
) -> Result<Result<DeliveryId, &'static str>, StoreError> {
    let bytes = new.payload.len();
    if let Some(limit) = bound.full(connection, &new.install, bytes).await? {
        return Ok(Err(limit));
    }
    let delivery = append_after(store, connection, new, lineage).await?;
    let sql = format!("UPDATE delivery SET {} = $1 WHERE id = $2", bound.bytes);
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(delivery.to_string())
        .execute(connection)
        .await?;
    Ok(Ok(delivery))
}
