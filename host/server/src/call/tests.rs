//! A call that goes away says so, and every answer that asks for patience says
//! for how long.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use axum::{
    http::{HeaderMap, StatusCode},
    response::IntoResponse as _,
};

use super::{Access, Calls, Deprecated, about, layer::announce};
use crate::{
    api,
    error::{ApiError, Code},
    openapi,
};

const GOES: Deprecated =
    Deprecated { since_s: 1_767_225_600, sunset_s: 1_782_864_000, successor: "/v1/me" };

#[test]
fn a_call_that_goes_away_says_since_when_until_when_and_what_instead() {
    let mut headers = HeaderMap::new();
    announce(GOES, &mut headers);
    let expected = [
        ("deprecation", "@1767225600"),
        ("sunset", "Wed, 01 Jul 2026 00:00:00 GMT"),
        ("link", "</v1/me>; rel=\"successor-version\""),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value);
    }
    let old = about("Tells who the caller is.").deprecated(GOES);
    let calls = Calls::default().get("/old", Access::Anyone, api::me::get, old);
    let document = openapi::document(&calls);
    assert_eq!(document["paths"]["/v1/old"]["get"]["deprecated"], true);
    assert!(
        document["paths"]["/v1/old"]["get"]["responses"]["200"]["headers"]["Sunset"].is_object()
    );
}

#[test]
fn whoever_has_to_wait_is_told_for_how_long() {
    for code in Code::ALL {
        let response = ApiError::new(*code, "x", "y").into_response();
        let waits = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        assert_eq!(response.headers().contains_key("retry-after"), waits.contains(&code.status()));
    }
    assert!(Code::ALL.iter().any(|code| code.status() == StatusCode::SERVICE_UNAVAILABLE));
}
