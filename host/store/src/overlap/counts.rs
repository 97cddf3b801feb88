//! Counts of overlaps per pair of populations.
//!
//! What stops inference where only counts are shared:
//! - A population that is hidden from the reader is left out altogether.
//! - Small counts are suppressed, and *none* looks like *few*, so that one account
//!   cannot be looked for by counting; others are rounded down.
//! - They are those of the day's first look (UTC), which both sides and every plugin
//!   share: whoever imports a list that differs by one account sees no difference.
//!   Until everything is paired nothing is told.
use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use venn_domain::{
    id::PartnershipId,
    overlap::OverlapCount,
    sharing::{Level, visible_count},
};

use super::view::{Reader, View};
use crate::{Store, StoreError, row::Row, sql::Sql};

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Counts by our and the partner's population.
type Counted = BTreeMap<(String, String), u64>;

/// A partnership's counts as one reader may know them, before the day's are added.
pub(super) struct Counts {
    view: View,
    ours: BTreeSet<String>,
    live: Counted,
}

impl Counts {
    /// What is shared as overlaps, counted now. For an install, `our_populations` are
    /// the granted ones.
    pub(super) async fn read(
        connection: &mut AnyConnection,
        view: View,
        our_populations: &[String],
    ) -> Result<Self, StoreError> {
        let mut sql = Sql::default();
        sql.add("SELECT oa.population AS ours, ta.population AS theirs, COUNT(*) AS number");
        view.joins(&mut sql);
        sql.add(" WHERE o.live = 1 AND o.partnership_id = ").text(&view.id);
        if matches!(view.reader, Reader::Install(..)) {
            sql.add(" AND oa.population IN ").list(our_populations);
        }
        sql.add(" GROUP BY oa.population, ta.population");
        let rows = sql.rows(connection).await?;
        let live = rows.iter().map(|row| number(row, "ours", "theirs"));
        let live = live.collect::<Result<Counted, _>>()?;
        let mut ours: BTreeSet<_> = our_populations.iter().cloned().collect();
        ours.extend(live.keys().map(|(ours, _)| ours.clone()));
        Ok(Self { view, ours, live })
    }

    /// One count for each pair of a population of ours and a readable one of the partner's.
    pub(super) async fn tell(self, store: &Store) -> Result<Vec<OverlapCount>, StoreError> {
        let Self { view, ours, live } = self;
        let readable: Vec<_> = view.rules.iter().filter(|rule| view.reader.counts(rule)).collect();
        let of_the_day = if readable.iter().any(|rule| rule.level == Level::Counts) {
            store.counts_of_the_day(&view.id, view.ours_is_left).await?
        } else {
            Counted::new()
        };
        let mut cells = Vec::with_capacity(ours.len() * readable.len());
        for our_population in ours {
            for rule in &readable {
                let key = (our_population.clone(), rule.population.clone());
                let counted = if rule.level == Level::Counts { &of_the_day } else { &live };
                let exact = counted.get(&key).copied().unwrap_or_default();
                let (count, suppressed) = visible_count(exact, rule.level, store.count_floor());
                cells.push(OverlapCount {
                    partnership: view.id.clone(),
                    partner: view.partner_name.clone(),
                    our_population: key.0,
                    their_population: key.1,
                    count,
                    suppressed,
                });
            }
        }
        Ok(cells)
    }
}

impl Store {
    /// The day's counts, exact; taken now if this is the day's first look.
    async fn counts_of_the_day(
        &self,
        id: &PartnershipId,
        ours_is_left: bool,
    ) -> Result<Counted, StoreError> {
        let day = self.now().0.div_euclid(DAY_MS * 1_000);
        let mut connection = self.read().await?;
        let kept = kept(&mut connection, id, day).await?;
        drop(connection);
        let counts = if let Some(counts) = kept {
            counts
        } else {
            let id = id.clone();
            self.write_data(move |connection| {
                Box::pin(async move { take(connection, &id, day).await })
            })
            .await?
        };
        let turned = |(left, right, count)| {
            if ours_is_left { ((left, right), count) } else { ((right, left), count) }
        };
        Ok(counts.into_iter().map(turned).collect())
    }
}

/// Counts by the left and the right side's population.
type Sides = Vec<(String, String, u64)>;

async fn kept(
    connection: &mut AnyConnection,
    id: &PartnershipId,
    day: i64,
) -> Result<Option<Sides>, StoreError> {
    let row = sqlx::query(
        "SELECT partnership_id, counts_json FROM count_snapshot
         WHERE partnership_id = $1 AND day = $2",
    )
    .bind(id.to_string())
    .bind(day)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Row::new("count_snapshot", &row).json_always("counts_json")).transpose()
}

async fn take(
    connection: &mut AnyConnection,
    id: &PartnershipId,
    day: i64,
) -> Result<Sides, StoreError> {
    if let Some(kept) = kept(connection, id, day).await? {
        return Ok(kept);
    }
    let pending: i64 = sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM pairing_work WHERE partnership_id = $1)
              + (SELECT COUNT(*) FROM pairing_taken WHERE partnership_id = $1)",
    )
    .bind(id.to_string())
    .fetch_one(&mut *connection)
    .await?;
    if pending > 0 {
        return Ok(Sides::new());
    }
    let rows = sqlx::query(
        "SELECT l.population AS lefts, r.population AS rights, COUNT(*) AS number
         FROM overlap o JOIN account l ON l.id = o.left_account
         JOIN account r ON r.id = o.right_account
         WHERE o.partnership_id = $1 AND o.live = 1 GROUP BY l.population, r.population",
    )
    .bind(id.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let counts = rows.iter().map(|row| {
        let ((left, right), count) = number(row, "lefts", "rights")?;
        Ok((left, right, count))
    });
    let counts = counts.collect::<Result<Sides, StoreError>>()?;
    if counts.is_empty() {
        // There is nothing to hold still yet; few are held as many are, or one would be
        // looked for by what makes few many.
        return Ok(counts);
    }
    sqlx::query(
        "INSERT INTO count_snapshot (partnership_id, day, counts_json) VALUES ($1, $2, $3)
         ON CONFLICT (partnership_id) DO UPDATE SET day = $2, counts_json = $3",
    )
    .bind(id.to_string())
    .bind(day)
    .bind(crate::row::json(&counts))
    .execute(connection)
    .await?;
    Ok(counts)
}

/// After the end of a partnership.
pub(crate) async fn forget(
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM count_snapshot WHERE partnership_id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

fn number(
    row: &sqlx::any::AnyRow,
    one: &'static str,
    other: &'static str,
) -> Result<((String, String), u64), StoreError> {
    let row = Row::new("overlap", row);
    Ok(((row.text(one)?, row.text(other)?), row.count("number")?))
}
