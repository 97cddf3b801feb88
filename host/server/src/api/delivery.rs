//! Deliveries: what waits, what is done, what was given up.
use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use venn_domain::{
    id::{DeliveryId, InstallId, RunId},
    organization::Need,
    time::Timestamp,
};
use venn_store::delivery::Delivery;

use crate::{
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::{PageView, QueryOf, cursor, limit, one_of},
    error::{ApiError, Code},
};

/// `?install&state&limit&cursor`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    install: Option<InstallId>,
    state: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// One event on its way to one install.
#[derive(Debug, Serialize)]
pub struct DeliveryView {
    id: DeliveryId,
    install: InstallId,
    event: Value,
    state: String,
    state_reason: String,
    step: u32,
    attempt: u32,
    not_before: Timestamp,
    progress: Value,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    runs: Vec<RunId>,
}

/// `GET /v1/organizations/{org}/deliveries`; runs are listed by the single one only.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<DeliveryQuery>,
) -> Result<Json<PageView<DeliveryView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let before = cursor(query.cursor.as_deref())?;
    one_of("state", query.state.as_deref(), &["ready", "leased", "parked", "done", "dead"])?;
    let most = limit(query.limit)?;
    let page = app
        .store
        .deliveries(&org.id, query.install.as_ref(), query.state.as_deref(), before.as_ref(), most)
        .await?;
    let items = page.items.into_iter().map(|delivery| view(delivery, Vec::new())).collect();
    Ok(Json(PageView { items, next: page.next }))
}

/// `GET /v1/organizations/{org}/deliveries/{delivery}`
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.delivery(&org.id, &delivery.parse()?).await?;
    let (delivery, runs) = found.ok_or_else(ApiError::not_found)?;
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

fn view(delivery: Delivery, runs: Vec<RunId>) -> DeliveryView {
    DeliveryView {
        id: delivery.id,
        install: delivery.install,
        event: json!({
            "id": delivery.event.id,
            "kind": delivery.event.kind,
            "subject": delivery.event.subject,
            "occurred_at": delivery.event.occurred_at,
        }),
        state: delivery.state,
        state_reason: delivery.state_reason,
        step: delivery.step,
        attempt: delivery.attempt,
        not_before: delivery.not_before,
        progress: json!({ "done": delivery.progress_done, "total": delivery.progress_total }),
        created_at: delivery.created_at,
        finished_at: delivery.finished_at,
        runs,
    }
}
