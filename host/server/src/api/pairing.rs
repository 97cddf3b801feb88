//! What people decide about pairs: confirm, reject, or link by hand. The two
//! sides share one set of pairs, so a decision of one side counts for both and
//! stands in both audits.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{AccountId, PartnershipId},
    organization::Need,
};
use venn_store::pairing::{Decided, DecisionKind, NewDecision};

use crate::{
    api::{check::Problems, organization::resolve, partnership::wrong_state},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
};

/// `POST …/pairings`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingBody {
    /// An account of ours.
    our_account: AccountId,
    /// An account of the partner's that we can see.
    their_account: AccountId,
    /// `confirm` keeps the pair, `reject` parts it, `link` makes one by hand.
    #[schemars(extend("enum" = ["confirm", "reject", "link"]))]
    decision: String,
}

/// What was decided; pairing follows in the background.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PairingDecisionView {
    /// The partnership.
    partnership: PartnershipId,
    /// The account of ours.
    our_account: AccountId,
    /// The partner's account.
    their_account: AccountId,
    /// What was decided.
    #[schemars(extend("enum" = ["confirm", "reject", "link"]))]
    decision: &'static str,
}

/// `POST …/pairings`: a user or admin. An account that the caller cannot see
/// and one that does not exist are answered alike.
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
    JsonBody(body): JsonBody<PairingBody>,
) -> Result<Json<PairingDecisionView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let partnership: PartnershipId = id.parse()?;
    let Some(kind) = DecisionKind::parse(&body.decision) else {
        let mut problems = Problems::default();
        let next_step = "Send `confirm`, `reject` or `link`";
        problems.add("decision", "it is none of `confirm`, `reject` and `link`", next_step);
        return Err(problems.into_result().err().unwrap_or_else(ApiError::not_found));
    };
    let new = NewDecision {
        partnership: partnership.clone(),
        ours: body.our_account.clone(),
        theirs: body.their_account.clone(),
        kind,
    };
    let actor = caller.user().to_string();
    match app.store.decide_pair(&actor, &org.id, new).await? {
        Decided::Done => {}
        Decided::NotFound => return Err(ApiError::not_found()),
        Decided::NotActive(state) => return Err(wrong_state(state, "paired")),
    }
    app.wake.pairing.notify_one();
    Ok(Json(PairingDecisionView {
        partnership,
        our_account: body.our_account,
        their_account: body.their_account,
        decision: kind.name(),
    }))
}
