//! Taking in entries from before there was a chain, when the store is opened.
//!
//! Only for organizations without a head: whoever takes a row out of a chain and
//! opens the store again does not get it back in.
use sqlx::{AnyConnection, Connection as _};
use venn_domain::audit::{Head, Link};

use crate::{StoreError, row::Row};

/// Chains what has no place yet, in the order of the ids, one organization at a
/// time, all in one transaction.
pub(crate) async fn adopt(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut tx = connection.begin().await?;
    let rows = sqlx::query(
        "SELECT DISTINCT organization_id FROM audit
         WHERE organization_id NOT IN (SELECT organization_id FROM audit_head)
         ORDER BY organization_id",
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let organization = Row::new("audit", row).text("organization_id")?;
        let head = chain(&mut tx, &organization).await?;
        sqlx::query("INSERT INTO audit_head (organization_id, seq, hash) VALUES ($1, $2, $3)")
            .bind(organization)
            .bind(head.seq.cast_signed())
            .bind(head.hash)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn chain(connection: &mut AnyConnection, organization: &str) -> Result<Head, StoreError> {
    let rows = sqlx::query(
        "SELECT id, at, actor, action, subject, detail_json FROM audit
         WHERE organization_id = $1 AND seq IS NULL ORDER BY id",
    )
    .bind(organization.to_owned())
    .fetch_all(&mut *connection)
    .await?;
    let mut head = Head::default();
    for row in &rows {
        let row = Row::new("audit", row);
        let mut link = Link {
            organization: organization.to_owned(),
            seq: head.seq + 1,
            id: row.text("id")?,
            at: row.time("at")?.to_string(),
            actor: row.text("actor")?,
            action: row.text("action")?,
            subject: row.text("subject")?,
            detail_json: row.text("detail_json")?,
            previous_hash: head.hash,
            hash: String::new(),
        };
        link.hash = link.computed();
        sqlx::query("UPDATE audit SET seq = $1, previous_hash = $2, hash = $3 WHERE id = $4")
            .bind(link.seq.cast_signed())
            .bind(link.previous_hash)
            .bind(link.hash.clone())
            .bind(link.id)
            .execute(&mut *connection)
            .await?;
        head = Head { seq: link.seq, hash: link.hash };
    }
    Ok(head)
}
