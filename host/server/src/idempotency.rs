//! `Idempotency-Key` on POST: the first answer is kept for a day and given
//! again, so that a caller can repeat a request whose answer got lost.
//!
//! The key belongs to the token; another request under the same key is refused.
//! The key is reserved before the request is worked on, so that of two equal
//! requests at the same time one is; the work goes on when the caller hangs up,
//! because that is when it comes back with the key. Only success is kept: what was
//! refused took no effect, and is decided anew. A secret is never kept:
//! [`crate::answer::CreatedOnce`].
//!
//! It lies within [`crate::call`]: who may not call, or calls too fast, reserves nothing.
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;
use venn_domain::id::TokenId;
use venn_store::{
    Store, by,
    idempotency::{KeptAnswer, Reservation},
};

use crate::{
    app::App,
    auth::Caller,
    body::body_bytes_max,
    error::{ApiError, Code, Unconfirmed},
};

/// Longest key taken; a UUID has 36 characters.
const KEY_BYTES_MAX: usize = 128;

/// Marks an answer that holds a secret: what is kept in its place.
#[derive(Clone)]
pub struct KeepInstead(pub String);

/// The layer around every call that takes a token.
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
        .is_none_or(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/json"));
    let (Some(key), &Method::POST, true) = (key, request.method(), is_json) else {
        return Ok(next.run(request).await);
    };
    let key = read_key(&key)?;
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let bytes = to_bytes(body, body_bytes_max()).await.map_err(|_| {
        ApiError::new(Code::TooLarge, "The body is larger than the limit.", "Send less at once.")
    })?;
    let hash = request_hash(&parts, &bytes);
    if let Some(answer) = reserve(&app.store, &caller.token, &key, hash).await? {
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    let work = by::with_token(caller.by(), next.run(request));
    let work = async move { keep(&app.store, &caller.token, &key, work).await };
    tokio::spawn(work.in_current_span()).await.map_err(ApiError::internal)?
}

/// Reserves the key; or the answer that was given before.
async fn reserve(
    store: &Store,
    token: &TokenId,
    key: &str,
    hash: Vec<u8>,
) -> Result<Option<Response>, ApiError> {
    match store.reserve_answer(token, key, hash.clone()).await? {
        Reservation::Ours => Ok(None),
        Reservation::Answered(kept) if kept.request_hash == hash => Ok(Some(repeat(&kept))),
        Reservation::InProgress { request_hash } if request_hash == hash => Err(in_progress()),
        Reservation::Answered(_) | Reservation::InProgress { .. } => Err(reused()),
    }
}

/// Works on the request whose key is reserved, and keeps the answer.
async fn keep(
    store: &Store,
    token: &TokenId,
    key: &str,
    work: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, ApiError> {
    // A task of its own, so that a panic does not leave the key reserved.
    let response = match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(panicked) => ApiError::internal(panicked).into_response(),
    };
    if !response.status().is_success() {
        // What may have taken effect must not run again: its key stays taken.
        if response.extensions().get::<Unconfirmed>().is_none() {
            store.release_answer(token, key).await?;
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
    let text = match parts.extensions.get::<KeepInstead>() {
        Some(KeepInstead(kept)) => kept.clone(),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
    store.keep_answer(token, key, parts.status.as_u16(), text).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn read_key(key: &HeaderValue) -> Result<String, ApiError> {
    let text = key.to_str().unwrap_or_default();
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > KEY_BYTES_MAX || !is_visible {
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

fn reused() -> ApiError {
    ApiError::new(
        Code::KeyReused,
        "This Idempotency-Key was used for another request.",
        "Send a fresh key per request.",
    )
}

fn in_progress() -> ApiError {
    ApiError::new(
        Code::WrongState,
        "A request with this Idempotency-Key is still being worked on, or was when Venn stopped.",
        "Try again with the same key in a moment; if it stays, look whether it took effect and use a fresh key.",
    )
}

fn repeat(kept: &KeptAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body.clone()).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests;
