//! Deliveries: what waits, what is done, what was given up.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{DeliveryId, InstallId, RunId},
    organization::Need,
    support::Thing,
    time::Timestamp,
};
use venn_store::delivery::Delivery;

use crate::{
    api::{install::rests, organization::resolve, review::checked_reason, support::seen},
    app::App,
    auth::Caller,
    body::{JsonBody, one_of},
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// An install's id.
    install: Option<InstallId>,
    /// Where they stand.
    #[schemars(extend("enum" = STATES))]
    state: Option<String>,
}

/// Where a delivery can stand.
pub(super) const STATES: [&str; 5] = ["ready", "leased", "parked", "done", "dead"];

/// One event on its way to one install.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeliveryView {
    /// The delivery's id.
    id: DeliveryId,
    /// The install that it goes to.
    install: InstallId,
    /// The event's id.
    event_id: String,
    /// The event's kind, for example `overlaps-changed`.
    event_kind: String,
    /// What the event is about, an id.
    event_subject: String,
    /// When it happened.
    event_occurred_at: Timestamp,
    /// `ready`, `leased`, `parked`, `done` or `dead`.
    #[schemars(extend("enum" = STATES))]
    state: String,
    /// Why it stands there; empty if there is nothing to say.
    state_reason: String,
    /// Continuations so far: how often the plugin asked to go on.
    step: u32,
    /// Attempts of this step so far.
    attempt: u32,
    /// It is not tried before.
    not_before: Timestamp,
    /// What the plugin says is done, in its own unit.
    progress_done: u64,
    /// Of how much; 0 if not known.
    progress_total: u64,
    /// When the event was queued for this install.
    created_at: Timestamp,
    /// When it was done or given up.
    finished_at: Option<Timestamp>,
    /// It is given up (dead) if it has not begun by then; null if it waits for as long as it
    /// takes, and once it has begun.
    expires_at: Option<Timestamp>,
    /// Its runs, oldest first; a listing leaves them out and answers an empty list.
    runs: Vec<RunId>,
}

/// `GET /v1/organizations/{org}/deliveries`; runs are listed by the single one only.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf<DeliveryQuery>,
) -> Result<Json<PageView<DeliveryView>>, ApiError> {
    let seen = seen(&app, &caller, &org, Thing::Deliveries).await?;
    let DeliveryQuery { install, state } = &page.filter;
    one_of("state", state.as_deref(), &STATES)?;
    let (before, most) = (page.after()?, page.limit);
    let install = seen.narrow(&app, &caller, install.as_ref(), Thing::Deliveries).await?;
    let found = app
        .store
        .deliveries(&seen.organization, install.as_ref(), state.as_deref(), before.as_ref(), most)
        .await?;
    Ok(Json(page.view(found, |delivery| view(delivery, Vec::new()))))
}

/// `GET /v1/organizations/{org}/deliveries/{delivery}`
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, ApiError> {
    let seen = seen(&app, &caller, &org, Thing::Deliveries).await?;
    let found = app.store.delivery(&seen.organization, &delivery.parse()?).await?;
    let (delivery, runs) = found.ok_or_else(ApiError::not_found)?;
    let id = delivery.id.to_string();
    seen.one(&app, &caller, &delivery.install, Thing::Deliveries, &id).await?;
    Ok(Json(view(delivery, runs)))
}

/// `POST /v1/organizations/{org}/deliveries/{delivery}/redeliver`
pub async fn redeliver(
    State(app): State<App>,
    caller: Caller,
    Path((org, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let id: DeliveryId = delivery.parse()?;
    let moved = app.store.redeliver(&org.id, &id, caller.user()).await?;
    let found = app.store.delivery(&org.id, &id).await?;
    let (delivery, runs) = found.ok_or_else(ApiError::not_found)?;
    if !moved {
        let install = app.store.install(&org.id, &delivery.install).await?;
        let resting = install.and_then(|install| Some((install.name, install.resting?)));
        if let Some((install, resting)) = resting.filter(|_| delivery.state == "ready") {
            return Err(rests(&install, &resting));
        }
        return Err(ApiError::new(
            Code::WrongState,
            format!(
                "The delivery is {}; only one that is parked, dead or waits for its next attempt can be delivered again.",
                delivery.state
            ),
            "Wait for it to finish; `GET …/deliveries?state=dead` lists those that were given up.",
        ));
    }
    app.wake.deliveries.notify_one();
    Ok(Json(view(delivery, runs)))
}

/// Body of discarding.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardBody {
    /// Why nothing is to come of it; it is shown with the delivery.
    reason: String,
}

/// `POST /v1/organizations/{org}/deliveries/{delivery}/discard`
pub async fn discard(
    State(app): State<App>,
    caller: Caller,
    Path((org, delivery)): Path<(String, String)>,
    JsonBody(body): JsonBody<DiscardBody>,
) -> Result<Json<DeliveryView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let id: DeliveryId = delivery.parse()?;
    let reason = checked_reason(body.reason)?;
    let moved = app.store.discard(&org.id, &id, &reason, caller.user()).await?;
    let found = app.store.delivery(&org.id, &id).await?;
    let (delivery, runs) = found.ok_or_else(ApiError::not_found)?;
    if !moved && delivery.state == "dead" {
        return Err(ApiError::new(
            Code::WrongState,
            format!("The delivery is given up already ({}).", delivery.state_reason),
            "`POST …/deliveries/{delivery}/redeliver` brings it all the same.",
        ));
    }
    if !moved {
        return Err(ApiError::new(
            Code::WrongState,
            format!(
                "The delivery is {}; only one that waits, is parked or expired can be discarded.",
                delivery.state
            ),
            "Wait for a run to end; a paused install (`POST …/installs/{install}/pause`) begins no further one.",
        ));
    }
    app.wake.deliveries.notify_one();
    Ok(Json(view(delivery, runs)))
}

fn view(delivery: Delivery, runs: Vec<RunId>) -> DeliveryView {
    DeliveryView {
        id: delivery.id,
        install: delivery.install,
        event_id: delivery.event.id.to_string(),
        event_kind: delivery.event.kind,
        event_subject: delivery.event.subject,
        event_occurred_at: delivery.event.occurred_at,
        state: delivery.state,
        state_reason: delivery.state_reason,
        step: delivery.step,
        attempt: delivery.attempt,
        not_before: delivery.not_before,
        progress_done: delivery.progress_done,
        progress_total: delivery.progress_total,
        created_at: delivery.created_at,
        finished_at: delivery.finished_at,
        expires_at: delivery.expires_at,
        runs,
    }
}
