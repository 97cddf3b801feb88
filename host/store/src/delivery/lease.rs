//! Which deliveries are taken: the next one of each (install, subject), if it is due,
//! and one per install; of an organization and of a plugin no more than their share.
//!
//! Only what could be taken is looked at, by indexes of nothing else: what an install
//! has behind it, or before it, costs nothing.
use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;
use venn_domain::{limits, time::Timestamp};

use super::{COLUMNS, Leased, event, small};
use crate::{
    StoreError,
    many::{padded, places},
    row::Row,
};

/// Deliveries `d` that could be leased at the moment `$1`: one that is leased blocks
/// its whole install.
const LEASABLE: &str = "
    FROM delivery d JOIN event e ON e.id = d.event_id JOIN install i ON i.id = d.install_id
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
    let mut shares = Shares::read(connection).await?;
    let (sql, full) = shares.candidates();
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now.0)
        .bind(i64::from(most.saturating_mul(CANDIDATES_PER_LEASE)));
    for id in full {
        query = query.bind(id);
    }
    let rows = query.fetch_all(&mut *connection).await?;
    let mut installs = HashSet::new();
    let mut leased = Vec::new();
    for row in &rows {
        let row = Row::new("delivery", row);
        let (organization, plugin) = (row.text("organization_id")?, row.text("plugin_id")?);
        if leased.len() < most as usize
            && !installs.contains(&row.text("install_id")?)
            && shares.has_room(&organization, &plugin)
        {
            installs.insert(row.text("install_id")?);
            shares.add(organization, plugin, 1);
            leased.push(taken(&row)?);
        }
    }
    take(connection, &leased, until).await?;
    Ok(leased)
}

/// How many are leased, by organization and by plugin: neither keeps all the room to
/// itself with runs that sleep.
#[derive(Default)]
struct Shares {
    organizations: HashMap<String, u64>,
    plugins: HashMap<String, u64>,
}

impl Shares {
    async fn read(connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let sql = "SELECT d.organization_id, i.plugin_id, COUNT(*) AS held
                   FROM delivery d JOIN install i ON i.id = d.install_id
                   WHERE d.state = 'leased' GROUP BY d.organization_id, i.plugin_id";
        let mut shares = Self::default();
        for row in &sqlx::query(sql).fetch_all(connection).await? {
            let row = Row::new("delivery", row);
            shares.add(row.text("organization_id")?, row.text("plugin_id")?, row.count("held")?);
        }
        Ok(shares)
    }

    fn add(&mut self, organization: String, plugin: String, count: u64) {
        *self.organizations.entry(organization).or_default() += count;
        *self.plugins.entry(plugin).or_default() += count;
    }

    fn has_room(&self, organization: &str, plugin: &str) -> bool {
        let held = |counts: &HashMap<String, u64>, id: &str| counts.get(id).copied().unwrap_or(0);
        held(&self.organizations, organization) < limits::RUNS_AT_ONCE_ORGANIZATION
            && held(&self.plugins, plugin) < limits::RUNS_AT_ONCE_PLUGIN
    }

    /// The query for candidates, and what it binds from the third place on: those that
    /// have no room are left out here, for there may be more of theirs than are looked at.
    fn candidates(&self) -> (String, Vec<String>) {
        let full = |counts: &HashMap<String, u64>, most: u64| -> Vec<String> {
            counts.iter().filter(|(_, held)| **held >= most).map(|(id, _)| id.clone()).collect()
        };
        let mut sql = format!("SELECT {COLUMNS}, i.plugin_id {LEASABLE}");
        let mut bound = Vec::new();
        for (column, ids) in [
            ("d.organization_id", full(&self.organizations, limits::RUNS_AT_ONCE_ORGANIZATION)),
            ("i.plugin_id", full(&self.plugins, limits::RUNS_AT_ONCE_PLUGIN)),
        ] {
            if !ids.is_empty() {
                let ids = padded(ids);
                let places = places(bound.len() + 3, ids.len());
                sql = format!("{sql} AND {column} NOT IN ({places})");
                bound.extend(ids);
            }
        }
        sql.push_str(" ORDER BY d.not_before, d.id LIMIT $2");
        (sql, bound)
    }
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
