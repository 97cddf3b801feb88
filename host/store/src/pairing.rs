//! Pairing work: which domains must be paired again, what pairing them needs,
//! and writing what came of it.
//!
//! One batch is three steps of the pairing worker:
//! 1. [`Store::take_pairing`]: domains move from `pairing_work` to
//!    `pairing_taken`. Whoever changes an account or a decision later queues
//!    its domains anew, so nothing falls between reading and writing.
//! 2. [`Store::pairing_batch`]: the accounts of both sides on these domains.
//! 3. [`Store::write_pairing`]: only what differs, in one transaction, with one
//!    change number. A crash before it repeats the batch.
//!
//! It knows no pairing rule: the caller brings what is paired.
//!
//! To add something that changes pairs: queue the domains of the accounts
//! concerned in `pairing_work`, in the transaction of that change.
use sqlx::AnyConnection;
use venn_domain::id::PartnershipId;

use crate::{Store, StoreError};

mod batch;
pub(crate) mod cause;
mod decision;
#[cfg(test)]
pub(crate) mod fixture;
mod notify;
#[cfg(test)]
mod tests;
mod write;

pub use batch::{Batch, PairDecision, PairingAccount};
pub(crate) use batch::{account as account_of, decisions as decisions_of};
pub use decision::{Decided, DecisionKind, NewDecision};
pub(crate) use notify::{Told, notify_installs, notify_resumed};
pub use write::{Found, FoundPair, FoundUnpaired, Written};

/// Queues every domain that both sides have.
pub(crate) async fn queue_shared_domains(
    store: &Store,
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pairing_work (partnership_id, domain)
         SELECT DISTINCT p.id, l.domain
         FROM partnership p JOIN account l ON l.organization_id = p.left_id
         WHERE p.id = $1 AND l.domain <> '' AND EXISTS
             (SELECT 1 FROM account r WHERE r.organization_id = p.right_id AND r.domain = l.domain)
         ON CONFLICT (partnership_id, domain) DO NOTHING",
    )
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    cause::note(store, connection, id).await
}

/// Drops what waits: the partnership has ended.
pub(crate) async fn forget_work(
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM pairing_work WHERE partnership_id = $1",
        "DELETE FROM pairing_taken WHERE partnership_id = $1",
        "DELETE FROM pairing_cause WHERE partnership_id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes the partnership's next change number. Only in the transaction that
/// writes the change: a number that commits late would be skipped by cursors.
pub(crate) async fn next_change_no(
    connection: &mut AnyConnection,
    id: &PartnershipId,
) -> Result<i64, StoreError> {
    let number = sqlx::query_scalar(
        "UPDATE partnership SET change_no = change_no + 1 WHERE id = $1 RETURNING change_no",
    )
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    Ok(number)
}
