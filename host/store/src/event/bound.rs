//! Events that others send to an install without knowing whether it keeps up: as much of them
//! waits as a limit allows. What waits is read off an index.
use sqlx::AnyConnection;
use venn_domain::{
    id::{DeliveryId, InstallId},
    limits,
    lineage::Lineage,
};

use super::{NewEvent, append_after, stands_for};
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
    /// The limit that so many more events would break, or so many more bytes.
    async fn full(
        &self,
        connection: &mut AnyConnection,
        install: &InstallId,
        (events, payload): (u64, usize),
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
        if events > 0 && row.count("events")?.saturating_add(events) > most {
            return Ok(Some(name));
        }
        let bytes = row.count("bytes")?.saturating_add(payload as u64);
        Ok((bytes > most_bytes).then_some(name_of_bytes))
    }

    /// So many bytes wait with this delivery.
    async fn counts(
        &self,
        connection: &mut AnyConnection,
        delivery: &str,
        bytes: usize,
    ) -> Result<(), StoreError> {
        let sql = format!("UPDATE delivery SET {} = $1 WHERE id = $2", self.bytes);
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .bind(delivery.to_owned())
            .execute(connection)
            .await?;
        Ok(())
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
    if let Some(limit) = bound.full(connection, &new.install, (1, bytes)).await? {
        return Ok(Err(limit));
    }
    let delivery = append_after(store, connection, new, lineage).await?;
    bound.counts(connection, delivery.as_str(), bytes).await?;
    Ok(Ok(delivery))
}

/// An event that waits, with its delivery and its payload's bytes.
pub(crate) struct Waits {
    pub event: String,
    pub delivery: String,
    pub bytes: usize,
}

/// Gives an event that waits another payload, because it stands for something newer, too. The
/// limit where that is too much; then nothing is written.
pub(crate) async fn replace_within(
    connection: &mut AnyConnection,
    bound: &Bound,
    install: &InstallId,
    waits: &Waits,
    payload: String,
    lineage: &Lineage,
) -> Result<Option<&'static str>, StoreError> {
    let bytes = payload.len();
    let more = (0, bytes.saturating_sub(waits.bytes));
    if let Some(limit) = bound.full(connection, install, more).await? {
        return Ok(Some(limit));
    }
    sqlx::query("UPDATE event SET payload = $2 WHERE id = $1")
        .bind(waits.event.clone())
        .bind(payload)
        .execute(&mut *connection)
        .await?;
    stands_for(connection, &waits.event, lineage).await?;
    bound.counts(connection, &waits.delivery, bytes).await?;
    Ok(None)
}
