//! Partnerships: two organizations that agreed, both sides, to map accounts.
//!
//! The store has a left side (the one that proposed) and a right side; what
//! leaves this module is seen from one of the two: *ours* and *the partner's*.
//! To everybody else a partnership does not exist.
//!
//! - here: looking up and listing
//! - `partnership/life.rs`: propose, accept, end
//! - `partnership/rules.rs`: sharing rules
//!
//! To add a step of its life: a method in `life.rs` that raises the authority
//! and writes an audit entry for both sides, in one transaction.
use sqlx::AnyConnection;
use venn_domain::{
    id::{OrganizationId, PartnershipId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
};

mod life;
mod rules;
#[cfg(test)]
mod tests;

pub use life::Moved;
pub(crate) use rules::of as rules_of;
pub use rules::{RulesSet, SharingRules};

/// Where a partnership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnershipState {
    /// One side asked.
    Proposed,
    /// Both sides agree.
    Active,
    /// One side ended it; for good.
    Ended,
}

impl PartnershipState {
    /// The name in the store and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Proposed, Self::Active, Self::Ended].into_iter().find(|state| state.name() == name)
    }
}

/// A partnership as one of its two sides sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partnership {
    /// The partnership.
    pub id: PartnershipId,
    /// The other side.
    pub partner: OrganizationId,
    /// The other side's name in addresses.
    pub partner_slug: String,
    /// The other side's name.
    pub partner_name: String,
    /// Where it stands.
    pub state: PartnershipState,
    /// We proposed it, and are the left side.
    pub proposed_by_us: bool,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// When the other side agreed.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT p.id, p.left_id, p.state, p.created_at, p.accepted_at, p.ended_at,
        o.id AS partner_id, o.slug, o.name
    FROM partnership p
    JOIN organization o ON o.id = CASE WHEN p.left_id = $1 THEN p.right_id ELSE p.left_id END
    WHERE (p.left_id = $1 OR p.right_id = $1)";

impl Store {
    /// A partnership of ours.
    pub async fn partnership(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
    ) -> Result<Option<Partnership>, StoreError> {
        let mut connection = self.read().await?;
        find(&mut connection, us, id).await
    }

    /// Our partnerships, oldest first.
    pub async fn partnerships(
        &self,
        us: &OrganizationId,
        after: Option<&PartnershipId>,
        limit: u32,
    ) -> Result<Page<Partnership>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!("{SELECT} AND p.id > $2 ORDER BY p.id LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(us.to_string())
            .bind(after.map(ToString::to_string).unwrap_or_default())
            .bind(i64::from(limit) + 1)
            .fetch_all(&mut *connection)
            .await?;
        let items = rows.iter().map(|row| partnership(us, &Row::new("partnership", row)));
        Ok(Page::cut(items.collect::<Result<Vec<_>, _>>()?, limit, |item| item.id.to_string()))
    }

    /// How many domains of a partnership wait to be paired.
    pub async fn pending_domains(&self, id: &PartnershipId) -> Result<u64, StoreError> {
        let mut connection = self.read().await?;
        let pending: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM pairing_work WHERE partnership_id = $1)
                  + (SELECT COUNT(*) FROM pairing_taken WHERE partnership_id = $1)",
        )
        .bind(id.to_string())
        .fetch_one(&mut *connection)
        .await?;
        Ok(pending.unsigned_abs())
    }
}

pub(crate) async fn find(
    connection: &mut AnyConnection,
    us: &OrganizationId,
    id: &PartnershipId,
) -> Result<Option<Partnership>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} AND p.id = $2")))
        .bind(us.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(|row| partnership(us, &Row::new("partnership", &row))).transpose()
}

fn partnership(us: &OrganizationId, row: &Row<'_>) -> Result<Partnership, StoreError> {
    Ok(Partnership {
        id: row.parsed("id")?,
        partner: row.parsed("partner_id")?,
        partner_slug: row.text("slug")?,
        partner_name: row.text("name")?,
        state: row.named("state", PartnershipState::parse)?,
        proposed_by_us: row.text("left_id")? == us.as_str(),
        created_at: row.time("created_at")?,
        accepted_at: row.time_or_none("accepted_at")?,
        ended_at: row.time_or_none("ended_at")?,
    })
}

/// The same entry in the audits of both sides: each sees what the other did.
pub(crate) async fn audit_both(
    store: &Store,
    connection: &mut AnyConnection,
    sides: [&OrganizationId; 2],
    entry: (&str, &'static str, &PartnershipId, serde_json::Value),
) -> Result<(), StoreError> {
    let (actor, action, subject, detail) = entry;
    for organization in sides {
        let entry = NewAudit {
            organization: organization.clone(),
            actor: actor.to_owned(),
            action,
            subject: subject.to_string(),
            detail: detail.clone(),
        };
        audit::append(store, connection, &entry).await?;
    }
    Ok(())
}
