//! `/metrics`, on an address of its own: the figures name no customer, but how
//! busy a platform is and what it fails at is not for everybody. Who may reach
//! the address may read it; without `--metrics-listen` there is none.
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::sample;
use crate::app::App;

/// Prometheus' text format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What listens there.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(app)
}

async fn metrics(State(app): State<App>) -> Response {
    sample::look(&app).await;
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics.text failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
