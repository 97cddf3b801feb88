//! What lies around every call: who calls is found, the address is checked
//! against the description, the answer gets its tag and its members, and the
//! call is counted.
use std::sync::Arc;

use axum::{
    body::{Body as Bytes, to_bytes},
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::MethodRouter,
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use venn_store::by;

use super::{
    Access, Body, Call, Deprecated, Pairs, Reply, Schemas, etag, query::is_sound_path,
    sparse::Fields,
};
use crate::{
    app::App,
    auth::{Caller, session},
    body::cut,
    error::{ApiError, Code},
    idempotency,
};

/// A call with what is worked out once.
#[derive(Clone)]
struct Around {
    app: App,
    call: Arc<Call>,
    /// Names of query parameters.
    parameters: Arc<[String]>,
    /// Names of the answer's members, or its items'.
    members: Arc<[String]>,
}

/// Puts the layer around a handler.
pub(super) fn around(
    handler: MethodRouter<App>,
    app: &App,
    call: Arc<Call>,
    schemas: &Schemas,
) -> MethodRouter<App> {
    let parameters = call.parameters().into();
    let members = call.members(schemas).into();
    let handler = match call.access {
        // Nobody's key is nobody's own.
        Access::Public => handler,
        _ => handler.layer(from_fn_with_state(app.clone(), idempotency::layer)),
    };
    let around = Around { app: app.clone(), call, parameters, members };
    handler.layer(from_fn_with_state(around, layer))
}

async fn layer(State(around): State<Around>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match around.caller(&mut parts).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let in_browser = caller.as_ref().is_some_and(|caller| caller.session.is_some());
    let now = around.app.clock.now();
    let paced = caller.as_ref().map_or(Ok(()), |caller| around.app.rate.spend(&caller.token, now));
    let answer = match (paced, &caller) {
        (Ok(()), Some(caller)) => match around.check_noun(caller) {
            Ok(()) => by::with_token(caller.by(), around.answer(parts, body, next)).await,
            Err(error) => Err(error),
        },
        (Ok(()), None) => around.answer(parts, body, next).await,
        (Err(wait_ms), _) => Err(ApiError::wait("This token makes too many calls.", wait_ms)),
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    if let Some(caller) = caller {
        around.app.usage.count(caller, &around.call.id, response.status(), now);
    }
    if in_browser {
        // A browser's cache is read by whoever sits there next.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(deprecated) = around.call.deprecated() {
        announce(deprecated, response.headers_mut());
    }
    response
}

impl Around {
    /// Who calls; none where anybody may, but from a page of ours.
    async fn caller(&self, parts: &mut Parts) -> Result<Option<Caller>, ApiError> {
        if self.call.access == Access::Public {
            return session::check_origin(&parts.headers).map(|()| None);
        }
        Caller::from_request_parts(parts, &self.app).await.map(Some)
    }

    /// Whether this caller's token is for such calls.
    fn check_noun(&self, caller: &Caller) -> Result<(), ApiError> {
        let noun = self.call.noun();
        if caller.principal.is_for(noun) {
            return Ok(());
        }
        let next = format!("Make a token with the noun `{noun}`, or for all, and use that.");
        let detail = format!("this token is not for calls of `{noun}`");
        Err(ApiError::new(Code::ScopeTooSmall, detail, next))
    }

    async fn answer(
        &self,
        mut parts: Parts,
        body: Bytes,
        next: Next,
    ) -> Result<Response, ApiError> {
        if !is_sound_path(parts.uri.path()) {
            return Err(ApiError::not_found());
        }
        check_accept(&parts.headers, &self.call)?;
        let mut query = Pairs::of(&parts.uri)?;
        if let Some(unknown) = query.names().find(|name| !self.parameters.iter().any(|p| p == name))
        {
            return Err(self.unknown_parameter(unknown));
        }
        let fields = match query.take("fields") {
            Some(text) => {
                parts.uri = with_query(&parts.uri, &query.to_query())?;
                Some(Fields::read(&text, &self.members, self.call.shape.is_page)?)
            }
            None => None,
        };
        let body = match self.call.shape.body {
            Body::None if parts.method != Method::GET => nothing(body).await?,
            _ => body,
        };
        let headers = (parts.method == Method::GET || parts.method == Method::HEAD)
            .then(|| parts.headers.clone());
        let response = next.run(Request::from_parts(parts, body)).await;
        match headers {
            Some(headers) if response.status() == StatusCode::OK && is_json(&response) => {
                tagged(response, &headers, fields.as_ref()).await
            }
            _ => Ok(response),
        }
    }

    fn unknown_parameter(&self, name: &str) -> ApiError {
        let takes = if self.parameters.is_empty() {
            "this call takes none".to_owned()
        } else {
            format!("this call takes {}", self.parameters.join(", "))
        };
        ApiError::new(
            Code::BadQuery,
            format!("There is no query parameter `{}`: {takes}.", cut(name)),
            "Correct the address and try again.",
        )
    }
}

/// A call that takes no body takes an empty one too (`{}`, `null`) and nothing else: who
/// sends more expects an effect of it.
async fn nothing(body: Bytes) -> Result<Bytes, ApiError> {
    /// Room for `{}` and some white space.
    const MOST: usize = 64;
    let refused = || {
        ApiError::new(Code::BadBody, "This call takes no body.", "Send none, or an empty object.")
    };
    let bytes = to_bytes(body, MOST).await.map_err(|_| refused())?;
    match bytes.trim_ascii() {
        b"" | b"null" => Ok(Bytes::empty()),
        text => {
            let empty = serde_json::from_slice::<serde_json::Map<_, _>>(text);
            let empty = empty.is_ok_and(|object: serde_json::Map<String, _>| object.is_empty());
            if empty { Ok(Bytes::empty()) } else { Err(refused()) }
        }
    }
}

fn with_query(uri: &Uri, query: &str) -> Result<Uri, ApiError> {
    let joint = if query.is_empty() { "" } else { "?" };
    format!("{}{joint}{query}", uri.path()).parse().map_err(ApiError::internal)
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes() == b"application/json")
}

/// The answer with its tag, or that it is the one that the caller has.
async fn tagged(
    response: Response,
    asked: &HeaderMap,
    fields: Option<&Fields>,
) -> Result<Response, ApiError> {
    let (mut parts, body) = response.into_parts();
    let mut bytes = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
    if let Some(fields) = fields {
        bytes = fields.keep(&bytes).map_err(ApiError::internal)?;
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let tag = etag::tag(&bytes);
    let has = etag::has(asked, &tag);
    parts.headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(ApiError::internal)?);
    // Whose answer it is depends on the token, and whether it is still true on us.
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    if has {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Ok(Response::from_parts(parts, Bytes::empty()));
    }
    Ok(Response::from_parts(parts, Bytes::from(bytes)))
}

/// Refuses a call whose `Accept` leaves out what it answers.
fn check_accept(headers: &HeaderMap, call: &Call) -> Result<(), ApiError> {
    let kind = match call.shape.replies.first() {
        Some((_, Reply::Text(kind))) => kind.split(';').next().unwrap_or(kind),
        _ => "application/json",
    };
    let (class, _) = kind.split_once('/').unwrap_or((kind, ""));
    let takes = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let fits = name == "*/*" || name == kind || name == format!("{class}/*");
        fits && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    let mut asked = headers.get_all(header::ACCEPT).iter().peekable();
    if asked.peek().is_none() {
        return Ok(());
    }
    if asked.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).any(takes) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::NotAcceptable,
        format!("This call answers `{kind}`, which your `accept` leaves out."),
        format!("Send `accept: {kind}`, or no `accept` at all."),
    ))
}

/// RFC 9745, RFC 8594 and RFC 8288.
pub(super) fn announce(deprecated: Deprecated, headers: &mut HeaderMap) {
    let sunset = Timestamp::from_second(deprecated.sunset_s)
        .ok()
        .and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    let link = format!("<{}>; rel=\"successor-version\"", deprecated.successor);
    let entries = [
        ("deprecation", Some(format!("@{}", deprecated.since_s))),
        ("sunset", sunset),
        ("link", Some(link)),
    ];
    for (name, value) in entries {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
}
