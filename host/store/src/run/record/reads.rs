//! What a run was told of partners' accounts, in the audit of the customer and of
//! each data owner: which plugin of which partner, how many rows, which fields.
use sqlx::AnyConnection;
use venn_domain::id::OrganizationId;

use super::RunRecord;
use crate::{
    Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
};

/// Appends one entry per partner to both audits.
pub(super) async fn append(
    store: &Store,
    connection: &mut AnyConnection,
    record: &RunRecord,
) -> Result<(), StoreError> {
    let customer = &record.leased.organization;
    for (partnership, read) in &record.reads {
        let row = sqlx::query(
            "SELECT p.id, CASE WHEN p.left_id = $2 THEN p.right_id ELSE p.left_id END AS owner_id,
                    l.name AS plugin_name
             FROM partnership p JOIN plugin l ON l.id = $3 WHERE p.id = $1",
        )
        .bind(partnership.to_string())
        .bind(customer.to_string())
        .bind(record.plugin.to_string())
        .fetch_one(&mut *connection)
        .await?;
        let row = Row::new("partnership", &row);
        let (owner, plugin): (OrganizationId, _) =
            (row.parsed("owner_id")?, row.text("plugin_name")?);
        let detail = serde_json::json!({
            "plugin": plugin, "partner": customer, "run": record.id, "event": record.leased.event.kind,
            "rows": read.rows, "fields": read.fields, "counts": read.counts,
        });
        for organization in [customer, &owner] {
            let entry = NewAudit {
                organization: organization.clone(),
                actor: record.leased.install.to_string(),
                action: "partner.read",
                subject: partnership.to_string(),
                detail: detail.clone(),
            };
            audit::append(store, connection, &entry).await?;
        }
    }
    Ok(())
}
