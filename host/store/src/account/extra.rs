//! The further values of an organization's accounts, by name: which there are.
//!
//! Names are not kept on their own: there are as many as a CRM has columns, and
//! who asks is an admin who writes a sharing rule, now and then.
use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use venn_domain::id::OrganizationId;

use crate::{Store, StoreError};

/// Accounts that are read for the names that they have, and names that are told.
const ACCOUNTS_READ_MAX: i64 = 1_000;
const NAMES_MAX: usize = 1_000;

impl Store {
    /// Which of these names further values of the organization's accounts have: the
    /// accounts are read once for all of them.
    pub async fn known_extras(
        &self,
        organization: &OrganizationId,
        names: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut known = BTreeSet::new();
        if names.is_empty() {
            return Ok(known);
        }
        let mut connection = self.read().await?;
        let mut rows = sqlx::query_scalar::<_, String>(
            "SELECT extra_json FROM account
             WHERE organization_id = $1 AND extra_json NOT IN ('', '[]')",
        )
        .bind(organization.to_string())
        .fetch(&mut *connection);
        while let Some(text) = rows.try_next().await? {
            let there = pairs(organization, &text)?.into_iter().map(|(name, _)| name);
            known.extend(there.filter(|name| names.contains(name)));
            if known.len() == names.len() {
                break;
            }
        }
        Ok(known)
    }

    /// Up to 1,000 names of further values, of at most 1,000 accounts that have any.
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
            let room = NAMES_MAX - names.len();
            names.extend(pairs(organization, &text)?.into_iter().map(|(name, _)| name).take(room));
        }
        Ok(names)
    }
}

/// Names and values as they are kept.
fn pairs(organization: &OrganizationId, text: &str) -> Result<Vec<(String, String)>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::BadRow {
        table: "account",
        column: "extra_json",
        row: organization.to_string(),
        reason: error.to_string(),
    })
}
