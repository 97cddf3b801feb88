//! Partnerships: propose, accept, end. To anybody but the two sides there is
//! no such partnership.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{OrganizationId, PartnershipId},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    organization::Organization,
    partnership::{Moved, Partnership, PartnershipState},
};

use crate::{
    answer::Created,
    api::{check::Problems, organization::resolve},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// A partnership, as one of its two sides sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartnershipView {
    /// The partnership's id.
    id: PartnershipId,
    /// The other side.
    partner_id: OrganizationId,
    /// Its slug.
    partner_slug: String,
    /// Its name.
    partner_name: String,
    /// `proposed`, `active` or `ended`.
    #[schemars(extend("enum" = ["proposed", "active", "ended"]))]
    state: &'static str,
    /// `us` or `them`.
    #[schemars(extend("enum" = ["us", "them"]))]
    proposed_by: &'static str,
    /// When it was proposed.
    created_at: Timestamp,
    /// When the other side accepted it.
    accepted_at: Option<Timestamp>,
    /// When a side ended it.
    ended_at: Option<Timestamp>,
}

/// A partnership with the progress of its pairing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartnershipDetailView {
    #[serde(flatten)]
    partnership: PartnershipView,
    /// 1 while something waits to be paired, 0 when all is paired. How much waits is not
    /// told: after an acceptance it is the number of companies that both lists have.
    #[schemars(range(max = 1))]
    pending_domains: u64,
}

/// `POST /v1/organizations/{org}/partnerships`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnershipBody {
    /// The partner's slug, as the directory has it.
    partner: String,
}

/// `POST /v1/organizations/{org}/partnerships`: an admin of a customer.
pub async fn propose(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<PartnershipBody>,
) -> Result<Created<PartnershipView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let partner = app.store.organization(&body.partner).await?;
    let partner = proposable(&org, partner, &body.partner)?;
    let actor = caller.user().to_string();
    let made = app.store.propose_partnership(&actor, &org.id, &partner.id).await?;
    Ok(Created(view(made)))
}

/// Both must be customers, and not the same one.
fn proposable(
    us: &Organization,
    partner: Option<Organization>,
    text: &str,
) -> Result<Organization, ApiError> {
    let mut problems = Problems::default();
    let text: String = text.chars().take(80).collect();
    if !us.kinds.customer {
        let reason = "your organization is not a customer, so it has no accounts to map";
        problems.add("partner", reason, "Ask the platform to make it a customer");
    }
    match partner {
        Some(partner) if partner.id == us.id => {
            problems.add("partner", "an organization is no partner of itself", "Name another one");
        }
        Some(partner) if partner.kinds.customer => {
            problems.into_result()?;
            return Ok(partner);
        }
        _ => {
            let reason = format!("there is no customer `{text}`");
            problems.add("partner", reason, "Take a slug from `GET /v1/directory`");
        }
    }
    problems.into_result()?;
    Err(ApiError::not_found())
}

/// `GET /v1/organizations/{org}/partnerships`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<PartnershipView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.partnerships(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET /v1/organizations/{org}/partnerships/{partnership}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<PartnershipDetailView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let id: PartnershipId = id.parse()?;
    let found = app.store.partnership(&org.id, &id).await?.ok_or_else(ApiError::not_found)?;
    let pending_domains = app.store.pending_domains(&id).await?.min(1);
    Ok(Json(PartnershipDetailView { partnership: view(found), pending_domains }))
}

/// `POST …/accept`: an admin of the side that did not propose.
pub async fn accept(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<PartnershipView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let actor = caller.user().to_string();
    let moved = app.store.accept_partnership(&actor, &org.id, &id.parse()?).await?;
    let accepted = done(moved, "accepted")?;
    app.wake.pairing.notify_one();
    Ok(Json(accepted))
}

/// `POST …/end`: an admin of either side.
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<PartnershipView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let actor = caller.user().to_string();
    let moved = app.store.end_partnership(&actor, &org.id, &id.parse()?).await?;
    let ended = done(moved, "ended")?;
    // What waited for it is settled.
    app.wake.deliveries.notify_one();
    Ok(Json(ended))
}

fn done(moved: Moved, what: &str) -> Result<PartnershipView, ApiError> {
    match moved {
        Moved::Done(partnership) => Ok(view(partnership)),
        Moved::NotFound => Err(ApiError::not_found()),
        Moved::WrongState(state) => Err(wrong_state(state, what)),
        Moved::OwnProposal => Err(ApiError::new(
            Code::WrongState,
            "The partnership was proposed by your own organization.",
            "Ask an admin of the partner to accept it.",
        )),
    }
}

/// It is in another state than the call needs.
pub fn wrong_state(state: PartnershipState, what: &str) -> ApiError {
    let next_step = match state {
        PartnershipState::Proposed => "The side that did not propose it accepts it first.",
        PartnershipState::Active => "Nothing needs to be done: both sides agree already.",
        PartnershipState::Ended => "Propose a new partnership; an ended one stays ended.",
    };
    let detail = format!("The partnership is {}, so it cannot be {what}.", state.name());
    ApiError::new(Code::WrongState, detail, next_step)
}

/// Of a partnership without an answer: not-found if it is not ours, or that it
/// is not active.
pub async fn no_answer(app: &App, us: &OrganizationId, id: &PartnershipId) -> ApiError {
    match app.store.partnership(us, id).await {
        Ok(Some(found)) => wrong_state(found.state, "read"),
        Ok(None) => ApiError::not_found(),
        Err(error) => error.into(),
    }
}

fn view(partnership: Partnership) -> PartnershipView {
    PartnershipView {
        id: partnership.id,
        partner_id: partnership.partner,
        partner_slug: partnership.partner_slug,
        partner_name: partnership.partner_name,
        state: partnership.state.name(),
        proposed_by: if partnership.proposed_by_us { "us" } else { "them" },
        created_at: partnership.created_at,
        accepted_at: partnership.accepted_at,
        ended_at: partnership.ended_at,
    }
}
