//! A partnership's life: proposed by one side, accepted by the other, ended by
//! either. Every step raises the authority, so that running code sees it at its
//! next host call, and stands in the audits of both sides.
//!
//! With its end, what plugins derived while it stood goes ([`farewell`]).
use serde_json::json;
use sqlx::AnyConnection;
use venn_domain::id::{OrganizationId, PartnershipId};

use super::{Partnership, PartnershipState, audit_both, find};
use crate::{
    Store, StoreError, authority,
    delivery::{self, Waiting},
    install::farewell::{self, Reason},
    overlap::counts,
    pairing,
};

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Done; this is the partnership now.
    Done(Partnership),
    /// There is no such partnership of ours.
    NotFound,
    /// It is not in a state in which this can be done.
    WrongState(PartnershipState),
    /// Our own proposal: the other side accepts it.
    OwnProposal,
}

impl Store {
    /// Proposes a partnership. The caller checked that both are customers and
    /// not one. [`StoreError::Taken`] if one stands between the two.
    pub async fn propose_partnership(
        &self,
        actor: &str,
        us: &OrganizationId,
        partner: &OrganizationId,
    ) -> Result<Partnership, StoreError> {
        let (store, actor) = (self.clone(), actor.to_owned());
        let (us, partner) = (us.clone(), partner.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let id = insert(&store, connection, &us, &partner).await?;
                let detail = json!({ "proposed_by": us, "proposed_to": partner });
                let entry = (actor.as_str(), "partnership.proposed", &id, detail);
                audit_both(&store, connection, [&us, &partner], entry).await?;
                authority::raise(&store, connection).await?;
                find(connection, &us, &id).await?.ok_or(StoreError::NotCommitted)
            })
        })
        .await
    }

    /// Accepts the other side's proposal; every domain that both sides have
    /// goes to pairing. Ring `wake.pairing` afterwards.
    pub async fn accept_partnership(
        &self,
        actor: &str,
        us: &OrganizationId,
        id: &PartnershipId,
    ) -> Result<Moved, StoreError> {
        let (store, actor) = (self.clone(), actor.to_owned());
        let (us, id) = (us.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(found) = find(connection, &us, &id).await? else {
                    return Ok(Moved::NotFound);
                };
                if found.state != PartnershipState::Proposed {
                    return Ok(Moved::WrongState(found.state));
                }
                if found.proposed_by_us {
                    return Ok(Moved::OwnProposal);
                }
                sqlx::query(
                    "UPDATE partnership SET state = 'active', accepted_at = $2 WHERE id = $1",
                )
                .bind(id.to_string())
                .bind(store.now().0)
                .execute(&mut *connection)
                .await?;
                pairing::queue_shared_domains(&store, connection, &id).await?;
                step(&store, connection, &actor, "partnership.accepted", &us, &found).await
            })
        })
        .await
    }

    /// Ends a partnership, or withdraws or declines a proposal; for good.
    pub async fn end_partnership(
        &self,
        actor: &str,
        us: &OrganizationId,
        id: &PartnershipId,
    ) -> Result<Moved, StoreError> {
        let (store, actor) = (self.clone(), actor.to_owned());
        let (us, id) = (us.clone(), id.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let Some(found) = find(connection, &us, &id).await? else {
                    return Ok(Moved::NotFound);
                };
                if found.state == PartnershipState::Ended {
                    return Ok(Moved::WrongState(found.state));
                }
                sqlx::query(
                    "UPDATE partnership SET state = 'ended', ended_at = $2, ended_by = $3
                     WHERE id = $1",
                )
                .bind(id.to_string())
                .bind(store.now().0)
                .bind(actor.clone())
                .execute(&mut *connection)
                .await?;
                pairing::forget_work(connection, &id).await?;
                counts::forget(connection, &id).await?;
                // What waited for somebody to act is refused now, and what waited
                // behind it with it. Ring `wake.deliveries` afterwards.
                delivery::unpark(connection, store.now(), Waiting::Subject(&id)).await?;
                let holders = farewell::holders(connection, &id).await?;
                let reason = Reason::PartnershipEnded;
                farewell::erase(&store, connection, &holders, &id, reason).await?;
                step(&store, connection, &actor, "partnership.ended", &us, &found).await
            })
        })
        .await
    }
}

async fn insert(
    store: &Store,
    connection: &mut AnyConnection,
    us: &OrganizationId,
    partner: &OrganizationId,
) -> Result<PartnershipId, StoreError> {
    let id = PartnershipId::make(store.ids());
    let (low, high) = if us < partner { (us, partner) } else { (partner, us) };
    sqlx::query(
        "INSERT INTO partnership (id, left_id, right_id, pair_key, state, change_no, created_at)
         VALUES ($1, $2, $3, $4, 'proposed', 0, $5)",
    )
    .bind(id.to_string())
    .bind(us.to_string())
    .bind(partner.to_string())
    .bind(format!("{low} {high}"))
    .bind(store.now().0)
    .execute(connection)
    .await
    .map_err(StoreError::taken("a partnership with this organization"))?;
    Ok(id)
}

/// What every step after the first ends with.
async fn step(
    store: &Store,
    connection: &mut AnyConnection,
    actor: &str,
    action: &'static str,
    us: &OrganizationId,
    before: &Partnership,
) -> Result<Moved, StoreError> {
    let entry = (actor, action, &before.id, json!({ "by": us }));
    audit_both(store, connection, [us, &before.partner], entry).await?;
    authority::raise(store, connection).await?;
    let now = find(connection, us, &before.id).await?;
    Ok(now.map_or(Moved::NotFound, Moved::Done))
}
