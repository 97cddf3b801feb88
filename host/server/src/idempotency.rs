//! `Idempotency-Key` on POST: the first answer is kept for a day and given
//! again, so that a caller can repeat a request whose answer got lost. The key
//! belongs to the token; another request under the same key is refused.
//! Answers with a status of 500 or more are not kept.
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};
use venn_domain::limits;

use crate::{
    app::App,
    auth::Caller,
    error::{ApiError, Code},
};

/// Longest key taken; a UUID has 36 characters.
const KEY_BYTES_MAX: usize = 128;

/// The layer around every route.
pub async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    match handle(app, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn handle(app: App, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = request.headers().get("idempotency-key").cloned();
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
    let (Some(key), &Method::POST, true) = (key, request.method(), is_json) else {
        return Ok(next.run(request).await);
    };
    let key = read_key(&key)?;
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let most = usize::try_from(limits::API_BODY_BYTES).unwrap_or(usize::MAX);
    let bytes = to_bytes(body, most).await.map_err(|_| {
        ApiError::new(Code::TooLarge, "The body is larger than the limit.", "Send less at once.")
    })?;
    let hash = request_hash(&parts, &bytes);
    if let Some(kept) = app.store.kept_answer(&caller.token, &key).await? {
        return repeat(&kept, &hash);
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if response.status().is_server_error() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, most).await.map_err(ApiError::internal)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    app.store.keep_answer(&caller.token, &key, hash, parts.status.as_u16(), text).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn read_key(key: &HeaderValue) -> Result<String, ApiError> {
    let text = key.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > KEY_BYTES_MAX {
        return Err(ApiError::new(
            Code::BadQuery,
            format!("The Idempotency-Key must have 1 to {KEY_BYTES_MAX} visible characters."),
            "Send a fresh UUID per request.",
        ));
    }
    Ok(text.to_owned())
}

fn request_hash(parts: &axum::http::request::Parts, body: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(parts.uri.path_and_query().map_or("", |p| p.as_str()).as_bytes());
    hash.update([0]);
    hash.update(body);
    hash.finalize().to_vec()
}

fn repeat(kept: &venn_store::idempotency::KeptAnswer, hash: &[u8]) -> Result<Response, ApiError> {
    if kept.request_hash != hash {
        return Err(ApiError::new(
            Code::KeyReused,
            "This Idempotency-Key was used for another request.",
            "Send a fresh key per request.",
        ));
    }
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let kind = if status.is_client_error() { "application/problem+json" } else { "application/json" };
    let mut response = (status, kept.body.clone()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}
