//! What runs were told of partners' accounts, in the audit of the customer and of
//! each data owner: which plugin of which partner, how many rows, which fields.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::id::{OrganizationId, PartnershipId, PluginId};

use super::RunRecord;
use crate::{StoreError, audit::NewAudit, row::Row};

/// One entry per run and partner, for both audits.
pub(super) async fn entries(
    connection: &mut AnyConnection,
    records: &[RunRecord],
) -> Result<Vec<NewAudit>, StoreError> {
    let mut known = HashMap::new();
    let mut entries = Vec::new();
    for record in records {
        let customer = &record.leased.organization;
        for (partnership, read) in &record.reads {
            let parties = (partnership, customer, &record.plugin);
            let (owner, plugin) = if let Some(named) = known.get(&parties) {
                named
            } else {
                let named = named(connection, parties).await?;
                known.entry(parties).or_insert(named)
            };
            let detail = serde_json::json!({
                "plugin": plugin, "partner": customer, "run": record.id,
                "event": record.leased.event.kind,
                "rows": read.rows, "fields": read.fields, "counts": read.counts,
            });
            for organization in [customer, owner] {
                entries.push(NewAudit {
                    organization: organization.clone(),
                    actor: record.leased.install.to_string(),
                    action: "partner.read",
                    subject: partnership.to_string(),
                    detail: detail.clone(),
                });
            }
        }
    }
    Ok(entries)
}

/// Whose the rows are, and the plugin's name.
async fn named(
    connection: &mut AnyConnection,
    (partnership, customer, plugin): (&PartnershipId, &OrganizationId, &PluginId),
) -> Result<(OrganizationId, String), StoreError> {
    let row = sqlx::query(
        "SELECT p.id, CASE WHEN p.left_id = $2 THEN p.right_id ELSE p.left_id END AS owner_id,
                l.name AS plugin_name
         FROM partnership p JOIN plugin l ON l.id = $3 WHERE p.id = $1",
    )
    .bind(partnership.to_string())
    .bind(customer.to_string())
    .bind(plugin.to_string())
    .fetch_one(connection)
    .await?;
    let row = Row::new("partnership", &row);
    Ok((row.parsed("owner_id")?, row.text("plugin_name")?))
}
