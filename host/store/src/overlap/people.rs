//! What people of one side see of a partnership: the matrix of counts, the
//! overlaps, and what is left over.
//!
//! Their own accounts they see whole; of the partner's what the live rule of
//! the account's population shares with `view` or more.
use sqlx::Connection as _;
use venn_domain::{
    capability::FieldSet,
    id::{AccountId, OrganizationId, OverlapId, PartnershipId},
    overlap::{Overlap, OverlapCount},
    time::Timestamp,
};

use super::{
    columns::{Asked, Reading, select},
    counts::Counts,
    view::{self, Reader, View},
};
use crate::{Page, Store, StoreError, account::as_of, row::Row, sql::Sql};

/// The counts of one partnership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// One per pair of populations.
    pub cells: Vec<OverlapCount>,
    /// The sum of those that are told.
    pub overlaps: u64,
}

/// Which overlaps; none means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverlapFilter {
    /// One overlap.
    pub id: Option<OverlapId>,
    /// A population of ours, by key.
    pub our_population: Option<String>,
    /// A population of the partner's, by key.
    pub their_population: Option<String>,
    /// A registrable domain.
    pub domain: Option<String>,
    /// `sure` or `likely`.
    pub confidence: Option<String>,
}

/// An overlap as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenOverlap {
    /// The overlap.
    pub overlap: Overlap,
    /// As of when our account is known to be so.
    pub our_synced_at: Timestamp,
}

/// An account without a counterpart, on a domain that both sides have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpairedAccount {
    /// The account.
    pub account: AccountId,
    /// Its name; empty if the partner does not share it.
    pub name: String,
    /// The registrable domain.
    pub domain: String,
    /// It is ours, not the partner's.
    pub is_ours: bool,
}

impl Store {
    /// The counts that we may see; None if the partnership is not active.
    pub async fn people_matrix(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
    ) -> Result<Option<Matrix>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let Some(view) = view::find(&mut snapshot, us, id, Reader::People).await? else {
            return Ok(None);
        };
        let populations: Vec<String> =
            sqlx::query_scalar("SELECT key FROM population WHERE organization_id = $1")
                .bind(us.to_string())
                .fetch_all(&mut *snapshot)
                .await?;
        let counts = Counts::read(&mut snapshot, view, &populations).await?;
        snapshot.rollback().await?;
        drop(connection);
        let cells = counts.tell(self).await?;
        let overlaps = cells.iter().map(|cell| cell.count).sum();
        Ok(Some(Matrix { cells, overlaps }))
    }

    /// A page of the overlaps that we may see; None if the partnership is not active.
    pub async fn people_overlaps(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
        filter: &OverlapFilter,
        after: Option<&OverlapId>,
        limit: u32,
    ) -> Result<Option<Page<SeenOverlap>>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let Some(view) = view::find(&mut snapshot, us, id, Reader::People).await? else {
            return Ok(None);
        };
        let mut sql = Sql::default();
        select(&mut sql, &view, &Asked::Everything);
        sql.add(", ").add(&as_of("oa"));
        view.joins(&mut sql);
        sql.add(" WHERE o.live = 1 AND o.partnership_id = ").text(id);
        sql.add(" AND o.id > ").text(after.map(OverlapId::as_str).unwrap_or_default());
        if let Some(id) = &filter.id {
            sql.add(" AND o.id = ").text(id);
        }
        for (column, value) in [
            ("oa.population", &filter.our_population),
            ("ta.population", &filter.their_population),
            ("o.domain", &filter.domain),
            ("o.confidence", &filter.confidence),
        ] {
            if let Some(value) = value {
                sql.add(&format!(" AND {column} = ")).text(value);
            }
        }
        sql.add(" ORDER BY o.id LIMIT ").number(i64::from(limit) + 1);
        let (rows, more) = sql.page(&mut snapshot, limit as usize).await?;
        snapshot.rollback().await?;
        let mut reading = Reading::new(&view, &Asked::Everything);
        let items = rows.iter().map(|row| {
            let our_synced_at = Row::new("overlap", row).time("synced_at")?;
            Ok(SeenOverlap { overlap: reading.overlap(row)?, our_synced_at })
        });
        let items = items.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(Page::of(items, more, |seen| seen.overlap.id.to_string())))
    }

    /// A page of the leftovers that we may see; None if the partnership is not active.
    pub async fn people_unpaired(
        &self,
        us: &OrganizationId,
        id: &PartnershipId,
        after: Option<&AccountId>,
        limit: u32,
    ) -> Result<Option<Page<UnpairedAccount>>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let Some(view) = view::find(&mut snapshot, us, id, Reader::People).await? else {
            return Ok(None);
        };
        let rows = unpaired(&view, after, limit).rows(&mut snapshot).await?;
        snapshot.rollback().await?;
        let items = rows.iter().map(|row| {
            let row = Row::new("unpaired", row);
            let is_ours = row.truth("is_ours")?;
            let shared: FieldSet = row.json("fields_json")?;
            let name = row.text("name")?;
            Ok(UnpairedAccount {
                account: row.parsed("id")?,
                name: if is_ours || shared.has_name("name") { name } else { String::new() },
                domain: row.text("domain")?,
                is_ours,
            })
        });
        let items = items.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(Page::cut(items, limit, |item| item.account.to_string())))
    }
}

/// The partner's leftovers only where every account is shared. One of ours only
/// where the partner shares some account of its domain: that it is left over
/// says that the partner has one.
fn unpaired(view: &View, after: Option<&AccountId>, limit: u32) -> Sql {
    let mut sql = Sql::default();
    sql.add("SELECT a.id, a.name, u.domain, CASE WHEN a.organization_id = ").text(&view.us);
    sql.add(" THEN 1 ELSE 0 END AS is_ours, COALESCE(s.fields_json, '') AS fields_json");
    sql.add(" FROM unpaired u JOIN account a ON a.id = u.account_id");
    sql.add(" JOIN partnership p ON p.id = u.partnership_id AND p.state = 'active'");
    sql.add(" LEFT JOIN sharing_rule s ON s.partnership_id = u.partnership_id AND s.owner_id = ");
    sql.text(&view.partner).add(" AND s.owner_id = a.organization_id");
    sql.add(" AND s.population = a.population AND s.level = 'all'");
    sql.add(" WHERE u.partnership_id = ").text(&view.id);
    sql.add(" AND u.account_id > ").text(after.map(AccountId::as_str).unwrap_or_default());
    sql.add(" AND ((a.organization_id = ").text(&view.partner).add(" AND s.level = 'all')");
    sql.add(" OR (a.organization_id = ").text(&view.us).add(" AND EXISTS (SELECT 1");
    sql.add(" FROM account b JOIN sharing_rule t ON t.partnership_id = u.partnership_id");
    sql.add(" AND t.owner_id = b.organization_id AND t.population = b.population");
    sql.add(" AND t.level IN ('overlaps', 'all') WHERE b.organization_id = ").text(&view.partner);
    sql.add(" AND b.domain = u.domain)))");
    sql.add(" ORDER BY u.account_id LIMIT ").number(i64::from(limit) + 1);
    sql
}
