//! The control as HTTP, for other processes: a demo, a browser test, a vendor's own client.
//!
//! | call | does |
//! |---|---|
//! | `GET /` | `{"party": …}` |
//! | `GET /ca.pem` | what a client must trust |
//! | `GET /calls?arrived=N`, `DELETE /calls` | the call log; with `arrived` it waits for the Nth call |
//! | `GET /faults`, `POST /faults`, `DELETE /faults` | rules such as `{"fault":"unavailable","times":2,"path_prefix":"/crm"}` |
//! | `POST /holds`, `GET /holds/{id}?held=N`, `DELETE /holds/{id}` | hold calls, wait until N are held, let go |
//! | `PUT /tokens` | `[{"value":"…","scopes":["…"]}]`, scopes left out: all |
//! | `GET /objects`, `GET /objects/{kind}` | counts; all objects of a kind |
//! | `POST /clock` | `{"advance_ms": 10000}` |
//! | `POST /reset` | no objects, faults, holds or calls |
//!
//! It has no authentication: it listens on loopback and holds invented data.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::calls::CallRecord;
use crate::control::Control;
use crate::fault::FaultRule;
use crate::hold::Stage;
use crate::matching::Matching;
use crate::party::Token;

pub(crate) async fn serve(
    listener: TcpListener,
    control: Control,
    ca_pem: String,
    mut stop: watch::Receiver<bool>,
) {
    let router = router(control, ca_pem).into_make_service();
    // Cut off rather than drained: a long poll would otherwise hold up the shutdown.
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        served = axum::serve(listener, router) => if let Err(error) = served {
            tracing::warn!(%error, "the simulator's admin listener ended");
        },
    }
}

fn router(control: Control, ca_pem: String) -> Router {
    Router::new()
        .route(
            "/",
            get(async |State(control): State<Control>| {
                Json(json!({ "party": control.party().name() }))
            }),
        )
        .route("/ca.pem", get(async move || ca_pem.clone()))
        .route(
            "/calls",
            get(calls).delete(async |State(control): State<Control>| control.clear_calls()),
        )
        .route(
            "/faults",
            get(faults)
                .post(script)
                .delete(async |State(control): State<Control>| control.clear_faults()),
        )
        .route("/holds", post(hold))
        .route("/holds/{id}", get(held).merge(delete(release)))
        .route("/tokens", put(tokens))
        .route("/objects", get(async |State(control): State<Control>| Json(control.counts())))
        .route("/objects/{kind}", get(objects))
        .route("/clock", post(clock))
        .route("/reset", post(async |State(control): State<Control>| control.reset()))
        .with_state(control)
}

#[derive(Deserialize)]
struct CallsQuery {
    #[serde(default)]
    arrived: u64,
}

async fn calls(
    State(control): State<Control>,
    Query(query): Query<CallsQuery>,
) -> Json<Vec<CallRecord>> {
    control.arrived(query.arrived).await;
    Json(control.calls())
}

async fn faults(State(control): State<Control>) -> Json<Vec<FaultRule>> {
    Json(control.faults())
}

async fn script(State(control): State<Control>, Json(rule): Json<FaultRule>) -> StatusCode {
    control.script(rule);
    StatusCode::CREATED
}

#[derive(Deserialize)]
struct HoldBody {
    #[serde(flatten)]
    matching: Matching,
    #[serde(default)]
    stage: Stage,
}

async fn hold(
    State(control): State<Control>,
    Json(body): Json<HoldBody>,
) -> (StatusCode, Json<Value>) {
    let id = control.add_hold(body.stage, body.matching);
    (StatusCode::CREATED, Json(json!({ "id": id })))
}

#[derive(Deserialize)]
struct HeldQuery {
    #[serde(default)]
    held: usize,
}

async fn held(
    State(control): State<Control>,
    Path(id): Path<u64>,
    Query(query): Query<HeldQuery>,
) -> StatusCode {
    let Some(hold) = control.find_hold(id) else {
        return StatusCode::NOT_FOUND;
    };
    hold.wait_held(query.held).await;
    StatusCode::OK
}

async fn release(State(control): State<Control>, Path(id): Path<u64>) -> StatusCode {
    if control.release(id) { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

async fn tokens(State(control): State<Control>, Json(tokens): Json<Vec<Token>>) {
    control.set_tokens(tokens);
}

async fn objects(
    State(control): State<Control>,
    Path(kind): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    control.objects(&kind).map(Json).ok_or(StatusCode::NOT_FOUND)
}

#[derive(Deserialize)]
struct ClockBody {
    advance_ms: u32,
}

async fn clock(State(control): State<Control>, Json(body): Json<ClockBody>) -> Json<Value> {
    control.clock().advance_ms(body.advance_ms);
    Json(json!({ "now": control.clock().now_text() }))
}
