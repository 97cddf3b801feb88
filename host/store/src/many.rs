//! Many rows in few statements. A statement for each count of rows would push the
//! others out of the connection's prepared ones, so counts are powers of two.
use sqlx::{
    Any, AnyConnection,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::StoreError;

/// The most rows of one insert: 32 of the widest table are below a thousand values.
const ROWS_MAX: usize = 32;

/// A statement that is being given its values.
pub(crate) type Filling<'q> = Query<'q, Any, AnyArguments>;

/// `$3, $4, $5` for three places from the third on.
pub(crate) fn places(from: usize, count: usize) -> String {
    let places: Vec<_> = (from..from + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// For `IN`: the same values, the last one again up to a power of two.
pub(crate) fn padded(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut values: Vec<_> = values.into_iter().collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// The rows of `select`, which ends with `IN`, for these ids; none for no id.
pub(crate) async fn select_in(
    connection: &mut AnyConnection,
    select: &str,
    ids: impl IntoIterator<Item = String>,
) -> Result<Vec<AnyRow>, StoreError> {
    let ids = padded(ids);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("{select} ({})", places(1, ids.len()));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for id in ids {
        query = query.bind(id);
    }
    Ok(query.fetch_all(connection).await?)
}

/// Inserts rows; `into` is the table and its columns, `fill` binds one row's values
/// in their order.
pub(crate) async fn insert<T>(
    connection: &mut AnyConnection,
    into: &'static str,
    rows: &[T],
    fill: impl Fn(Filling<'static>, &T) -> Filling<'static>,
) -> Result<(), StoreError> {
    let columns = into.matches(',').count() + 1;
    for rows in powers_of_two(rows) {
        let values: Vec<_> = (0..rows.len())
            .map(|row| format!("({})", places(1 + row * columns, columns)))
            .collect();
        let sql = format!("INSERT INTO {into} VALUES {}", values.join(", "));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for row in rows {
            query = fill(query, row);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// 13 rows are 8, 4 and 1.
fn powers_of_two<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(ROWS_MAX).checked_ilog2()?;
        let (now, later) = rows.split_at(size);
        rows = later;
        Some(now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_powers_of_two_and_none_is_left_out() {
        let rows: Vec<u32> = (0..77).collect();
        let sizes: Vec<_> = powers_of_two(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [32, 32, 8, 4, 1]);
        assert_eq!(powers_of_two(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(powers_of_two::<u32>(&[]).count(), 0);
    }

    #[test]
    fn a_list_is_padded_with_what_it_has() {
        let list = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(padded(list), ["a", "b", "c", "c"]);
        assert!(padded([]).is_empty());
    }
}
