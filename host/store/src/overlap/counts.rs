//! Counts of overlaps per pair of populations.
//!
//! What stops inference: a population that is hidden from the reader is left
//! out altogether; where counts only are shared, small ones are suppressed, and
//! *none* looks like *few*, so that one account cannot be looked for by counting.
use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use venn_domain::{overlap::OverlapCount, sharing::visible_count};

use super::view::{Needs, Reader, View};
use crate::{StoreError, row::Row, sql::Sql};

/// One count for each pair of a population of ours and a readable one of the
/// partner's. For an install, ours are the granted ones.
pub(super) async fn counts(
    connection: &mut AnyConnection,
    view: &View,
    our_populations: &[String],
) -> Result<Vec<OverlapCount>, StoreError> {
    let counted = counted(connection, view, our_populations).await?;
    let mut ours: BTreeSet<&String> = our_populations.iter().collect();
    ours.extend(counted.keys().map(|(ours, _)| ours));
    let readable: Vec<_> = view.rules.iter().filter(|rule| view.reader.counts(rule)).collect();
    let mut cells = Vec::with_capacity(ours.len() * readable.len());
    for our_population in ours {
        for rule in &readable {
            let key = (our_population.clone(), rule.population.clone());
            let exact = counted.get(&key).copied().unwrap_or_default();
            let (count, suppressed) = visible_count(exact, rule.level);
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

async fn counted(
    connection: &mut AnyConnection,
    view: &View,
    our_populations: &[String],
) -> Result<BTreeMap<(String, String), u64>, StoreError> {
    let mut sql = Sql::default();
    sql.add("SELECT oa.population AS ours, ta.population AS theirs, COUNT(*) AS number");
    view.joins(&mut sql, Needs::Counts);
    sql.add(" WHERE o.live = 1 AND o.partnership_id = ").text(&view.id);
    if matches!(view.reader, Reader::Install(..)) {
        sql.add(" AND oa.population IN ").list(our_populations);
    }
    sql.add(" GROUP BY oa.population, ta.population");
    let rows = sql.rows(connection).await?;
    rows.iter()
        .map(|row| {
            let row = Row::new("overlap", row);
            Ok(((row.text("ours")?, row.text("theirs")?), row.count("number")?))
        })
        .collect()
}
