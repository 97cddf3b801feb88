//! Which delivery of an install's subject is next. A subject is a lane: its
//! deliveries are done in order, and the oldest unfinished one has `is_next`.
//!
//! Whatever ends one, or begins one anew, says so here in the same transaction.
use sqlx::AnyConnection;

use crate::{
    StoreError,
    many::{padded, places},
};

/// The value of `is_next` for a new delivery of install `$3` and subject `$5`.
pub(crate) const OF_A_NEW_ONE: &str = "CASE WHEN EXISTS
    (SELECT 1 FROM delivery o WHERE o.install_id = $3 AND o.subject = $5
        AND o.state IN ('ready', 'leased', 'parked')) THEN 0 ELSE 1 END";

/// The oldest unfinished one of the lane of `f`.
const OLDEST: &str = "SELECT o.id FROM delivery o
    WHERE o.install_id = f.install_id AND o.subject = f.subject
      AND o.state IN ('ready', 'leased', 'parked') ORDER BY o.id LIMIT 1";

/// Whether somebody is next in the lane of `f` as it is: it ended, and was not next.
const SOMEBODY: &str = "SELECT 1 FROM delivery n
    WHERE n.install_id = f.install_id AND n.subject = f.subject AND n.is_next = 1
      AND n.state IN ('ready', 'leased', 'parked')";

/// These have ended: whoever waited behind one is next.
pub(crate) async fn ended(
    connection: &mut AnyConnection,
    ids: impl IntoIterator<Item = String>,
) -> Result<(), StoreError> {
    let ids = padded(ids);
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE delivery SET is_next = 1
         WHERE id IN (SELECT ({OLDEST}) FROM delivery f
                      WHERE f.id IN ({}) AND NOT EXISTS ({SOMEBODY}))",
        places(1, ids.len())
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(id);
    }
    query.execute(connection).await?;
    Ok(())
}

/// A finished or waiting one has begun anew in this lane: the oldest is next, unless
/// one runs, which stays it.
pub(super) async fn began_anew(
    connection: &mut AnyConnection,
    install: &str,
    subject: &str,
) -> Result<(), StoreError> {
    let nobody = "UPDATE delivery SET is_next = 0
        WHERE install_id = $1 AND subject = $2 AND state IN ('ready', 'parked')";
    let oldest = "UPDATE delivery SET is_next = 1
        WHERE id = (SELECT MIN(id) FROM delivery WHERE install_id = $1 AND subject = $2
                        AND state IN ('ready', 'leased', 'parked'))
          AND NOT EXISTS (SELECT 1 FROM delivery WHERE install_id = $1 AND subject = $2
                              AND state = 'leased')";
    for sql in [nobody, oldest] {
        let query = sqlx::query(sql).bind(install.to_owned()).bind(subject.to_owned());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
