//! The layer around every API request: its id, its span, its line in the log and
//! its figures.
//!
//! The id is ours alone and goes back in `x-request-id`, so that whoever asks for
//! help can name it. Only the route's template is told, never the path: a path
//! has ids in it, or whatever a stranger wrote there.
use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, Span, field::Empty};

use super::{metrics, trace};
use crate::app::App;

/// The header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layer.
pub async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id();
    let method = metrics::method(request.method().as_str());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("(none)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "api.request",
        otel.kind = "server",
        request_id = id,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        token = Empty,
        trace_id = Empty,
    );
    let parent = request.headers().get(trace::TRACEPARENT);
    if let Some(parent) = parent.and_then(|value| value.to_str().ok()) {
        trace::child_of(&span, parent);
    }
    let trace_id = trace::id_of(&span);
    if !trace_id.is_empty() {
        span.record("trace_id", trace_id);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let took = began.elapsed();
    app.metrics.answered(method, &route, status, took);
    span.record("http.response.status_code", status);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(took_us, "api.request answered"));
    response
}

/// Tells whose token it was: its id, which is no secret.
pub fn authenticated(token: &venn_domain::id::TokenId) {
    Span::current().record("token", token.as_str());
}

/// 128 random bits: it needs to be unique, and to say nothing.
fn request_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without random numbers ids repeat, and nothing here depends on them.
    let _ = getrandom::fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}
