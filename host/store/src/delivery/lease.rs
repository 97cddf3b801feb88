//! Which deliveries are taken: the next one of each (install, subject), if it is due,
//! and one per install.
//!
//! Only what could be taken is looked at, by indexes of nothing else: what an install
//! has behind it, or before it, costs nothing.
use std::collections::HashSet;

use sqlx::AnyConnection;
use venn_domain::time::Timestamp;

use super::{COLUMNS, Leased, event, small};
use crate::{
    StoreError,
    many::{padded, places},
    row::Row,
};

/// Deliveries `d` that could be leased at the moment `$1`: one that is leased blocks
/// its whole install.
const LEASABLE: &str = "
    FROM delivery d JOIN event e ON e.id = d.event_id
    WHERE d.state = 'ready' AND d.is_next = 1 AND d.not_before <= $1
      AND NOT EXISTS (SELECT 1 FROM delivery o
                      WHERE o.install_id = d.install_id AND o.state = 'leased')";

/// Candidates looked at per delivery wanted: several of one install may be ready.
const CANDIDATES_PER_LEASE: u32 = 4;

pub(super) async fn lease(
    connection: &mut AnyConnection,
    now: Timestamp,
    most: u32,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let sql = format!("SELECT {COLUMNS} {LEASABLE} ORDER BY d.not_before, d.id LIMIT $2");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.0)
        .bind(i64::from(most * CANDIDATES_PER_LEASE))
        .fetch_all(&mut *connection)
        .await?;
    let mut installs = HashSet::new();
    let mut leased = Vec::new();
    for row in &rows {
        let row = Row::new("delivery", row);
        if leased.len() < most as usize && installs.insert(row.text("install_id")?) {
            leased.push(taken(&row)?);
        }
    }
    take(connection, &leased, until).await?;
    Ok(leased)
}

/// Since when the one that waits longest could be leased.
pub(super) async fn due_since(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = format!("SELECT MIN(d.not_before) {LEASABLE}");
    let since: Option<i64> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(now.0).fetch_one(connection).await?;
    Ok(since.map(Timestamp))
}

/// The delivery as it is once it is taken.
fn taken(row: &Row<'_>) -> Result<Leased, StoreError> {
    Ok(Leased {
        id: row.parsed("id")?,
        install: row.parsed("install_id")?,
        organization: row.parsed("organization_id")?,
        event: event(row)?,
        step: small(row.count("step")?),
        attempt: small(row.count("attempt")?.saturating_add(1)),
        fence: row.count("fence")?.saturating_add(1),
        created_at: row.time("created_at")?,
        trace: row.text("trace")?,
    })
}

/// Takes them in the transaction in which they were read.
async fn take(
    connection: &mut AnyConnection,
    leased: &[Leased],
    until: Timestamp,
) -> Result<(), StoreError> {
    if leased.is_empty() {
        return Ok(());
    }
    let ids = padded(leased.iter().map(|leased| leased.id.to_string()));
    let sql = format!(
        "UPDATE delivery SET state = 'leased', state_reason = '', fence = fence + 1,
             attempt = attempt + 1, lease_until = $1
         WHERE id IN ({})",
        places(2, ids.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(until.0);
    for id in ids {
        query = query.bind(id);
    }
    query.execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
