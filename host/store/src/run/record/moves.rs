//! What becomes of deliveries after their runs.
use sqlx::AnyConnection;
use venn_domain::{event::runs_beside_others, time::Timestamp};

use super::{Next, RunRecord, rows::Written};
use crate::{
    StoreError, crash,
    delivery::{
        lane,
        queue::{self, Of},
    },
    many::{padded, places},
    row::without_nul,
};

/// Deliveries whose runs were overtaken: again at once, and alone, so that this one is not.
/// It was no attempt that failed.
pub(super) async fn run_again(
    connection: &mut AnyConnection,
    written: &[Written<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let leased: Vec<_> =
        written.iter().filter(|one| one.overtaken).map(|one| &one.record.leased).collect();
    let ids = padded(leased.iter().map(|leased| leased.id.to_string()));
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE delivery SET state = 'ready', state_reason = '', lease_until = NULL,
             not_before = $1, attempt = attempt - 1, alone = 1
         WHERE id IN ({})",
        places(2, ids.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0);
    for id in ids {
        query = query.bind(id);
    }
    query.execute(&mut *connection).await?;
    let installs = leased.iter().map(|leased| leased.install.to_string()).collect();
    queue::changed(connection, now, Of::Installs(installs)).await
}

/// Those that are done in one statement, the others one by one.
pub(super) async fn move_deliveries(
    connection: &mut AnyConnection,
    records: &[&RunRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = records.iter().filter(|record| record.next == Next::Done);
    let done = padded(done.map(|record| record.leased.id.to_string()));
    if !done.is_empty() {
        let sql = format!(
            "UPDATE delivery SET state = 'done', state_reason = '', lease_until = NULL,
                 finished_at = $1, expires_at = NULL, progress_done = progress_total,
                 continuation = NULL
             WHERE id IN ({})",
            places(2, done.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0);
        for id in done {
            query = query.bind(id);
        }
        query.execute(&mut *connection).await?;
    }
    for record in records {
        move_on(connection, record, now).await?;
    }
    let over = records
        .iter()
        .filter(|record| record.next.is_end())
        .map(|record| record.leased.id.to_string());
    lane::ended(connection, over).await?;
    let installs = records.iter().map(|record| record.leased.install.to_string()).collect();
    queue::changed(connection, now, Of::Installs(installs)).await
}

/// A leased one has a reason only if what it may come to wait for has changed since
/// it was leased ([`crate::delivery::unpark`]): then it does not wait.
async fn move_on(
    connection: &mut AnyConnection,
    record: &RunRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = record.leased.id.to_string();
    let query = match &record.next {
        Next::Done => return Ok(()),
        Next::Again { continuation, done, total } => sqlx::query(
            "UPDATE delivery SET state = 'ready', lease_until = NULL, not_before = $2, step = step + 1,
                                 state_reason = '', attempt = 0, cut_off = 0, continuation = $3,
                                 progress_done = $4, progress_total = $5, expires_at = NULL, alone = $6
             WHERE id = $1",
        )
        .bind(id)
        .bind(now.0)
        .bind(without_nul(continuation))
        .bind(i64::try_from(*done).unwrap_or(i64::MAX))
        .bind(i64::try_from(*total).unwrap_or(i64::MAX))
        // One step that was overtaken does not keep the next from going beside others.
        .bind(i64::from(!runs_beside_others(&record.leased.event.kind))),
        Next::Retry { at } => sqlx::query(
            "UPDATE delivery SET state = 'ready', state_reason = '', lease_until = NULL,
                                 not_before = CASE state_reason WHEN '' THEN $2 ELSE $3 END
             WHERE id = $1",
        )
        .bind(id)
        .bind(at.0)
        .bind(now.0),
        Next::Held => sqlx::query(
            "UPDATE delivery SET state = 'ready', state_reason = '', lease_until = NULL,
                                 not_before = $2, attempt = attempt - 1
             WHERE id = $1",
        )
        .bind(id)
        .bind(now.0),
        Next::Parked { reason } => sqlx::query(
            "UPDATE delivery SET state = CASE state_reason WHEN '' THEN 'parked' ELSE 'ready' END,
                                 state_reason = CASE state_reason WHEN '' THEN $2 ELSE '' END,
                                 lease_until = NULL, attempt = 0
             WHERE id = $1",
        )
        .bind(id)
        .bind(reason.clone()),
        Next::Dead { reason } => sqlx::query(
            "UPDATE delivery SET state = 'dead', state_reason = $2, lease_until = NULL, finished_at = $3,
                                 expires_at = NULL
             WHERE id = $1",
        )
        .bind(id)
        .bind(reason.clone())
        .bind(now.0),
    };
    query.execute(connection).await?;
    crash::point("record.moved");
    Ok(())
}
