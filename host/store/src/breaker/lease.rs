//! Before installs run: which of those that rest have a probe now.
use std::collections::HashMap;

use sqlx::AnyConnection;
use venn_domain::{breaker::Turn, id::InstallId, time::Timestamp};

use super::{Kept, destination_id, find, read, save};
use crate::StoreError;

/// The turns of those of these installs that rest; the others run. Who has the probe of
/// a destination has it until `until`, and the others there wait for what it finds.
pub(crate) async fn turns<'i>(
    connection: &mut AnyConnection,
    now: Timestamp,
    until: Timestamp,
    installs: impl Iterator<Item = &'i InstallId>,
) -> Result<HashMap<InstallId, Turn>, StoreError> {
    let mut turns = HashMap::new();
    for mut kept in read(connection, installs.map(ToString::to_string)).await? {
        let Some(install) = kept.install.clone().filter(|_| kept.rests_until.is_some()) else {
            continue;
        };
        let turn = turn(connection, &kept, now, until).await?;
        if let Turn::Wait(until) = turn {
            kept.rests_until = Some(until);
            save(connection, &kept).await?;
        }
        turns.insert(install, turn);
    }
    Ok(turns)
}

/// An install runs one at a time, so that its own probe needs no mark.
async fn turn(
    connection: &mut AnyConnection,
    kept: &Kept,
    now: Timestamp,
    until: Timestamp,
) -> Result<Turn, StoreError> {
    let own = kept.breaker.turn(now);
    if kept.destination.is_empty() || matches!(own, Turn::Wait(_)) {
        return Ok(own);
    }
    let id = destination_id(&kept.organization, &kept.destination);
    let Some(mut destination) = find(connection, id).await? else { return Ok(own) };
    let turn = destination.breaker.begin(now, until);
    if turn == Turn::Probe {
        destination.prober.clone_from(&kept.id);
        save(connection, &destination).await?;
    }
    Ok(if turn == Turn::Run { own } else { turn })
}
