//! Reading requests: JSON bodies, query strings and path ids, with errors
//! that name the place.
use std::{fmt::Display, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use venn_domain::{limits, manifest::Problem};

use crate::error::{ApiError, Code};

/// A JSON body; unknown members and duplicate keys are refused.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        need_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|e| body_error(&e))?;
        // An empty body is the empty object: calls without members need none.
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text).map(Self).map_err(|error| bad_json(&error))
    }
}

fn need_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default();
    if kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::ContentType,
        format!("The body is sent as `{}`.", kind.chars().take(80).collect::<String>()),
        "Send `content-type: application/json`.",
    ))
}

fn bad_json(error: &serde_json::Error) -> ApiError {
    let place = format!("line {}, column {}", error.line(), error.column());
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason).to_owned();
    ApiError::new(
        Code::BadBody,
        format!("The body cannot be read at {place}: {reason}."),
        "Correct the body and send it again.",
    )
    .with_problems(vec![Problem {
        place,
        reason,
        next_step: "Correct it and send the request again".to_owned(),
    }])
}

/// A body that is larger than allowed, or that broke off.
pub fn body_error(error: &BytesRejection) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            Code::TooLarge,
            format!("The body is larger than {} bytes.", limits::API_BODY_BYTES),
            "Send less at once.",
        );
    }
    ApiError::new(Code::BadUpload, "The body broke off before its end.", "Send it again.")
}

/// A query string; unknown parameters are refused.
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(query) = Query::<T>::from_request_parts(parts, state).await.map_err(|error| {
            ApiError::new(Code::BadQuery, error.body_text(), "Correct the address and try again.")
        })?;
        Ok(Self(query))
    }
}

/// `?limit=…&cursor=…`: what every listing takes. Listings with filters have
/// a struct of their own with these two members.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Items in the page; 1 to 200.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// Checks a page size.
pub fn limit(limit: Option<u32>) -> Result<u32, ApiError> {
    let most = u32::try_from(limits::API_PAGE_ITEMS).unwrap_or(u32::MAX);
    match limit {
        None => Ok(50),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(ApiError::new(
            Code::BadQuery,
            format!("limit={limit} is not between 1 and {most}."),
            "Ask for smaller pages and follow `next`.",
        )),
    }
}

/// Checks a filter that takes one of a few names.
pub fn one_of(name: &str, value: Option<&str>, names: &[&str]) -> Result<(), ApiError> {
    match value {
        Some(value) if !names.contains(&value) => Err(ApiError::new(
            Code::BadQuery,
            format!(
                "{name}={} is none of {}.",
                value.chars().take(40).collect::<String>(),
                names.join(", ")
            ),
            "Take one of them, or leave the filter out.",
        )),
        _ => Ok(()),
    }
}

/// Reads a cursor: the id of the last item of the page before.
pub fn cursor<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, ApiError>
where
    T::Err: Display,
{
    let read = |text: &str| {
        text.parse().map_err(|_| {
            ApiError::new(
                Code::BadQuery,
                "The cursor is not one that this listing gave out.",
                "Start without a cursor and follow `next`.",
            )
        })
    };
    cursor.map(read).transpose()
}

/// A listing's answer: all keys always there.
#[derive(Debug, serde::Serialize)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}
