//! `/crm/v3/objects/companies/merge`. Documented: both records go into a new one with a new id;
//! the primary's values count, the other's fill what it lacks; fetching either of the old ids
//! gives the new record; its `hs_merged_object_ids` has the ids of all that went into it. The old
//! records are in no list, the archived one included, and in no search.

use serde::Deserialize;

use super::Kind;
use super::error::Problem;
use super::routes::{self, Ask};
use super::state::State;
use crate::party::Answer;

/// The property that names what was merged into a record.
pub(super) const MERGED: &str = "hs_merged_object_ids";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeBody {
    primary_object_id: String,
    object_id_to_merge: String,
}

pub(super) fn merge(state: &mut State, ask: &Ask<'_>) -> Result<Answer, Problem> {
    if ask.kind == Kind::Tasks {
        return Err(Problem::not_found());
    }
    let body: MergeBody = ask.body()?;
    let live = |text: &str| {
        let record = state.live(ask.kind, routes::id(text)?).cloned();
        record.ok_or_else(Problem::not_found)
    };
    let (primary, other) = (live(&body.primary_object_id)?, live(&body.object_id_to_merge)?);
    if primary.id == other.id {
        return Err(Problem::validation("A record cannot be merged with itself"));
    }
    let mut values = other.values.clone();
    values.extend(primary.values.clone());
    let before = |record: &super::record::Record| record.values.get(MERGED).cloned();
    let ids = [
        before(&primary),
        before(&other),
        Some(primary.id.to_string()),
        Some(other.id.to_string()),
    ];
    values.insert(MERGED.to_owned(), ids.into_iter().flatten().collect::<Vec<_>>().join(";"));
    let made = state.create(ask.kind, values, ask.now_ms);
    state.merged(ask.kind, &[primary.id, other.id], made.id);
    Ok(Answer::json(200, &made.view_whole(ask.kind)))
}
