//! What waited longer than it is of use is dead, whoever it waited for. Until when that is,
//! the domain says ([`venn_domain::event::of_use_until`]).
use sqlx::AnyConnection;
use venn_domain::{event::EXPIRED, id::DeliveryId, time::Timestamp};

use super::{
    lane,
    queue::{self, Of},
};
use crate::{StoreError, row::Row};

/// Given up in one look: bounds how long others wait for it.
const MOST: i64 = 500;

/// Gives up what has not begun in time; what waits behind it goes on.
pub(super) async fn expire(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE delivery SET state = 'dead', state_reason = $2, finished_at = $1
         WHERE id IN (SELECT id FROM delivery
                      WHERE state IN ('ready', 'parked') AND expires_at <= $1
                      ORDER BY expires_at LIMIT $3)
         RETURNING id, install_id",
    )
    .bind(now.0)
    .bind(EXPIRED)
    .bind(MOST)
    .fetch_all(&mut *connection)
    .await?;
    let (mut ended, mut installs) = (Vec::new(), Vec::new());
    for row in &rows {
        let row = Row::new("delivery", row);
        ended.push(row.text("id")?);
        installs.push(row.text("install_id")?);
    }
    lane::ended(connection, ended).await?;
    queue::changed(connection, now, Of::Installs(installs)).await
}

/// One that has not begun stands for something newer, too.
pub(crate) async fn keep_until(
    connection: &mut AnyConnection,
    id: &DeliveryId,
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE delivery SET expires_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(until.map(|until| until.0))
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
