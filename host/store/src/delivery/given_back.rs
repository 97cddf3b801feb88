//! What is given back without anybody doing something: leases whose time is over, and
//! deliveries that a wrong clock has put off.
use sqlx::AnyConnection;
use venn_domain::{limits, retry, time::Timestamp};

use super::queue::{self, Of};
use crate::{Store, StoreError, row::Row};

/// A lease that ends later than this was given by a clock that has been put back since. Twice
/// a lease: a clock that is put back a little takes none from who works.
const LATEST_MS: i64 = 2 * limits::LEASE_MS.cast_signed();

/// No lease that was given before this moment ends after that.
pub(super) const fn too_late(now: Timestamp) -> Timestamp {
    now.plus_ms(LATEST_MS)
}

/// Gives back the leases that have ended, and those that end too late.
pub(super) async fn leases(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE delivery SET state = 'ready', lease_until = NULL
         WHERE state = 'leased' AND (lease_until < $1 OR lease_until > $2) RETURNING install_id",
    )
    .bind(now.0)
    .bind(too_late(now).0)
    .fetch_all(&mut *connection)
    .await?;
    let installs = rows.iter().map(|row| Row::new("delivery", row).text("install_id"));
    let installs = installs.collect::<Result<_, _>>()?;
    queue::changed(connection, now, Of::Installs(installs)).await
}

/// Gives back every lease, of a server that has ended; returns how many.
pub(super) async fn of_a_dead_server(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let given_back = sqlx::query(
        "UPDATE delivery SET state = 'ready', lease_until = NULL, cut_off = cut_off + 1,
             attempt = CASE WHEN cut_off < $1 AND attempt > 0 THEN attempt - 1 ELSE attempt END
         WHERE state = 'leased'",
    )
    .bind(retry::CUT_OFF.cast_signed())
    .execute(&mut *connection)
    .await?
    .rows_affected();
    queue::changed(connection, now, Of::Everyone).await?;
    Ok(given_back)
}

impl Store {
    /// Makes due what waits for longer than anything does: it was put off by a clock that
    /// has been put back since. Returns how many.
    pub async fn sweep_put_off(&self) -> Result<u64, StoreError> {
        let now = self.now();
        self.write_data(move |connection| {
            Box::pin(async move {
                let moved = sqlx::query(
                    "UPDATE delivery SET not_before = $1 WHERE state = 'ready' AND not_before > $2",
                )
                .bind(now.0)
                .bind(now.plus_ms(retry::LONGEST_MS).0)
                .execute(&mut *connection)
                .await?
                .rows_affected();
                // Places in the queue may be later than what stands there.
                queue::changed(connection, now, Of::Everyone).await?;
                Ok(moved)
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests;
