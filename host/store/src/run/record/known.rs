//! What is kept of the deliveries and installs of runs that have ended. Of most there is
//! nothing: who would look further is told so here, in one statement for all of them.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::id::DeliveryId;

use super::RunRecord;
use crate::{StoreError, incident, many, row::Row};

/// Of a delivery that is leased now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Under which its record must be written.
    pub(super) fence: u64,
    /// It is the sync under way of its install.
    pub(super) syncs: bool,
    /// Open incidents of its install.
    pub(super) incidents: u64,
    /// Those of them that a detector found.
    pub(crate) found: u64,
    /// A run of its install was cut short.
    pub(crate) pulse: bool,
    /// Its organization has breakers.
    pub(crate) breakers: bool,
}

/// By delivery.
pub(crate) type AllKnown = HashMap<DeliveryId, Known>;

pub(super) async fn known(
    connection: &mut AnyConnection,
    records: &[RunRecord],
) -> Result<AllKnown, StoreError> {
    let found = incident::FOUND;
    let is_there = |table, rows| {
        format!("CASE WHEN EXISTS (SELECT 1 FROM {table} WHERE {rows}) THEN 1 ELSE 0 END")
    };
    let select = format!(
        "SELECT d.id, d.fence, {} AS syncs, {} AS pulse, {} AS breakers,
             (SELECT COUNT(*) FROM incident
              WHERE install_id = d.install_id AND state = 'open') AS incidents,
             (SELECT COUNT(*) FROM incident WHERE install_id = d.install_id AND {found}) AS found
         FROM delivery d WHERE d.state = 'leased' AND d.id IN",
        is_there("source", "install_id = d.install_id AND delivery_id = d.id AND ended_at IS NULL"),
        is_there("pulse", "install_id = d.install_id"),
        is_there("breaker", "organization_id = d.organization_id"),
    );
    let ids = records.iter().map(|record| record.leased.id.to_string());
    let rows = many::select_in(connection, &select, ids).await?;
    let known = |row| {
        let row = Row::new("delivery", row);
        let known = Known {
            fence: row.count("fence")?,
            syncs: row.truth("syncs")?,
            incidents: row.count("incidents")?,
            found: row.count("found")?,
            pulse: row.truth("pulse")?,
            breakers: row.truth("breakers")?,
        };
        Ok((row.parsed("id")?, known))
    };
    rows.iter().map(known).collect()
}
