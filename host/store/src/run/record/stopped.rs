//! Runs that ended well, and whose install was stopped in the middle: nothing of them is
//! kept, so that their deliveries wait, and are run again once that is lifted.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{
    admission,
    run::{Ending, Outcome},
};

use super::{Next, RunRecord};
use crate::{StoreError, install};

/// Whether a change of authority can have cost it something: an effect, or a call that was
/// denied and done without.
fn can_lose(outcome: &Outcome) -> bool {
    matches!(outcome.ending, Ending::Ok(_))
        && (!outcome.effects.is_empty() || outcome.denials().next().is_some())
}

/// The authority's number in this transaction, where one of them can lose by it.
pub(super) async fn number_now(
    connection: &mut AnyConnection,
    held: &[&RunRecord],
) -> Result<Option<u64>, StoreError> {
    if !held.iter().any(|record| record.outcome.as_ref().is_some_and(can_lose)) {
        return Ok(None);
    }
    let number: i64 = sqlx::query_scalar("SELECT number FROM authority WHERE one = 1")
        .fetch_one(connection)
        .await?;
    Ok(Some(number.unsigned_abs()))
}

/// Those that wait, as they are recorded instead: by their deliveries.
pub(super) async fn waiting(
    connection: &mut AnyConnection,
    held: &[&RunRecord],
    number: Option<u64>,
) -> Result<HashMap<String, RunRecord>, StoreError> {
    let mut waiting = HashMap::new();
    for record in held {
        let loses = record.outcome.as_ref().is_some_and(can_lose);
        if !loses || number == Some(record.authority_no) {
            continue;
        }
        let found = install::control_on(connection, &record.leased.install, false).await?;
        let Some((control, facts)) = found else { continue };
        let at_its_end = record.leased.admission(&control, &facts);
        if let Some(refusal) = admission::stopped_meanwhile(&at_its_end, loses) {
            let next = Next::Parked { reason: refusal.why.to_owned() };
            waiting.insert(record.leased.id.to_string(), RunRecord { next, ..(*record).clone() });
        }
    }
    Ok(waiting)
}
