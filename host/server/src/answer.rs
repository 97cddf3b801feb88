//! The good answers of handlers beyond `Json`: their types say their status, so
//! that the API's description cannot tell another one.
use axum::{
    Extension, Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::{Answer, Reply, Schemas},
    error::ApiError,
    idempotency::KeepInstead,
};

type Replies = Vec<(StatusCode, Reply)>;

fn json<T: JsonSchema>(status: StatusCode, schemas: &mut Schemas) -> (StatusCode, Reply) {
    (status, Reply::Json(schemas.answered.subschema_for::<T>()))
}

/// 201: it was made.
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Answer for Created<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        vec![json::<T>(StatusCode::CREATED, schemas)]
    }
}

/// 201 where it was made, 200 where the same was there already.
pub enum CreatedOrSame<T> {
    /// It was made.
    Created(T),
    /// The same was there.
    Same(T),
}

impl<T: Serialize> IntoResponse for CreatedOrSame<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Created(view) => Created(view).into_response(),
            Self::Same(view) => Json(view).into_response(),
        }
    }
}

impl<T: JsonSchema> Answer for CreatedOrSame<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        vec![json::<T>(StatusCode::OK, schemas), json::<T>(StatusCode::CREATED, schemas)]
    }
}

/// 201 with a secret that is told this once: a repeat of the request is
/// answered with the same without the secret (`"token": null`).
pub struct CreatedOnce<T> {
    response: Response,
    view: std::marker::PhantomData<T>,
}

impl<T: Serialize> CreatedOnce<T> {
    /// `told` now, `kept` to a repeat.
    pub fn new(told: &T, kept: &T) -> Result<Self, ApiError> {
        let kept = serde_json::to_string(kept).map_err(ApiError::internal)?;
        let told = (StatusCode::CREATED, Extension(KeepInstead(kept)), Json(told));
        Ok(Self { response: told.into_response(), view: std::marker::PhantomData })
    }
}

impl<T> IntoResponse for CreatedOnce<T> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: JsonSchema> Answer for CreatedOnce<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        vec![json::<T>(StatusCode::CREATED, schemas)]
    }
}

/// 202: it is being worked on.
pub struct Accepted<T>(pub T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Answer for Accepted<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        vec![json::<T>(StatusCode::ACCEPTED, schemas)]
    }
}

/// 200 with what came of it, 202 where that is still being worked on.
pub enum EndedOrAccepted<T> {
    /// It has ended.
    Ended(T),
    /// It goes on.
    Accepted(T),
}

impl<T: Serialize> IntoResponse for EndedOrAccepted<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Ended(view) => Json(view).into_response(),
            Self::Accepted(view) => Accepted(view).into_response(),
        }
    }
}

impl<T: JsonSchema> Answer for EndedOrAccepted<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        vec![json::<T>(StatusCode::OK, schemas), json::<T>(StatusCode::ACCEPTED, schemas)]
    }
}

/// 204: done, and there is nothing to say.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for NoContent {
    fn replies(_: &mut Schemas) -> Replies {
        vec![(StatusCode::NO_CONTENT, Reply::Empty)]
    }
}

/// An answer that sets cookies.
pub struct WithCookies<T> {
    answer: T,
    cookies: Vec<HeaderValue>,
}

impl<T> WithCookies<T> {
    /// The answer with these `set-cookie` headers.
    pub fn new(answer: T, cookies: &[String]) -> Result<Self, ApiError> {
        let cookies = cookies.iter().map(HeaderValue::try_from).collect::<Result<_, _>>();
        Ok(Self { answer, cookies: cookies.map_err(ApiError::internal)? })
    }
}

impl<T: IntoResponse> IntoResponse for WithCookies<T> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl<T: Answer> Answer for WithCookies<T> {
    fn replies(schemas: &mut Schemas) -> Replies {
        T::replies(schemas)
    }
}

/// 200 with text for people.
pub struct PlainText(pub String);

impl IntoResponse for PlainText {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, PLAIN)], self.0).into_response()
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

impl Answer for PlainText {
    fn replies(_: &mut Schemas) -> Replies {
        vec![(StatusCode::OK, Reply::Text(PLAIN))]
    }
}

/// 200 with a JSON document on each line.
pub struct JsonLines(pub Body);

const LINES: &str = "application/x-ndjson";

impl IntoResponse for JsonLines {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, LINES)], self.0).into_response()
    }
}

impl Answer for JsonLines {
    fn replies(_: &mut Schemas) -> Replies {
        vec![(StatusCode::OK, Reply::Text(LINES))]
    }
}
