//! Reading requests: JSON bodies, query strings and path ids, with errors
//! that name the place.
use axum::{
    body::Bytes,
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Request, rejection::BytesRejection,
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use venn_domain::{json, limits, manifest::Problem};

use crate::error::{ApiError, Code};

/// A JSON body; unknown members and duplicate keys are refused.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        need_json(request.headers())?;
        DefaultBodyLimit::max(body_bytes_max()).apply(&mut request);
        let bytes = Bytes::from_request(request, state).await.map_err(|e| body_error(&e))?;
        let read = serde_json::from_slice(&bytes).map_err(|error| bad_json(&error))?;
        // What a type lets through: keys twice in a free map, and text that no
        // database keeps.
        json::check(&bytes).map_err(|error| bad_json(&error))?;
        Ok(Self(read))
    }
}

/// The most bytes of a JSON body.
pub fn body_bytes_max() -> usize {
    usize::try_from(limits::API_BODY_BYTES).unwrap_or(usize::MAX)
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
    let reason = without_value(reason.rsplit_once(" at line ").map_or(&*reason, |(why, _)| why));
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

/// A reader's words without what was sent: it may be a secret that went to the wrong
/// place, or a megabyte. Names of members stay, cut.
fn without_value(reason: &str) -> String {
    const MOST: usize = 400;
    for kind in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) =
            reason.strip_prefix(kind).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let found = found.split(['`', '"', '\'']).next().unwrap_or_default().trim_end();
            return format!("{kind}{found}, expected {expected}");
        }
    }
    if let Some(rest) = reason.strip_prefix("unknown variant `")
        && let Some((_, expected)) = rest.rsplit_once("`, expected ")
    {
        return format!("unknown variant, expected {expected}");
    }
    if let Some(rest) = reason.strip_prefix("unknown field `")
        && let Some((name, tail)) = rest.rsplit_once("`, ")
        && tail.starts_with("expected ")
    {
        return format!("unknown field `{}`, {tail}", cut(name));
    }
    reason.chars().take(MOST).collect()
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

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query; an error names the parameter that it is about.
pub fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let reader = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(reader).map_err(|error| {
        // Without a parameter, as where one is missing, the path is a dot.
        let (place, reason) = (error.path().to_string(), error.inner());
        let detail = if place == "." {
            format!("The query of the address cannot be read: {reason}.")
        } else {
            format!("{place}: {reason}.")
        };
        ApiError::new(Code::BadQuery, detail, "Correct the address and try again.")
    })
}

/// What somebody sent, short enough to be repeated to them.
pub fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Checks a filter that takes one of a few names.
pub fn one_of(name: &str, value: Option<&str>, names: &[&str]) -> Result<(), ApiError> {
    match value {
        Some(value) if !names.contains(&value) => Err(ApiError::new(
            Code::BadQuery,
            format!("{name}={} is none of {}.", cut(value), names.join(", ")),
            "Take one of them, or leave the filter out.",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn what_was_sent_is_not_repeated() {
        let long = "x".repeat(100);
        let table = [
            (
                "invalid type: integer `777123`, expected a string",
                "invalid type: integer, expected a string",
            ),
            (
                "invalid type: string \"s3cret, expected x\", expected u64",
                "invalid type: string, expected u64",
            ),
            ("invalid type: null, expected a string", "invalid type: null, expected a string"),
            (
                "invalid value: character `s`, expected a digit",
                "invalid value: character, expected a digit",
            ),
            (
                "unknown variant `s3cret`, expected `a` or `b`",
                "unknown variant, expected `a` or `b`",
            ),
            ("missing field `title`", "missing field `title`"),
        ];
        for (told, expected) in table {
            assert_eq!(without_value(told), expected);
        }
        assert_eq!(
            without_value(&format!("unknown field `{long}`, expected `key`")),
            format!("unknown field `{}`, expected `key`", &long[..40])
        );
        assert_eq!(without_value(&long.repeat(10)).len(), 400);
    }
}
