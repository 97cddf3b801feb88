//! What is kept for a time only: recordings, runs with their logs, deliveries with their
//! events, and resolved incidents with what was told of them. The audit is kept as long
//! as its organization is.
//!
//! All goes a piece at a time: nobody waits for long while years are dropped.
use sqlx::AnyConnection;
use venn_domain::{
    id::{IdSource, RunId},
    limits,
    time::Timestamp,
};

use crate::{Store, StoreError};

#[cfg(test)]
mod tests;

/// What was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Recordings of runs.
    pub tapes: u64,
    /// Runs, with their logs.
    pub runs: u64,
    /// Deliveries, with their events.
    pub deliveries: u64,
    /// Incidents, with what was told of them.
    pub incidents: u64,
}

/// Things of one kind that go in one transaction.
const PIECE: i64 = 200;

/// The ids of this moment are not below this one's, those of earlier ones are.
pub(crate) struct First(pub(crate) u64);

impl IdSource for First {
    fn next(&self) -> (u64, u128) {
        (self.0, 0)
    }
}

/// A class of what is kept: the statements that drop a piece of it, of `$2` runs at most with
/// ids below `$1`; the last one says how much went. An id begins with its time.
type Class = &'static [&'static str];

const TAPES: Class = &["DELETE FROM tape WHERE run_id IN
    (SELECT run_id FROM tape WHERE run_id < $1 ORDER BY run_id LIMIT $2)"];

/// Also of deliveries that go on: a chain of work has no end of its own.
const RUNS: Class = &[
    "DELETE FROM tape WHERE run_id IN (SELECT id FROM run WHERE id < $1 ORDER BY id LIMIT $2)",
    "DELETE FROM run_log WHERE run_id IN (SELECT id FROM run WHERE id < $1 ORDER BY id LIMIT $2)",
    "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE id < $1 ORDER BY id LIMIT $2)",
];

impl Store {
    /// Drops what is older than its class is kept.
    pub async fn sweep_retained(&self) -> Result<Dropped, StoreError> {
        let before = |days: u64| self.now().plus_ms(-days.cast_signed() * 24 * 60 * 60 * 1_000);
        let (tapes, runs) = (before(limits::TAPE_DAYS), before(limits::RUN_DAYS));
        let mut dropped = Dropped {
            tapes: self.drop_by_id(TAPES, tapes).await?,
            runs: self.drop_by_id(RUNS, runs).await?,
            ..Dropped::default()
        };
        while let piece @ 1.. = self.drop_deliveries(runs).await? {
            dropped.deliveries += piece;
        }
        while let piece @ 1.. = self.drop_incidents(runs).await? {
            dropped.incidents += piece;
        }
        Ok(dropped)
    }

    async fn drop_by_id(&self, class: Class, before: Timestamp) -> Result<u64, StoreError> {
        let ms = u64::try_from(before.0 / 1_000).unwrap_or_default();
        let first = RunId::make(&First(ms)).to_string();
        let mut dropped = 0;
        loop {
            let first = first.clone();
            let piece = self.write_data(move |connection| {
                Box::pin(async move {
                    let mut gone = 0;
                    for sql in class {
                        let query = sqlx::query(*sql).bind(first.clone()).bind(PIECE);
                        gone = query.execute(&mut *connection).await?.rows_affected();
                    }
                    Ok(gone)
                })
            });
            match piece.await? {
                0 => return Ok(dropped),
                piece => dropped += piece,
            }
        }
    }

    /// Deliveries that have ended long ago, and of which no run is left. The newest sync
    /// of a source is kept.
    async fn drop_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write_data(move |connection| {
            Box::pin(async move {
                let rows: Vec<(String, String)> = sqlx::query_as(
                    "SELECT d.id, d.event_id FROM delivery d
                     WHERE d.state IN ('done', 'dead') AND d.finished_at < $1
                       AND NOT EXISTS (SELECT 1 FROM run r WHERE r.delivery_id = d.id)
                       AND NOT EXISTS (SELECT 1 FROM source s WHERE s.delivery_id = d.id)
                     ORDER BY d.finished_at, d.id LIMIT $2",
                )
                .bind(before.0)
                .bind(PIECE)
                .fetch_all(&mut *connection)
                .await?;
                for (delivery, event) in &rows {
                    delete(connection, "DELETE FROM delivery WHERE id = $1", delivery).await?;
                    delete(connection, "DELETE FROM event WHERE id = $1", event).await?;
                }
                Ok(rows.len() as u64)
            })
        })
        .await
    }

    async fn drop_incidents(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write_data(move |connection| {
            Box::pin(async move {
                let ids: Vec<String> = sqlx::query_scalar(
                    "SELECT id FROM incident WHERE state = 'resolved' AND resolved_at < $1
                     ORDER BY resolved_at, id LIMIT $2",
                )
                .bind(before.0)
                .bind(PIECE)
                .fetch_all(&mut *connection)
                .await?;
                for id in &ids {
                    delete(connection, "DELETE FROM route WHERE incident_id = $1", id).await?;
                    delete(connection, "DELETE FROM incident WHERE id = $1", id).await?;
                }
                Ok(ids.len() as u64)
            })
        })
        .await
    }
}

async fn delete(
    connection: &mut AnyConnection,
    sql: &'static str,
    id: &str,
) -> Result<(), StoreError> {
    sqlx::query(sql).bind(id.to_owned()).execute(connection).await?;
    Ok(())
}
