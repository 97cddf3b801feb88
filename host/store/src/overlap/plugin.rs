//! What plugins read: pages of overlaps, lookups by domain, counts.
//!
//! The caller has asked the authority; it brings the scope that is left. The
//! statements ask again, of the live rows: grant, partnership and sharing rule.
//!
//! A partner is named as withholding by what its *rules* say, never by whether
//! hidden rows exist: else a plugin could look for an account by watching it.
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, Connection as _};
use venn_domain::{
    capability::{FieldSet, OverlapFields},
    id::{InstallId, OrganizationId, PartnershipId},
    overlap::{Overlap, OverlapCount, OverlapPage, OverlapQuery},
    sharing::{Level, Purpose},
};

use super::{
    columns::{Asked, Reading, select},
    counts::Counts,
    cursor::{CursorError, ReadError, Seal},
    view::{self, Reader, View},
};
use crate::{Store, StoreError, sql::Sql};

/// What an install may read, as its authority says.
#[derive(Clone)]
pub struct InstallScope {
    /// The install.
    pub install: InstallId,
    /// The customer.
    pub organization: OrganizationId,
    /// Granted partnerships, narrowed by what the guest asked for.
    pub partnerships: Vec<PartnershipId>,
    /// Granted populations of ours.
    pub our_populations: Vec<String>,
    /// The purpose that data owners must allow: `plugins` or `egress`.
    pub needed: Purpose,
    /// The key that cursors are sealed with.
    pub cursor_key: [u8; 32],
}

impl InstallScope {
    pub(super) fn reader(&self) -> Reader {
        // People's purpose is never enough for a plugin.
        Reader::Install(self.install.clone(), self.needed.max(Purpose::Plugins))
    }

    /// The granted populations among those that were asked for.
    fn populations(&self, asked: &[String]) -> Vec<String> {
        let wanted = |key: &&String| asked.is_empty() || asked.contains(key);
        self.our_populations.iter().filter(wanted).cloned().collect()
    }

