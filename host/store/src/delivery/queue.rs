//! The queue of installs: those that have work to do and may do it beside what they do
//! already, which is nothing unless their release asks for more. However much an install
//! has to do, it stands there once.
//!
//! Whatever may change what an install could do next says so with [`changed`], in the
//! same transaction: each statement that writes `delivery` outside of tests.
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    id::{OrganizationId, PartnershipId, PluginId},
    room::{Room, Waiting},
    time::Timestamp,
};

use crate::{
    StoreError,
    many::{padded, places},
    row::Row,
};

/// Of the first delivery of an install that may be taken next.
macro_rules! first {
    ($column:literal, $install:literal) => {
        concat!(
            "(SELECT ",
            $column,
            " FROM delivery d
              WHERE d.install_id = ",
            $install,
            " AND d.state = 'ready' AND d.is_next = 1
              ORDER BY d.not_before, d.id LIMIT 1)"
        )
    };
}
pub(super) use first;

/// When the next run of an install is due: its first delivery's time, or when it has
/// rested.
macro_rules! due {
    ($install:literal) => {
        first!(
            "CASE WHEN (SELECT b.rests_until FROM breaker b WHERE b.id = d.install_id) > d.not_before
                  THEN (SELECT b.rests_until FROM breaker b WHERE b.id = d.install_id)
                  ELSE d.not_before END",
            $install
        )
    };
}

/// When install `i` may do its next work; null while it may not, or has none. It may if
/// nothing of it runs. What may run beside others may do so as long as there are fewer than
/// its release asks for, and none that runs alone. What comes first and runs alone lets
/// nothing that comes later go before it.
macro_rules! may_go_on {
    () => {
        concat!(
            "CASE WHEN NOT EXISTS (SELECT 1 FROM delivery o
                                   WHERE o.install_id = i.id AND o.state = 'leased')
                       OR ",
            first!("d.alone", "i.id"),
            " = 0
                          AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.install_id = i.id
                                              AND o.state = 'leased' AND o.alone = 1)
                          AND (SELECT COUNT(*) FROM delivery o
                               WHERE o.install_id = i.id AND o.state = 'leased')
                              < (SELECT r.concurrency FROM release r WHERE r.id = i.release_id)
                  THEN ",
            due!("i.id"),
            " END"
        )
    };
}

/// Installs of which deliveries were written.
#[derive(Debug, Clone)]
pub(crate) enum Of {
    /// These.
    Installs(Vec<String>),
    /// All of an organization.
    Organization(OrganizationId),
    /// All of a plugin.
    Plugin(PluginId),
    /// All that read this partnership.
    Partnership(PartnershipId),
    /// All that have unfinished work about this.
    Subject(PartnershipId),
    /// All.
    Everyone,
}

impl Of {
    /// What is true of install `i`, with places from the second on, and what is bound there.
    fn condition(self) -> (String, Vec<String>) {
        match self {
            Self::Installs(ids) => {
                let ids = padded(ids);
                (format!("i.id IN ({})", places(2, ids.len())), ids)
            }
            Self::Organization(id) => ("i.organization_id = $2".to_owned(), vec![id.into()]),
            Self::Plugin(id) => ("i.plugin_id = $2".to_owned(), vec![id.into()]),
            Self::Partnership(id) => (
                "i.id IN (SELECT install_id FROM install_partnership WHERE partnership_id = $2)"
                    .to_owned(),
                vec![id.into()],
            ),
            Self::Subject(id) => (
                "i.id IN (SELECT install_id FROM delivery
                          WHERE subject = $2 AND state IN ('ready', 'leased', 'parked'))"
                    .to_owned(),
                vec![id.into()],
            ),
            Self::Everyone => ("i.id <> $2".to_owned(), vec![String::new()]),
        }
    }
}

/// Puts installs where they belong by what they have to do now, and whether they rest
/// ([`crate::breaker`]). Who waits already keeps
/// its place; who ran, or had nothing to do, stands at the end.
pub(crate) async fn changed(
    connection: &mut AnyConnection,
    now: Timestamp,
    of: Of,
) -> Result<(), StoreError> {
    place(connection, now, of, MOVED).await.map(|_| ())
}

/// Whose place is otherwise now than in the queue.
const MOVED: &str = "WHERE excluded.due_at IS NULL AND queue.due_at IS NOT NULL
    OR excluded.due_at IS NOT NULL
       AND (excluded.due_at > $1 OR queue.due_at IS NULL OR queue.due_at > $1)";

/// Whoever they are, and when each is due now.
const ALL: &str = "RETURNING due_at";

