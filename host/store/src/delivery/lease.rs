//! Which deliveries are taken: of installs that wait for their turn, the first one that
//! is due of each. Whose turn it is the domain decides ([`Room`]); an install runs one
//! delivery at a time, or as many as its release asks for.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    breaker::Turn,
    room::{Room, Waiting},
    time::Timestamp,
};

use super::{
    COLUMNS, Leased, event, expire, given_back, lane,
    queue::{self, first},
    small,
};
use crate::{
    StoreError, breaker, crash,
    many::{padded, places},
    row::Row,
};

/// Why a delivery is given up that says what it cannot.
const UNREADABLE: &str = "its row cannot be read: the server's log says why";

/// What was taken, and whether another look may find more at once.
#[derive(Debug, Default)]
pub struct Lease {
    /// In the order of their turns.
    pub leased: Vec<Leased>,
    /// There was no more room, or an install may do more beside what it was given. Otherwise
    /// nothing is to be had before something ends or begins.
    pub more: bool,
}

/// Gives back what was leased for too long and gives up what is too old, if there is any;
/// then takes up to `most`.
pub(super) async fn lease(
    connection: &mut AnyConnection,
    now: Timestamp,
    most: u32,
    until: Timestamp,
) -> Result<Lease, StoreError> {
    let mut look = look(connection, now, most).await?;
    if look.is_late {
        given_back::leases(connection, now).await?;
        expire::expire(connection, now).await?;
        look = self::look(connection, now, most).await?;
    }
    let mut room = look.room;
    let waiting = queue::waiting(connection, now, &room, most).await?;
    let given = room.give(waiting);
    if given.is_empty() {
        return Ok(Lease::default());
    }
    let is_full = given.len() as u64 >= u64::from(most);
    let mut turns = HashMap::new();
    if look.some_rest {
        let installs = given.iter().map(|one| &one.install);
        turns = breaker::turns(connection, now, until, installs).await?;
    }
    let runs = |one: &&Waiting| !matches!(turns.get(&one.install), Some(Turn::Wait(_)));
    let running: Vec<_> = given.iter().filter(runs).cloned().collect();
    let mut leased = first_of(connection, now, &running).await?;
    for leased in &mut leased {
        leased.is_probe = turns.get(&leased.install) == Some(&Turn::Probe);
    }
    take(connection, &leased, until).await?;
    let installs = given.into_iter().map(|one| one.install.into()).collect();
    let some_go_on = queue::served(connection, now, installs).await?;
    crash::point("lease.before-commit");
    Ok(Lease { leased, more: is_full || some_go_on })
}

/// What a lease begins with.
struct Look {
    /// What is free, and who holds the rest.
    room: Room,
    /// Something is leased for too long, or too old.
    is_late: bool,
    /// There are installs that rest.
    some_rest: bool,
}

async fn look(
    connection: &mut AnyConnection,
    now: Timestamp,
    free: u32,
) -> Result<Look, StoreError> {
    let rows = sqlx::query(LOOK)
        .bind(now.0)
        .bind(given_back::too_late(now).0)
        .fetch_all(connection)
        .await?;
    let mut look = Look { room: Room::new(free.into()), is_late: false, some_rest: false };
    for row in &rows {
        let row = Row::new("delivery", row);
        let held = row.count("held")?;
        match row.text("what")?.as_str() {
            "late" => look.is_late = held > 0,
            "rest" => look.some_rest = held > 0,
            _ => look.room.hold(row.parsed("organization_id")?, row.parsed("plugin_id")?, held),
        }
    }
    Ok(look)
}

/// In one statement. Of `organization_id` a text is made, lest SQLite walks all deliveries in
/// the order of its index.
pub(super) const LOOK: &str = "
    SELECT 'held' AS what, d.organization_id || '' AS organization_id, i.plugin_id, COUNT(*) AS held
    FROM delivery d JOIN install i ON i.id = d.install_id
    WHERE d.state = 'leased' GROUP BY d.organization_id || '', i.plugin_id
    UNION ALL SELECT 'late', '', '', CASE WHEN EXISTS (
            SELECT 1 FROM delivery WHERE state = 'leased' AND (lease_until < $1 OR lease_until > $2))
        OR EXISTS (SELECT 1 FROM delivery WHERE state IN ('ready', 'parked') AND expires_at <= $1)
        THEN 1 ELSE 0 END
    UNION ALL SELECT 'rest', '', '', CASE WHEN EXISTS (
            SELECT 1 FROM breaker WHERE rests_until IS NOT NULL) THEN 1 ELSE 0 END";

/// The first delivery of each install, in their order.
async fn first_of(
    connection: &mut AnyConnection,
    now: Timestamp,
    installs: &[Waiting],
) -> Result<Vec<Leased>, StoreError> {
    let ids = padded(installs.iter().map(|one| one.install.to_string()));
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sqlx::query(sqlx::AssertSqlSafe(firsts(ids.len()))).bind(now.0);
    for id in ids {
        query = query.bind(id);
    }
    let rows = query.fetch_all(&mut *connection).await?;
    let mut leased = Vec::new();
    for row in &rows {
        let row = Row::new("delivery", row);
        match taken(&row) {
            Ok(one) => leased.push(one),
            Err(error) => unreadable(connection, now, &row.text("id")?, &error).await?,
        }
    }
    leased.sort_by_key(|leased| installs.iter().position(|one| one.install == leased.install));
    Ok(leased)
}

/// One that cannot be read is given up, so that it holds up nobody.
async fn unreadable(
    connection: &mut AnyConnection,
    now: Timestamp,
    id: &str,
    error: &StoreError,
) -> Result<(), StoreError> {
    tracing::error!(%error, "delivery.unreadable: it is given up");
    sqlx::query(
        "UPDATE delivery SET state = 'dead', state_reason = $3, finished_at = $2,
             expires_at = NULL, progress_done = 0, progress_total = 0
         WHERE id = $1",
    )
    .bind(id.to_owned())
    .bind(now.0)
    .bind(UNREADABLE)
    .execute(&mut *connection)
    .await?;
    lane::ended(connection, [id.to_owned()]).await
}

/// The first deliveries of so many installs, bound from the second place on.
pub(super) fn firsts(installs: usize) -> String {
    format!(
        "SELECT {COLUMNS} FROM install i JOIN delivery d ON d.id = {} JOIN event e ON e.id = d.event_id
         WHERE i.id IN ({}) AND d.not_before <= $1",
        first!("d.id", "i.id"),
        places(2, installs)
    )
}

/// Since when the one that waits longest could be leased.
pub(super) async fn due_since(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = concat!(
        "SELECT MIN(",
        first!("d.not_before", "q.install_id"),
        ") FROM queue q WHERE q.due_at <= $1"
    );
    let since: Option<i64> = sqlx::query_scalar(sql).bind(now.0).fetch_one(connection).await?;
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
        lineage: row.json("lineage")?,
        done: row.count("progress_done")?,
        total: row.count("progress_total")?,
        still: row.count("still")?,
        expires_at: row.time_or_none("expires_at")?,
        is_probe: false,
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