    /// The partnerships in the order in which they are read.
    fn sorted(&self, only: Option<&str>) -> Vec<&PartnershipId> {
        let wanted = |id: &&PartnershipId| only.is_none_or(|only| id.as_str() == only);
        let mut ids: Vec<_> = self.partnerships.iter().filter(wanted).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn seal(&self, kind: &'static str, about: String) -> Seal<'_> {
        Seal { kind, install: &self.install, about, key: &self.cursor_key }
    }
}

/// What a page is collected into.
#[derive(Default)]
struct Collected {
    items: Vec<Overlap>,
    withheld: FieldSet,
    partners: Vec<String>,
}

impl Store {
    /// One page of overlaps. `fields` were checked against the grant; the
    /// query's limit is 1 or more.
    pub async fn plugin_overlaps(
        &self,
        scope: &InstallScope,
        query: &OverlapQuery,
        fields: &OverlapFields,
    ) -> Result<OverlapPage, ReadError> {
        let seal = scope.seal("find", fingerprint(query));
        let position = query.cursor.as_deref().map(|cursor| seal.open(cursor)).transpose()?;
        let (from, after) = match &position {
            Some(position) => position.split_once(' ').ok_or(CursorError::NotOurs)?,
            None => ("", ""),
        };
        let limit = query.limit.max(1) as usize;
        let ours = scope.populations(&query.our_populations);
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let mut page = Collected::default();
        let mut more = false;
        for id in scope.sorted(query.partnership.as_deref()) {
            let Some(view) =
                view::find(&mut snapshot, &scope.organization, id, scope.reader()).await?
            else {
                continue;
            };
            if hides_something(&view, &query.their_populations) {
                page.partners.push(view.partner_name.clone());
            }
            if more || id.as_str() < from {
                continue;
            }
            let mut sql = find(&view, fields, &ours, &query.their_populations);
            let after = if id.as_str() == from { after } else { "" };
            let room = limit - page.items.len();
            sql.add(" AND o.id > ").text(after).add(" ORDER BY o.id LIMIT ");
            sql.number(i64::try_from(room).unwrap_or(i64::MAX).saturating_add(1));
            more = page.add(&mut snapshot, &view, fields, (sql, room)).await?;
        }
        snapshot.rollback().await?;
        let last = page.items.last().filter(|_| more);
        let cursor = last
            .map(|last| seal.close(&format!("{} {}", last.partnership, last.id)))
            .transpose()?;
        Ok(page.into_page(cursor))
    }

    /// The overlaps on one registrable domain, at most `limit`.
    pub async fn plugin_lookup(
        &self,
        scope: &InstallScope,
        domain: &str,
        fields: &OverlapFields,
        limit: u32,
    ) -> Result<OverlapPage, ReadError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let mut page = Collected::default();
        for id in scope.sorted(None) {
            let Some(view) =
                view::find(&mut snapshot, &scope.organization, id, scope.reader()).await?
            else {
                continue;
            };
            if hides_something(&view, &[]) {
                page.partners.push(view.partner_name.clone());
            }
            let room = (limit as usize).saturating_sub(page.items.len());
            let mut sql = find(&view, fields, &scope.our_populations, &[]);
            sql.add(" AND o.domain = ").text(domain).add(" ORDER BY o.id LIMIT ");
            sql.number(i64::try_from(room).unwrap_or(i64::MAX));
            page.add(&mut snapshot, &view, fields, (sql, room)).await?;
        }
        snapshot.rollback().await?;
        Ok(page.into_page(None))
    }

    /// Counts per pair of populations.
    pub async fn plugin_counts(
        &self,
        scope: &InstallScope,
    ) -> Result<Vec<OverlapCount>, StoreError> {
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let mut all = Vec::new();
        for id in scope.sorted(None) {
            let view = view::find(&mut snapshot, &scope.organization, id, scope.reader()).await?;
            if let Some(view) = view {
                all.push(Counts::read(&mut snapshot, view, &scope.our_populations).await?);
            }
        }
        snapshot.rollback().await?;
        drop(connection);
        let mut told = Vec::new();
        for counts in all {
            told.extend(counts.tell(self).await?);
        }
        Ok(told)
    }
}

impl Collected {
    /// Adds up to `room` rows of one partnership; true if there are more.
    async fn add(
        &mut self,
        connection: &mut AnyConnection,
        view: &View,
        fields: &OverlapFields,
        (sql, room): (Sql, usize),
    ) -> Result<bool, StoreError> {
        let (rows, more) = sql.page(connection, room).await?;
        let asked = Asked::Fields(fields);
        let mut reading = Reading::new(view, &asked);
        for row in &rows {
            self.items.push(reading.overlap(row)?);
        }
        reading.into_withheld().names().for_each(|name| self.withheld.insert(name));
        Ok(more)
    }

    fn into_page(self, cursor: Option<String>) -> OverlapPage {
        OverlapPage {
            items: self.items,
            cursor,
            withheld: their_names(&self.withheld),
            withheld_partners: self.partners,
        }
    }
}

/// The partner's fields as the contract names them.
pub(super) fn their_names(fields: &FieldSet) -> Vec<String> {
    fields.names().map(|name| format!("their-{name}")).collect()
}

/// `SELECT … WHERE …` of live, readable overlaps of one partnership.
fn find(view: &View, fields: &OverlapFields, ours: &[String], theirs: &[String]) -> Sql {
    let mut sql = Sql::default();
    select(&mut sql, view, &Asked::Fields(fields));
    view.joins(&mut sql);
    sql.add(" WHERE o.live = 1 AND o.partnership_id = ").text(&view.id);
    sql.add(" AND oa.population IN ").list(ours);
    if !theirs.is_empty() {
        sql.add(" AND ta.population IN ").list(theirs);
    }
    sql
}

/// Whether this partner's rules leave rows out: there is none that this install
/// may read, or one that shows people something that the install may not read.
fn hides_something(view: &View, theirs: &[String]) -> bool {
    let mut concerned =
        view.rules.iter().filter(|rule| theirs.is_empty() || theirs.contains(&rule.population));
    let mut readable = 0;
    let hides = concerned.by_ref().any(|rule| {
        let reads = view.reader.reads(rule);
        readable += usize::from(reads);
        !reads && rule.level != Level::Hidden
    });
    hides || readable == 0
}

/// What a cursor of `find` belongs to: the query as the guest wrote it, but for
/// cursor and page size.
fn fingerprint(query: &OverlapQuery) -> String {
    let parts =
        (&query.partnership, &query.our_populations, &query.their_populations, &query.fields);
    let text = crate::row::json(&parts);
    data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
