//! `POST /hooks/…`: what third parties call. Whose a call is decides the domain
//! ([`venn_domain::webhook`]), over the bytes as they came; until then nothing of it is kept.
//! An answer of success means that the event is durable; where a person waits at the other
//! end, it waits for the plugin's own answer a moment.
//!
//! - `/hooks/WEBHOOK`: of one install; the path is made from the webhook's id and a code of
//!   this host's, so that nobody guesses it and nothing of it is stored.
//! - `/hooks/plugins/PLUGIN/WEBHOOK`: of all of a plugin's installs, by the routing key.
//!
//! What follows in the path is the plugin's. An address that is none is answered like one
//! that does not exist.
use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse as _, Response},
};
use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use venn_domain::{
    event::{Requested, WebhookCalled, WebhookHeader},
    id::WebhookId,
    limits,
    webhook::{Call, Refusal, Scheme, Secret},
};
use venn_store::{
    run::Answered,
    webhook::{
        OpenWebhook,
        intake::{Called, NewCall, Receipt, Taken},
    },
};

use crate::{
    answers,
    app::App,
    error::{ApiError, Code},
    keys::Keys,
};

mod heard;

pub use heard::Heard;

/// The routes.
pub const ROUTE: &str = "/hooks/{*address}";
/// What an answer says of a call that was taken: the delivery's id.
pub const RECEIPT: HeaderName = HeaderName::from_static("venn-receipt");

/// Bytes of the code in a URL: guessing one takes 2^128 tries with this server.
const CODE_BYTES: usize = 16;

/// When a sender may try again where too much waits: an install is slow or paused.
const FULL_MS: u64 = 60_000;

/// The path of an install's own URL.
pub fn path(keys: &Keys, id: &WebhookId) -> String {
    format!("/hooks/{id}_{}", BASE32_NOPAD.encode(&code(keys, id)).to_ascii_lowercase())
}

/// The path of a plugin's URL.
pub fn plugin_path(plugin: &str, webhook: &str) -> String {
    format!("/hooks/plugins/{plugin}/{webhook}")
}

fn code(keys: &Keys, id: &WebhookId) -> Vec<u8> {
    let mut code = mac(keys, id).finalize().into_bytes().to_vec();
    code.truncate(CODE_BYTES);
    code
}

fn mac(keys: &Keys, id: &WebhookId) -> Hmac<Sha256> {
    // Padded to SHA-256's block, as HMAC does by itself.
    let mut block = [0; 64];
    block.iter_mut().zip(&keys.webhook).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&block).into());
    mac.update(id.as_str().as_bytes());
    mac
}

/// Which URL was called.
enum Address<'a> {
    Install(WebhookId),
    Plugin(&'a str, &'a str),
}

/// An address, and what follows it in the path.
fn address<'a>(keys: &Keys, path: &'a str) -> Option<(Address<'a>, &'a str)> {
    let path = path.strip_prefix("/hooks/")?;
    if let Some(rest) = path.strip_prefix("plugins/") {
        let (plugin, rest) = rest.split_once('/')?;
        let (webhook, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return Some((Address::Plugin(plugin, webhook), rest));
    }
    let (token, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let (id, code) = token.rsplit_once('_')?;
    let id: WebhookId = id.parse().ok()?;
    let code = BASE32_NOPAD.decode(code.to_ascii_uppercase().as_bytes()).ok()?;
    (code.len() == CODE_BYTES && mac(keys, &id).verify_truncated_left(&code).is_ok())
        .then_some((Address::Install(id), rest))
}

/// `POST /hooks/{*address}`
pub async fn called(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let found = address(&app.keys, &path).ok_or_else(ApiError::not_found)?;
    let (door, called) = match found.0 {
        Address::Install(id) => {
            let found = app.store.webhook_called(&app.keys.encryption, &id).await?;
            let (open, called) = found.ok_or_else(ApiError::not_found)?;
            (Some(open), called)
        }
        Address::Plugin(plugin, name) => {
            let keys = &app.keys.encryption;
            let found = app.store.plugin_webhook_called(keys, plugin, name).await?;
            (None, found.ok_or_else(ApiError::not_found)?)
        }
    };
    let scheme = called.webhook.scheme().map_err(|bad| ApiError::internal(bad.to_string()))?;
    let body = whole(Request::from_parts(parts.clone(), body)).await?;
    let asked = parts.uri.path_and_query().map_or(path.as_str(), |asked| asked.as_str());
    let url = format!("{}{asked}", app.public_url.as_deref().unwrap_or_default());
    let headers: Vec<_> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let call = Call { method: parts.method.as_str(), url: &url, headers: &headers, body: &body };
    checked(&app, door.as_ref(), &called, &scheme, &call)?;
    if let Some(challenge) = scheme.challenge(&call) {
        let answer = serde_json::json!({ "challenge": challenge });
        return Ok(axum::Json(answer).into_response());
    }
    let open = match door {
        Some(open) => open,
        None => match by_key(&app, &called, &call).await? {
            Some(open) => open,
            None => return Ok(taken(None)),
        },
    };
    let event = called.webhook.event(&scheme, &call);
    // What comes again costs nobody's room.
    let known = app.store.known_call(&open.id, &event).await?;
    let receipt = if let Some(receipt) = known {
        receipt
    } else {
        app.heard.spend(&open, app.store.now()).map_err(|wait_ms| {
            ApiError::wait("This webhook is called more often than it may be.", wait_ms)
        })?;
        let payload = payload(&called, &scheme, &call, &parts, found.1)?;
        let new = NewCall { event, kind: called.webhook.event_kind(), payload };
        match app.store.take_call(&open, new).await? {
            Taken::Call(receipt) => receipt,
            Taken::Full(limit) => return Err(full(limit)),
            Taken::Closed if open.routing_key.is_empty() => return Err(ApiError::not_found()),
            Taken::Closed => return Ok(taken(None)),
        }
    };
    if receipt.is_new {
        app.wake.deliveries.notify_one();
    }
    if called.webhook.answers
        && let Some(answer) = answers::wait(&app, &receipt.delivery).await?
    {
        return Ok(answered(&receipt, answer));
    }
    Ok(taken(Some(&receipt)))
}

/// Who called keeps the call until there is room.
pub fn full(limit: &str) -> ApiError {
    let detail = format!("As many calls wait for this install as may (limit `{limit}`).");
    ApiError::wait(&detail, FULL_MS)
}

async fn whole(mut request: Request) -> Result<Bytes, ApiError> {
    let most = usize::try_from(limits::WEBHOOK_BODY_BYTES).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(most).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("The body is larger than {most} bytes (limit `webhook.body`).");
            return ApiError::new(Code::TooLarge, detail, "Send less at once.");
        }
        crate::body::body_error(&error)
    })
}

