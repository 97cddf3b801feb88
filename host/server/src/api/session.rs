//! Logging in and out with a password. An unknown organization or address and a wrong
//! password are the same work and the same answer.
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{OrganizationId, TokenId, UserId},
    limits,
    organization::{Need, Scope},
    time::Timestamp,
};
use venn_store::{session::Session, token::NewToken};

use crate::{
    answer::{Created, NoContent, WithCookies},
    app::App,
    attempts::{self, Account},
    auth::{Caller, device, secret, session, source::Source},
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
    password::Password,
};

/// Longest name of a session, in characters.
const NAME_CHARS_MAX: usize = 80;

/// `POST /v1/sessions`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionBody {
    /// The organization's slug.
    organization: String,
    /// The person's e-mail address.
    email: String,
    /// Their password.
    #[schemars(with = "String")]
    password: Password,
    /// A code of their second factor, or a recovery code; null or left out without one.
    #[schemars(with = "Option<String>")]
    code: Option<Password>,
}

/// A session that has just begun; its secret is in the cookie alone.
#[derive(Serialize, JsonSchema)]
pub struct NewSessionView {
    /// The session's id.
    id: TokenId,
    /// The person.
    user_id: UserId,
    /// Their name.
    user_name: String,
    /// The organization.
    organization_id: OrganizationId,
    /// What every call that changes something carries as `x-csrf-token`.
    csrf_token: String,
    /// It may do nothing but set up a second factor, which the organization demands; then
    /// log in again.
    must_enrol: bool,
    /// When it ends.
    expires_at: Timestamp,
}

/// One of the caller's sessions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionView {
    /// The session's id.
    id: TokenId,
    /// What it was made with, as that told of itself.
    name: String,
    /// It is the one of this very call.
    current: bool,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends.
    expires_at: Timestamp,
}

/// `POST /v1/sessions`: anybody.
pub async fn create(
    State(app): State<App>,
    Source(address): Source,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SessionBody>,
) -> Result<WithCookies<Created<NewSessionView>>, ApiError> {
    let found = app.store.password_login(&body.organization, &body.email).await?;
    let known = found.as_ref();
    let browser = known.and_then(|login| device::of(&headers, &app.keys.device, login));
    let account = Account::new(&body.organization, &body.email);
    let attempt = app
        .begin_attempt(account, address, browser)
        .await?
        .map_err(|wait_ms| ApiError::wait("Too many attempts to log in failed.", wait_ms))?;
    let kept = known.and_then(|login| login.hash.clone());
    let right = match app.hashing.verify(attempts::lane(&attempt), body.password, kept).await {
        Ok(right) => right,
        Err(error) => {
            app.store.take_back_attempt(attempt).await?;
            return Err(error);
        }
    };
    let (true, Some(login)) = (right, found) else {
        tracing::warn!(%address, "session.refused");
        return Err(refused());
    };
    let active = app.store.second_factor(&login.user.id).await?;
    let active = active.filter(|found| found.confirmed_at.is_some());
    let demanded = app.store.demands_second_factor(&login.organization).await?;
    let must_enrol = demanded && active.is_none();
    let shown = match (active, body.code) {
        (None, _) => None,
        (Some(_), None) => {
            // The password is right: nothing was guessed.
            app.store.take_back_attempt(attempt).await?;
            return Err(code_needed("There is no code with the request."));
        }
        (Some(active), Some(code)) => {
            let (organization, user) = (&login.organization, &login.user.id);
            let shown = app.shown(organization, user, &active, code.expose()).await?;
            Some(shown.ok_or_else(|| code_needed(CODE_WRONG))?)
        }
    };
    let id = TokenId::make(app.store.ids());
    let (text, hash) = session::make(&id).map_err(ApiError::internal)?;
    let expires_at = app.clock.now().plus_ms(limits::SESSION_MS.cast_signed());
    let new = NewToken {
        id: id.clone(),
        name: name(&headers),
        hash,
        scopes: if must_enrol { Vec::new() } else { Scope::ALL.to_vec() },
        expires_at,
    };
    let replaced = presented(&app, &headers).await?;
    let (user, organization_id) = (login.user.clone(), login.organization.clone());
    let had_to_show = shown.is_some();
    let remembered = match browser {
        Some(_) => None,
        None => Some(device::given(&app.keys.device, &login).map_err(ApiError::internal)?),
    };
    if !app.store.create_session(login, shown, new, replaced).await? {
        return Err(if had_to_show { code_needed(CODE_WRONG) } else { refused() });
    }
    let mut cookies = vec![session::given(&text)];
    cookies.extend(remembered);
    app.store.attempt_succeeded(attempt).await?;
    let view = NewSessionView {
        id,
        user_id: user.id,
        user_name: user.name,
        organization_id,
        csrf_token: session::csrf_of(&text).map(|csrf| csrf.0).unwrap_or_default(),
        must_enrol,
        expires_at,
    };
    WithCookies::new(Created(view), &cookies)
}

/// `GET /v1/me/sessions`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    page: PageOf,
) -> Result<Json<PageView<SessionView>>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    let found = app.store.sessions(caller.user(), page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |session| view(session, &caller))))
}

/// `DELETE /v1/me/sessions/{session}`.
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<NoContent, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::oneself(org))?;
    let id: TokenId = id.parse()?;
    let ended = app.store.end_session(org, caller.user(), &id).await?;
    if ended { Ok(NoContent) } else { Err(ApiError::not_found()) }
}

/// `DELETE /v1/me/session`: the one of this very call.
pub async fn log_out(
    State(app): State<App>,
    caller: Caller,
) -> Result<WithCookies<NoContent>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::enrolling(org))?;
    if caller.session.is_none() {
        return Err(ApiError::new(
            Code::WrongState,
            "This call is made with a token, and a token is not logged out.",
            "An admin revokes it: `venn orgs tokens --revoke TOKEN`.",
        ));
    }
    app.store.end_session(org, caller.user(), &caller.token).await?;
    WithCookies::new(NoContent, &[session::gone()])
}

/// The session that somebody has who logs in once more: the new one takes its place.
async fn presented(app: &App, headers: &HeaderMap) -> Result<Option<TokenId>, ApiError> {
    let text = session::find(headers, session::COOKIE).and_then(session::split);
    let Some((id, secret)) = text else { return Ok(None) };
    let kept = app.store.token_for_login(&id).await?;
    Ok(kept.is_some_and(|kept| secret::fits(secret, &kept.hash)).then_some(id))
}

/// The same for an unknown organization or address, and for a wrong password.
fn refused() -> ApiError {
    ApiError::new(
        Code::LoginFailed,
        "This organization, address and password do not belong together.",
        "Check all three. Who has no password yet, or has forgotten it, asks an admin of the organization for an invitation.",
    )
}

const CODE_WRONG: &str = "The code is not right, or was used before.";

/// The password is right, and it takes more.
fn code_needed(detail: &str) -> ApiError {
    ApiError::new(
        Code::CodeNeeded,
        detail,
        "Send the code that your device shows now as `code`, or one of your recovery codes; who has lost both asks an admin of the organization.",
    )
}

/// What the session's own program says of itself, for a list of one's sessions.
fn name(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    let visible = agent.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
    let name: String = visible.take(NAME_CHARS_MAX).map(|byte| char::from(*byte)).collect();
    if name.trim().is_empty() { "session".to_owned() } else { name }
}

fn view(session: Session, caller: &Caller) -> SessionView {
    SessionView {
        current: session.id == caller.token,
        id: session.id,
        name: session.name,
        created_at: session.created_at,
        expires_at: session.expires_at,
    }
}
