//! Changes of one partnership since a cursor, in the order of their commits.
//!
//! A change has its number from the transaction that wrote it, so a cursor can
//! never pass a number that commits later. A row that the rules hide is passed
//! over without a trace: it is not counted either.
//!
//! A position is (number, overlap id): everything up to it was read. The last
//! page's position is behind all of the newest number.
use sqlx::Connection as _;
use venn_domain::{
    capability::OverlapFields,
    id::{InstallId, PartnershipId},
    overlap::{ChangeKind, ChangePage, OverlapChange},
};

use super::{
    columns::{Asked, ChangeColumns, Reading, change, select},
    cursor::{CursorError, ReadError, Seal},
    plugin::{InstallScope, their_names},
    view::{self, View},
};
use crate::{Store, StoreError, sql::Sql};

/// Sorts after every overlap id.
const BEHIND_ALL: &str = "~";

/// Up to where changes were read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    number: i64,
    id: String,
    /// How many were left after it, if that was counted: so that a long backfill
    /// counts once, not on every page.
    left: Option<u64>,
}

impl Position {
    fn behind(number: i64) -> Self {
        Self { number, id: BEHIND_ALL.to_owned(), left: None }
    }

    fn text(&self) -> String {
        let left = self.left.map(|left| left.to_string()).unwrap_or_default();
        format!("{} {} {left}", self.number, self.id)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (number, id, left) = (parts.next()?, parts.next()?, parts.next()?);
        let left = if left.is_empty() { None } else { Some(left.parse().ok()?) };
        Some(Self { number: number.parse().ok()?, id: id.to_owned(), left })
    }

    /// Whether the overlap was added after this position.
    fn is_before(&self, added_no: i64, id: &str) -> bool {
        (self.number, self.id.as_str()) < (added_no, id)
    }
}

impl Store {
    /// One page of changes, at most `limit`. Without a cursor it starts where
    /// the install was enabled. None if the partnership is not active or not
    /// granted (any more).
    pub async fn plugin_changes(
        &self,
        scope: &InstallScope,
        partnership: &PartnershipId,
        cursor: Option<&str>,
        fields: &OverlapFields,
        limit: u32,
    ) -> Result<Option<ChangePage>, ReadError> {
        let seal = scope.seal("changes", partnership.to_string());
        let given = cursor.map(|cursor| open(&seal, cursor)).transpose()?;
        if !scope.partnerships.contains(partnership) {
            return Ok(None);
        }
        let mut connection = self.read().await?;
        let mut snapshot = connection.begin().await?;
        let view =
            view::find(&mut snapshot, &scope.organization, partnership, scope.reader()).await?;
        let Some(view) = view else { return Ok(None) };
        let from = given.unwrap_or_else(|| Position::behind(view.start_no));
        let mut sql = Sql::default();
        select(&mut sql, &view, &Asked::Fields(fields));
        after(&mut sql, &view, scope, &from);
        sql.add(" ORDER BY o.change_no, o.id LIMIT ").number(i64::from(limit) + 1);
        let (rows, more) = sql.page(&mut snapshot, limit as usize).await?;
        let asked = Asked::Fields(fields);
        let mut reading = Reading::new(&view, &asked);
        let mut items = Vec::with_capacity(rows.len());
        let mut next = Position::behind(view.change_no.max(from.number));
        for row in &rows {
            let columns = change(row)?;
            let overlap = reading.overlap(row)?;
            let kind = kind(&from, &columns, overlap.id.as_str());
            next.number = next.number.max(columns.change_no);
            if more {
                let id = overlap.id.to_string();
                next = Position { number: columns.change_no, id, left: None };
            }
            items.push(OverlapChange { kind, overlap });
        }
        if more {
            // What was counted before, or anew: other changes may have come in.
            let told = from.left.and_then(|left| left.checked_sub(items.len() as u64));
            next.left = match told.filter(|left| *left > 0) {
                Some(left) => Some(left),
                None => Some(count(&mut snapshot, &view, scope, &next).await?),
            };
        }
        snapshot.rollback().await?;
        Ok(Some(ChangePage {
            items,
            cursor: seal.close(&next.text())?,
            more,
            remaining: next.left.unwrap_or_default(),
            withheld: their_names(&reading.into_withheld()),
        }))
    }

    /// The cursor at which an install starts reading a partnership: where it was
    /// enabled, or from the very first change, for a backfill. None if the
    /// partnership is not granted to the install.
    pub async fn change_cursor_start(
        &self,
        install: &InstallId,
        partnership: &PartnershipId,
        from_zero: bool,
        cursor_key: &[u8; 32],
    ) -> Result<Option<String>, StoreError> {
        let mut connection = self.read().await?;
        let start: Option<i64> = sqlx::query_scalar(
            "SELECT start_no FROM install_partnership
             WHERE install_id = $1 AND partnership_id = $2",
        )
        .bind(install.to_string())
        .bind(partnership.to_string())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(start) = start else { return Ok(None) };
        let position = Position::behind(if from_zero { 0 } else { start });
        let about = partnership.to_string();
        let seal = Seal { kind: "changes", install, about, key: cursor_key };
        seal.close(&position.text()).map(Some)
    }
}

fn open(seal: &Seal<'_>, cursor: &str) -> Result<Position, CursorError> {
    Position::parse(&seal.open(cursor)?).ok_or(CursorError::NotOurs)
}

fn kind(from: &Position, columns: &ChangeColumns, id: &str) -> ChangeKind {
    if !columns.live {
        ChangeKind::Removed
    } else if from.is_before(columns.added_no, id) {
        ChangeKind::Added
    } else {
        ChangeKind::Changed
    }
}

/// `FROM … WHERE …`: readable changes after a position.
fn after(sql: &mut Sql, view: &View, scope: &InstallScope, from: &Position) {
    let (ours, _) = view.sides();
    view.joins_removed_too(sql);
    sql.add(" WHERE o.partnership_id = ").text(&view.id);
    sql.add(" AND (o.change_no, o.id) > (").number(from.number).add(", ").text(&from.id);
    sql.add(") AND (o.live = 0 OR (oa.id IS NOT NULL AND ta.id IS NOT NULL))");
    let population =
        format!("CASE WHEN o.live = 1 THEN oa.population ELSE o.{ours}_population END");
    sql.add(&format!(" AND {population} IN ")).list(&scope.our_populations);
}

async fn count(
    connection: &mut sqlx::AnyConnection,
    view: &View,
    scope: &InstallScope,
    from: &Position,
) -> Result<u64, StoreError> {
    let mut sql = Sql::default();
    sql.add("SELECT COUNT(*)");
    after(&mut sql, view, scope, from);
    sql.count(connection).await
}
