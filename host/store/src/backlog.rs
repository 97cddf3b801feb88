//! How much work waits, for whoever watches the server: counts and one age, of
//! nobody in particular.
use std::collections::BTreeMap;

use venn_domain::detector::Finding;

use crate::{Store, StoreError, incident, row::Row};

/// Work that waits, as of one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Unfinished deliveries by state; 0 where there are none.
    pub deliveries: BTreeMap<&'static str, u64>,
    /// For how long the most overdue delivery that could be leased now has been due,
    /// microseconds; 0 if none is.
    pub overdue_us: u64,
    /// Installs that rest after failures in a row.
    pub resting: u64,
    /// Installs that a detector found, by what it found; 0 where there are none.
    pub stalled: BTreeMap<&'static str, u64>,
    /// Unfinished imports by state; 0 where there are none.
    pub imports: BTreeMap<&'static str, u64>,
    /// Domains that wait to be paired, of all partnerships.
    pub pairing_domains: u64,
}

/// States in which a delivery is not finished.
pub const DELIVERY_STATES: [&str; 3] = ["ready", "leased", "parked"];

/// States in which an import is not finished.
pub const IMPORT_STATES: [&str; 4] =
    ["waiting-for-file", "reading", "waiting-for-confirmation", "applying"];

impl Store {
    /// Looks at what waits. Only indexes are read; finished work is not counted.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        let now = self.now();
        let oldest = self.due_since().await?;
        Ok(Backlog {
            deliveries: self.by_state("delivery", &DELIVERY_STATES).await?,
            overdue_us: oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0).unsigned_abs()),
            resting: self.resting_installs().await?,
            stalled: self.stalled_installs().await?,
            imports: self.by_state("import", &IMPORT_STATES).await?,
            pairing_domains: self.pairing_backlog().await?,
        })
    }

    async fn by_state(
        &self,
        table: &'static str,
        states: &[&'static str],
    ) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut connection = self.read().await?;
        let names: Vec<_> = states.iter().map(|state| format!("'{state}'")).collect();
        let sql = format!(
            "SELECT state, COUNT(*) AS waiting FROM {table} WHERE state IN ({}) GROUP BY state",
            names.join(", ")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
        let mut counts: BTreeMap<_, _> = states.iter().map(|state| (*state, 0)).collect();
        for row in &rows {
            let row = Row::new(table, row);
            let state = row.text("state")?;
            if let Some(count) = counts.get_mut(state.as_str()) {
                *count = row.count("waiting")?;
            }
        }
        Ok(counts)
    }

    async fn resting_installs(&self) -> Result<u64, StoreError> {
        let mut connection = self.read().await?;
        let sql = "SELECT COUNT(*) FROM breaker WHERE rests_until IS NOT NULL";
        let resting: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        Ok(resting.unsigned_abs())
    }

    async fn stalled_installs(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut connection = self.read().await?;
        let mut counts = BTreeMap::new();
        for finding in Finding::ALL {
            let sql = format!(
                "SELECT COUNT(DISTINCT install_id) FROM incident WHERE {} AND kind = '{}'",
                incident::FOUND,
                finding.name()
            );
            let stalled: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
            counts.insert(finding.name(), stalled.unsigned_abs());
        }
        Ok(counts)
    }

    async fn pairing_backlog(&self) -> Result<u64, StoreError> {
        let mut connection = self.read().await?;
        let domains: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM pairing_work) + (SELECT COUNT(*) FROM pairing_taken)",
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(domains.unsigned_abs())
    }
}
