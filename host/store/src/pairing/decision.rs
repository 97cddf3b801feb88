//! What people decide about pairs: confirm, reject, or link by hand.
//!
//! A decision is kept for as long as the partnership, and binds again when an
//! account returns. What a person cannot see, it cannot decide about: the
//! sharing rule is read in the transaction that writes.
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::id::{AccountId, OrganizationId, PartnershipId};

use crate::{
    Store, StoreError,
    pairing::cause,
    partnership::{self, Partnership, PartnershipState},
};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    /// This pair is right.
    Confirm,
    /// These two are never one company.
    Reject,
    /// These two are one company, whatever their domains.
    Link,
}

impl DecisionKind {
    /// The name in the store and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Link => "link",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Confirm, Self::Reject, Self::Link].into_iter().find(|kind| kind.name() == name)
    }
}

/// A decision to be written.
#[derive(Debug, Clone)]
pub struct NewDecision {
    /// The partnership.
    pub partnership: PartnershipId,
    /// Our account.
    pub ours: AccountId,
    /// The partner's account.
    pub theirs: AccountId,
    /// What is decided.
    pub kind: DecisionKind,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Written; ring `wake.pairing`.
    Done,
    /// There is no such partnership, or an account of the two cannot be seen.
    NotFound,
    /// The partnership is proposed or ended.
    NotActive(PartnershipState),
}

impl Store {
    /// Writes a decision, and queues the domains that it concerns.
    pub async fn decide_pair(
        &self,
        actor: &str,
        us: &OrganizationId,
        new: NewDecision,
    ) -> Result<Decided, StoreError> {
        let (store, actor, us) = (self.clone(), actor.to_owned(), us.clone());
        self.write_data(move |connection| {
            Box::pin(async move {
                let Some(found) = partnership::find(connection, &us, &new.partnership).await?
                else {
                    return Ok(Decided::NotFound);
                };
                if found.state != PartnershipState::Active {
                    return Ok(Decided::NotActive(found.state));
                }
                if !may_decide(connection, &us, &found, &new).await? {
                    return Ok(Decided::NotFound);
                }
                write(&store, connection, &actor, &found, &new).await?;
                let detail = json!({
                    "by": us, "decision": new.kind.name(),
                    "accounts": [new.ours, new.theirs],
                });
                let entry = (actor.as_str(), "pairing.decided", &found.id, detail);
                partnership::audit_both(&store, connection, [&us, &found.partner], entry).await?;
                Ok(Decided::Done)
            })
        })
        .await
    }
}

/// The names of the columns of our and of the partner's account.
const fn sides(found: &Partnership) -> (&'static str, &'static str) {
    if found.proposed_by_us {
        ("left_account", "right_account")
    } else {
        ("right_account", "left_account")
    }
}

/// Ours must be ours. The partner's must be shared at level `all`, or be seen
/// in an overlap at level `overlaps`: with this account of ours at any time (so
/// that a rejection can be taken back), or, unless it is to be rejected, with
/// another one now.
async fn may_decide(
    connection: &mut AnyConnection,
    us: &OrganizationId,
    found: &Partnership,
    new: &NewDecision,
) -> Result<bool, StoreError> {
    let (ours, theirs) = sides(found);
    let elsewhere = match new.kind {
        DecisionKind::Reject => "",
        DecisionKind::Confirm | DecisionKind::Link => "OR s.level = 'all' OR o.live = 1",
    };
    let sql = format!(
        "SELECT COUNT(*) FROM account a
             JOIN account b ON b.id = $4 AND b.organization_id = $5
             JOIN sharing_rule s ON s.partnership_id = $1 AND s.owner_id = b.organization_id
                 AND s.population = b.population AND s.level IN ('overlaps', 'all')
             LEFT JOIN overlap o ON o.partnership_id = $1 AND o.{theirs} = b.id
         WHERE a.id = $2 AND a.organization_id = $3 AND (o.{ours} = a.id {elsewhere})"
    );
    let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(found.id.to_string())
        .bind(new.ours.to_string())
        .bind(us.to_string())
        .bind(new.theirs.to_string())
        .bind(found.partner.to_string())
        .fetch_one(connection)
        .await?;
    Ok(seen > 0)
}

async fn write(
    store: &Store,
    connection: &mut AnyConnection,
    actor: &str,
    found: &Partnership,
    new: &NewDecision,
) -> Result<(), StoreError> {
    let (left, right) =
        if found.proposed_by_us { (&new.ours, &new.theirs) } else { (&new.theirs, &new.ours) };
    let newest: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(decided_at) FROM pairing_decision WHERE partnership_id = $1",
    )
    .bind(found.id.to_string())
    .fetch_one(&mut *connection)
    .await?;
    // The later one of two that contradict each other holds: no two at one time.
    let at = store.now().0.max(newest.map_or(0, |newest| newest + 1));
    sqlx::query(
        "INSERT INTO pairing_decision
             (partnership_id, left_account, right_account, decision, decided_by, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (partnership_id, left_account, right_account) DO UPDATE SET
             decision = excluded.decision, decided_by = excluded.decided_by,
             decided_at = excluded.decided_at",
    )
    .bind(found.id.to_string())
    .bind(left.to_string())
    .bind(right.to_string())
    .bind(new.kind.name())
    .bind(actor.to_owned())
    .bind(at)
    .execute(&mut *connection)
    .await?;
    queue(connection, &found.id, left, right).await?;
    cause::note(store, connection, &found.id).await
}

/// Queues the domains of both accounts, and of every account that an older
/// decision ties to one of them: it may have become free, or bound again.
async fn queue(
    connection: &mut AnyConnection,
    id: &PartnershipId,
    left: &AccountId,
    right: &AccountId,
) -> Result<(), StoreError> {
    // An empty domain is queued too: it makes the worker look at pairs across domains.
    sqlx::query(
        "INSERT INTO pairing_work (partnership_id, domain)
         SELECT DISTINCT p.id, a.domain FROM partnership p JOIN account a ON a.id IN
             (SELECT CAST($2 AS text) UNION SELECT CAST($3 AS text)
              UNION SELECT d.right_account FROM pairing_decision d
                  WHERE d.partnership_id = $1 AND d.left_account = $2
              UNION SELECT d.left_account FROM pairing_decision d
                  WHERE d.partnership_id = $1 AND d.right_account = $3)
         WHERE p.id = $1
         ON CONFLICT (partnership_id, domain) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(left.to_string())
    .bind(right.to_string())
    .execute(connection)
    .await?;
    Ok(())
}
