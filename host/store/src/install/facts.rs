//! What a grant, a configuration and a backfill are checked against.
//!
//! Read in one transaction for good messages; what counts at run time is the
//! authority, which reads all of it again.
use sqlx::Connection as _;
use venn_domain::{
    id::{OrganizationId, PartnershipId},
    sharing::Purpose,
};

use super::{Install, InstallState};
use crate::{
    Store, StoreError,
    connection::{Connection, SELECT as CONNECTIONS, connection},
    row::Row,
};

/// What a customer has that a grant can name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerFacts {
    /// Its partnerships, and whether both sides agree now.
    pub partnerships: Vec<(PartnershipId, bool)>,
    /// Its populations, by key.
    pub populations: Vec<String>,
    /// Its connections.
    pub connections: Vec<Connection>,
}

impl Store {
    /// What this customer has that a grant can name.
    pub async fn customer_facts(
        &self,
        organization: &OrganizationId,
    ) -> Result<CustomerFacts, StoreError> {
        let mut reader = self.read().await?;
        let mut tx = reader.begin().await?;
        let rows = sqlx::query(
            "SELECT id, state FROM partnership WHERE left_id = $1 OR right_id = $1 ORDER BY id",
        )
        .bind(organization.to_string())
        .fetch_all(&mut *tx)
        .await?;
        let mut facts = CustomerFacts::default();
        for row in &rows {
            let row = Row::new("partnership", row);
            facts.partnerships.push((row.parsed("id")?, row.text("state")? == "active"));
        }
        let rows =
            sqlx::query("SELECT key FROM population WHERE organization_id = $1 ORDER BY key")
                .bind(organization.to_string())
                .fetch_all(&mut *tx)
                .await?;
        for row in &rows {
            facts.populations.push(Row::new("population", row).text("key")?);
        }
        let sql = format!("{CONNECTIONS} WHERE organization_id = $1 ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .fetch_all(&mut *tx)
            .await?;
        facts.connections = rows.iter().map(connection).collect::<Result<_, _>>()?;
        tx.rollback().await?;
        Ok(facts)
    }

    /// How many overlaps of one partnership a backfill would bring: those in
    /// granted populations that the partner's rules show to this install.
    pub async fn backfill_count(
        &self,
        install: &Install,
        partnership: &PartnershipId,
        purpose: Purpose,
    ) -> Result<u64, StoreError> {
        let gone = install.state == InstallState::Uninstalled;
        if gone || !install.grant.partnerships.contains(partnership) {
            return Ok(0);
        }
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT CASE WHEN p.left_id = $1 THEN o.left_population ELSE o.right_population END
                        AS our_population, COUNT(*) AS overlaps
             FROM overlap o
             JOIN partnership p ON p.id = o.partnership_id
             JOIN sharing_rule r ON r.partnership_id = p.id AND r.owner_id <> $1
              AND r.population =
                  CASE WHEN p.left_id = $1 THEN o.right_population ELSE o.left_population END
             WHERE o.partnership_id = $2 AND o.live = 1 AND p.state = 'active'
               AND (p.left_id = $1 OR p.right_id = $1)
               AND r.level IN ('overlaps', 'all') AND (r.purpose = 'egress' OR r.purpose = $3)
             GROUP BY 1",
        )
        .bind(install.organization.to_string())
        .bind(partnership.to_string())
        .bind(purpose.name())
        .fetch_all(&mut *connection)
        .await?;
        let mut overlaps = 0;
        for row in &rows {
            let row = Row::new("overlap", row);
            if install.grant.populations.contains(&row.text("our_population")?) {
                overlaps += row.count("overlaps")?;
            }
        }
        Ok(overlaps)
    }
}
