//! What queued pairing work, so that a batch says in whose trace it belongs.
//!
//! Noted once per partnership and cause, not per domain: an import of a million
//! accounts leaves one row here. Without tracing nothing is written.
use sqlx::AnyConnection;
use venn_domain::id::{OrganizationId, PartnershipId};

use crate::{Store, StoreError, row::Row};

/// Causes that one batch names; more would tell nobody anything.
const CAUSES_MAX: i64 = 16;

/// The caller queued work of one partnership.
pub(crate) async fn note(
    store: &Store,
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
) -> Result<(), StoreError> {
    insert(store, connection, "p.id = $1", partnership.to_string()).await
}

/// The caller queued work of every active partnership of an organization.
pub(crate) async fn note_all(
    store: &Store,
    connection: &mut AnyConnection,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let ours = "p.state = 'active' AND (p.left_id = $1 OR p.right_id = $1)";
    insert(store, connection, ours, organization.to_string()).await
}

async fn insert(
    store: &Store,
    connection: &mut AnyConnection,
    which: &str,
    id: String,
) -> Result<(), StoreError> {
    let trace = store.trace();
    if trace.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO pairing_cause (partnership_id, trace)
         SELECT p.id, CAST($2 AS text) FROM partnership p
         WHERE {which} AND EXISTS (SELECT 1 FROM pairing_work w WHERE w.partnership_id = p.id)
         ON CONFLICT (partnership_id, trace) DO NOTHING"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(trace).execute(connection).await?;
    Ok(())
}

/// Drops the causes of work that is all done.
pub(crate) async fn forget_if_done(
    connection: &mut AnyConnection,
    partnership: &PartnershipId,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM pairing_cause WHERE partnership_id = $1
             AND NOT EXISTS (SELECT 1 FROM pairing_work w WHERE w.partnership_id = $1)",
    )
    .bind(partnership.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// What queued the pairing work of a partnership, as W3C `traceparent`s.
    pub async fn pairing_causes(
        &self,
        partnership: &PartnershipId,
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT partnership_id, trace FROM pairing_cause WHERE partnership_id = $1
             ORDER BY trace LIMIT $2",
        )
        .bind(partnership.to_string())
        .bind(CAUSES_MAX)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(|row| Row::new("pairing_cause", row).text("trace")).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use crate::pairing::{
        DecisionKind, NewDecision,
        fixture::{ACTOR, Two},
    };

    #[tokio::test]
    async fn a_batch_names_all_that_queued_it_once_each_and_is_then_done_with_them() {
        let two = Two::agreed().await;
        two.share_all(&two.right).await;
        let [ours, theirs] = two.both("acme", "acme.com", ["customers", "customers"]).await;
        two.pair().await;
        let decide = async |trace: &str, kind| {
            two.store.trace.set(trace);
            let (ours, theirs) = (ours.clone(), theirs.clone());
            let new = NewDecision { partnership: two.id.clone(), ours, theirs, kind };
            two.store.decide_pair(ACTOR, &two.left, new).await.unwrap();
            two.store.pairing_causes(&two.id).await.unwrap()
        };
        assert_eq!(decide("", DecisionKind::Confirm).await, Vec::<String>::new());
        assert_eq!(decide("00-one", DecisionKind::Reject).await, ["00-one"]);
        assert_eq!(decide("00-one", DecisionKind::Confirm).await, ["00-one"]);
        assert_eq!(decide("00-two", DecisionKind::Reject).await, ["00-one", "00-two"]);
        two.pair().await;
        assert_eq!(two.store.pairing_causes(&two.id).await.unwrap(), Vec::<String>::new());
    }
}
