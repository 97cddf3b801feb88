//! Breakers: which installs rest, and until when. What a run tells moves them in the
//! transaction that records it; a lease asks them. What moves how is the domain's
//! ([`venn_domain::breaker`]).
//!
//! An install that rests stands in the queue from its next probe on, so that a look in
//! between costs nothing. Its deliveries stay as they are.
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{AnyConnection, any::AnyRow};
use venn_domain::{
    breaker::{Breaker, Open},
    id::{InstallId, OrganizationId},
    time::Timestamp,
};

use crate::{StoreError, many, row::Row};

mod lease;
mod moves;
mod try_now;

pub(crate) use lease::turns;
pub(crate) use moves::after_runs;
pub(crate) use try_now::try_now_where;

/// An install rests: nothing of it runs for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resting {
    /// Since when.
    pub since: Timestamp,
    /// When one event is tried next, by itself.
    pub next_try_at: Timestamp,
    /// Why, in words.
    pub why: String,
    /// Runs that failed in a row.
    pub failures: u64,
}

/// What [`resting`] reads, of the breaker `b` of an install.
pub(crate) const RESTING: &str = "b.rests_since, b.rests_until, b.why AS rests_why, b.failures";

/// From a row with the columns [`RESTING`]; none if it does not rest.
pub(crate) fn resting(row: &Row<'_>) -> Result<Option<Resting>, StoreError> {
    let Some(next_try_at) = row.time_or_none("rests_until")? else { return Ok(None) };
    Ok(Some(Resting {
        since: row.time("rests_since")?,
        next_try_at,
        why: row.text("rests_why")?,
        failures: row.count("failures")?,
    }))
}

/// A row: of an install, or of a destination.
#[derive(Debug, Clone)]
struct Kept {
    id: String,
    organization: OrganizationId,
    install: Option<InstallId>,
    release: String,
    destination: String,
    breaker: Breaker,
    prober: String,
    rests_since: Option<Timestamp>,
    rests_until: Option<Timestamp>,
    why: String,
}

const COLUMNS: &str = "id, organization_id, install_id, release_id, destination, failures,
    opened_at, probes, next_at, probe_until, prober, rests_since, rests_until, why";

/// The id of a destination's row.
fn destination_id(organization: &OrganizationId, host: &str) -> String {
    format!("{organization} {host}")
}

impl Kept {
    /// Nothing has failed yet.
    fn new(id: String, organization: OrganizationId, install: Option<InstallId>) -> Self {
        Self {
            id,
            organization,
            install,
            release: String::new(),
            destination: String::new(),
            breaker: Breaker::default(),
            prober: String::new(),
            rests_since: None,
            rests_until: None,
            why: String::new(),
        }
    }

    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let row = Row::new("breaker", row);
        let open = match row.time_or_none("opened_at")? {
            None => None,
            Some(since) => Some(Open {
                since,
                probes: u32::try_from(row.count("probes")?).unwrap_or(u32::MAX),
                next_at: row.time("next_at")?,
                probe_until: row.time_or_none("probe_until")?,
            }),
        };
        Ok(Self {
            id: row.text("id")?,
            organization: row.parsed("organization_id")?,
            install: row.parsed_or_none("install_id")?,
            release: row.text("release_id")?,
            destination: row.text("destination")?,
            breaker: Breaker { failures: row.count("failures")?, open },
            prober: row.text("prober")?,
            rests_since: row.time_or_none("rests_since")?,
            rests_until: row.time_or_none("rests_until")?,
            why: row.text("why")?,
        })
    }

    /// When its own breaker lets a probe run; none while it is closed.
    fn next_at(&self) -> Option<Timestamp> {
        self.breaker.open.map(|open| open.free_at())
    }

    /// An install rests as long as its own breaker or its destination's is open.
    fn rest(&mut self, destination: Option<&Self>, now: Timestamp) {
        let open = [Some(&*self), destination].into_iter().flatten().filter_map(Self::next_at);
        self.rests_until = open.max();
        self.rests_since = self.rests_until.and(self.rests_since.or(Some(now)));
    }
}

/// Rows by their ids.
async fn read(
    connection: &mut AnyConnection,
    ids: impl IntoIterator<Item = String>,
) -> Result<Vec<Kept>, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM breaker WHERE id IN");
    many::select_in(connection, &select, ids).await?.iter().map(Kept::read).collect()
}

async fn find(connection: &mut AnyConnection, id: String) -> Result<Option<Kept>, StoreError> {
    Ok(read(connection, [id]).await?.pop())
}

/// Installs whose newest failure lay there.
async fn at(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    host: &str,
) -> Result<Vec<Kept>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM breaker
         WHERE organization_id = $1 AND destination = $2 AND install_id IS NOT NULL ORDER BY id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(organization.to_string())
        .bind(host.to_owned())
        .fetch_all(connection)
        .await?;
    rows.iter().map(Kept::read).collect()
}

async fn save(connection: &mut AnyConnection, kept: &Kept) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO breaker ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET
             release_id = EXCLUDED.release_id, destination = EXCLUDED.destination,
             failures = EXCLUDED.failures, opened_at = EXCLUDED.opened_at,
             probes = EXCLUDED.probes, next_at = EXCLUDED.next_at,
             probe_until = EXCLUDED.probe_until, prober = EXCLUDED.prober,
             rests_since = EXCLUDED.rests_since, rests_until = EXCLUDED.rests_until,
             why = EXCLUDED.why"
    );
    let open = kept.breaker.open;
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(kept.id.clone())
        .bind(kept.organization.to_string())
        .bind(kept.install.as_ref().map(ToString::to_string))
        .bind(kept.release.clone())
        .bind(kept.destination.clone())
        .bind(kept.breaker.failures.cast_signed())
        .bind(open.map(|open| open.since.0))
        .bind(open.map_or(0, |open| i64::from(open.probes)))
        .bind(open.map_or(0, |open| open.next_at.0))
        .bind(open.and_then(|open| open.probe_until).map(|until| until.0))
        .bind(kept.prober.clone())
        .bind(kept.rests_since.map(|since| since.0))
        .bind(kept.rests_until.map(|until| until.0))
        .bind(kept.why.clone())
        .execute(connection)
        .await?;
    Ok(())
}

/// Nothing is known of failures any more: of an install that is gone or has another
/// release, or of what works again.
pub(crate) async fn forget(connection: &mut AnyConnection, id: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM breaker WHERE id = $1";
    sqlx::query(sql).bind(id.to_owned()).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