/// Places them; those of `which` stand where they are to stand now, with others nothing is done.
async fn place(
    connection: &mut AnyConnection,
    now: Timestamp,
    of: Of,
    which: &str,
) -> Result<Vec<AnyRow>, StoreError> {
    let (sql, bound) = placing(of, which);
    if bound.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0);
    for value in bound {
        query = query.bind(value);
    }
    Ok(query.fetch_all(connection).await?)
}

fn placing(of: Of, which: &str) -> (String, Vec<String>) {
    let (condition, bound) = of.condition();
    let sql = format!(
        "INSERT INTO queue (install_id, organization_id, plugin_id, due_at)
         SELECT i.id, i.organization_id, i.plugin_id, {}
         FROM install i WHERE {condition}
         ON CONFLICT (install_id) DO UPDATE SET due_at =
             CASE WHEN excluded.due_at IS NULL OR excluded.due_at > $1 THEN excluded.due_at
                  ELSE $1 END
         {which}",
        may_go_on!()
    );
    (sql, bound)
}

/// These were given room: what they may do besides comes after everybody else's turn.
/// Whether there is any that one of them may do now.
pub(super) async fn served(
    connection: &mut AnyConnection,
    now: Timestamp,
    installs: Vec<String>,
) -> Result<bool, StoreError> {
    for row in &place(connection, now, Of::Installs(installs), ALL).await? {
        if Row::new("queue", row).time_or_none("due_at")?.is_some_and(|due| due <= now) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who could be given what is free: of the organizations that come first, in each the
/// installs that wait longest.
pub(super) async fn waiting(
    connection: &mut AnyConnection,
    now: Timestamp,
    room: &Room,
    most: u32,
) -> Result<Vec<Waiting>, StoreError> {
    let full: Vec<_> = padded(room.full_plugins().map(ToString::to_string));
    let sql = organizations(full.len());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0);
    for plugin in &full {
        query = query.bind(plugin.clone());
    }
    let mut first = Vec::new();
    for row in &query.fetch_all(&mut *connection).await? {
        let row = Row::new("queue", row);
        let id: OrganizationId = row.parsed("organization_id")?;
        if room.admits(&id) {
            first.push((room.load(&id), row.time("since")?, id));
        }
    }
    first.sort();
    first.truncate(most as usize);
    let organizations = padded(first.into_iter().map(|(_, _, id)| id.into()));
    if organizations.is_empty() {
        return Ok(Vec::new());
    }
    let sql = installs(full.len(), organizations.len());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.0).bind(i64::from(most));
    for id in full.into_iter().chain(organizations) {
        query = query.bind(id);
    }
    let rows = query.fetch_all(&mut *connection).await?;
    rows.iter()
        .map(|row| {
            let row = Row::new("queue", row);
            Ok(Waiting {
                install: row.parsed("install_id")?,
                organization: row.parsed("organization_id")?,
                plugin: row.parsed("plugin_id")?,
                since: row.time("due_at")?,
            })
        })
        .collect()
}

/// Organizations of which an install is due at `$1`, of other plugins than so many from
/// `$2` on. One seek leads to the next: who waits is not counted, only who they are.
pub(super) fn organizations(full: usize) -> String {
    let not_full = not_full(2, full);
    format!(
        "WITH RECURSIVE o (id) AS (
             SELECT MIN(organization_id) FROM queue WHERE due_at IS NOT NULL
             UNION ALL
             SELECT (SELECT MIN(organization_id) FROM queue
                     WHERE due_at IS NOT NULL AND organization_id > o.id)
             FROM o WHERE o.id IS NOT NULL)
         SELECT w.organization_id, w.since FROM (
             SELECT o.id AS organization_id, (SELECT due_at FROM queue
                 WHERE due_at IS NOT NULL AND organization_id = o.id {not_full}
                 ORDER BY due_at LIMIT 1) AS since
             FROM o WHERE o.id IS NOT NULL) w
         WHERE w.since <= $1"
    )
}

/// The first `$2` installs of each of so many organizations, of other plugins than so
/// many; bound from `$3` on, plugins first.
pub(super) fn installs(full: usize, organizations: usize) -> String {
    let not_full = not_full(3, full);
    let of_each: Vec<_> = (0..organizations)
        .map(|number| {
            let place = 3 + full + number;
            format!(
                "SELECT * FROM (SELECT install_id, organization_id, plugin_id, due_at FROM queue
                     WHERE organization_id = ${place} AND due_at <= $1 {not_full}
                     ORDER BY due_at, install_id LIMIT $2) q{number}"
            )
        })
        .collect();
    of_each.join(" UNION ALL ")
}

fn not_full(from: usize, full: usize) -> String {
    if full == 0 { String::new() } else { format!("AND plugin_id NOT IN ({})", places(from, full)) }
}

#[cfg(test)]
pub(super) mod tests;