/// Whether the call is the sender's; what is refused is counted for the customer to see.
fn checked(
    app: &App,
    door: Option<&OpenWebhook>,
    called: &Called,
    scheme: &Scheme,
    call: &Call<'_>,
) -> Result<(), ApiError> {
    let read = |opened: &venn_store::secret::Opened| {
        Secret::read(called.webhook.signature, opened.expose()).ok()
    };
    let secrets: Vec<Secret> = called.secrets.iter().filter_map(read).collect();
    let now = app.store.now();
    scheme.verify(&secrets, call, now).map_err(|refusal| {
        if let Some(open) = door {
            app.heard.refused(&open.id, &refusal, now);
        }
        refuse(called, &refusal)
    })
}

/// What the sender, or somebody else, is told.
fn refuse(called: &Called, refusal: &Refusal) -> ApiError {
    let (plugin, name, why) = (&called.plugin, &called.webhook.name, refusal.name());
    tracing::info!(%plugin, webhook = name, why, "webhook.call refused");
    if refusal.is_senders() {
        let next = "Send it again, signed now, in the form that the integration documents.";
        return ApiError::new(Code::WebhookUnusable, format!("{}.", capital(refusal)), next);
    }
    ApiError::new(
        Code::WebhookUnsigned,
        "The call is not signed by the sender that this address is for.",
        "Sign the body's bytes with the present secret, in the way that the integration documents.",
    )
}

fn capital(refusal: &Refusal) -> String {
    let text = refusal.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}", first.to_uppercase())
}

/// The install that a plugin's call is about; none if nobody is this customer of the sender's.
/// That is told like success: the sender does its part, and would stop calling for all.
async fn by_key(
    app: &App,
    called: &Called,
    call: &Call<'_>,
) -> Result<Option<OpenWebhook>, ApiError> {
    let key = called.webhook.routing_key(call).map_err(|refusal| refuse(called, &refusal))?;
    let found = app.store.webhook_of_key(&called.plugin, &called.webhook.name, &key).await?;
    if found.is_none() {
        let (plugin, name) = (&called.plugin, &called.webhook.name);
        tracing::info!(%plugin, webhook = name, "webhook.call is about nobody");
    }
    Ok(found)
}

fn payload(
    called: &Called,
    scheme: &Scheme,
    call: &Call<'_>,
    parts: &Parts,
    rest: &str,
) -> Result<String, ApiError> {
    if called.webhook.answers {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let asked = Requested::from_call(&called.webhook.name, kind.unwrap_or_default(), call.body);
        let asked = asked.ok_or_else(|| refuse(called, &Refusal::NoForm))?;
        return serde_json::to_string(&asked).map_err(ApiError::internal);
    }
    let headers = call.shown_headers(scheme).into_iter();
    let payload = WebhookCalled {
        webhook: called.webhook.name.clone(),
        method: call.method.to_owned(),
        path: rest.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| WebhookHeader { name, value }).collect(),
        body_base64: BASE64.encode(call.body),
    };
    serde_json::to_string(&payload).map_err(ApiError::internal)
}

/// The plugin's answer, as JSON or as text: nothing of a plugin's is a page of this server.
fn answered(receipt: &Receipt, answer: Answered) -> Response {
    let mut response = taken(Some(receipt));
    if let Some((kind, body)) = answer.answer {
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim() == JSON);
        let kind = if is_json { JSON } else { "text/plain; charset=utf-8" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *response.body_mut() = body.into();
    }
    response
}

const JSON: &str = "application/json";

/// Senders show the body of an answer to people, or keep it: it is empty.
fn taken(receipt: Option<&Receipt>) -> Response {
    let mut response = StatusCode::OK.into_response();
    let id = receipt.and_then(|receipt| HeaderValue::from_str(receipt.delivery.as_str()).ok());
    if let Some(id) = id {
        response.headers_mut().insert(RECEIPT, id);
    }
    response
}
