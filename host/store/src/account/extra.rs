//! The further values of an organization's accounts, by name: which there are.
//!
//! Names are not kept on their own: there are as many as a CRM has columns, and
//! who asks is an admin who writes a sharing rule, now and then.
use std::collections::BTreeSet;

use venn_domain::id::OrganizationId;

use crate::{Store, StoreError, row};

/// Accounts that are read for the names that they have.
const ACCOUNTS_READ_MAX: i64 = 1_000;

impl Store {
    /// Whether an account of the organization has a further value of that name.
    pub async fn has_extra(
        &self,
        organization: &OrganizationId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let mut connection = self.read().await?;
        // A pair as it is kept begins so and nothing else can: a quote within a
        // text is escaped. LIKE would not tell `Tier` from `tier` on SQLite.
        let begins = format!("[{},", row::json(&name));
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM account
             WHERE organization_id = $1 AND replace(extra_json, $2, '') <> extra_json LIMIT 1",
        )
        .bind(organization.to_string())
        .bind(begins)
        .fetch_optional(&mut *connection)
        .await?;
        Ok(found.is_some())
    }

    /// The names of further values, of at most 1,000 accounts that have any.
    pub async fn some_extras(
        &self,
        organization: &OrganizationId,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut connection = self.read().await?;
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT extra_json FROM account
             WHERE organization_id = $1 AND extra_json NOT IN ('', '[]') LIMIT $2",
        )
        .bind(organization.to_string())
        .bind(ACCOUNTS_READ_MAX)
        .fetch_all(&mut *connection)
        .await?;
        let mut names = BTreeSet::new();
        for text in rows {
            let pairs: Vec<(String, String)> =
                serde_json::from_str(&text).map_err(|error| StoreError::BadRow {
                    table: "account",
                    column: "extra_json",
                    row: organization.to_string(),
                    reason: error.to_string(),
                })?;
            names.extend(pairs.into_iter().map(|(name, _)| name));
        }
        Ok(names)
    }
}
