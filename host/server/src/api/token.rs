//! API tokens. The text of a token is told once, in the answer that makes it.
use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{TokenId, UserId},
    limits,
    organization::{Need, Scope},
    time::Timestamp,
};
use venn_store::{
    Store,
    token::{NewToken, Revoked, Token, admins::Recovery},
};

use crate::{
    answer::{CreatedOnce, NoContent},
    api::{check, organization::resolve, review::checked_reason},
    app::App,
    auth::{Caller, make_token},
    body::{JsonBody, cut},
    error::{ApiError, Code},
    page::{PageOf, PageView},
    routes,
};

/// What calls are about.
static NOUNS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let calls = routes::v1();
    calls.all().map(|call| call.noun().to_owned()).collect()
});

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A token; its text is there only in the answer that made it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenView {
    /// The token's id.
    id: TokenId,
    /// What it is for.
    name: String,
    /// What it may do at most, whatever its person's role.
    scopes: Vec<Scope>,
    /// The nouns of calls that it is for; empty for all.
    nouns: Vec<String>,
    /// The last call with it, to some ten seconds; null if there was none in 90 days.
    last_used_at: Option<Timestamp>,
    /// When it ends.
    expires_at: Timestamp,
    /// When it was made.
    created_at: Timestamp,
    /// When it was revoked, if it was.
    revoked_at: Option<Timestamp>,
    /// The person that it stands for.
    user_id: UserId,
    /// Their e-mail address.
    user_email: String,
    /// Their name.
    user_name: String,
    /// The token itself, told this once by the call that made it; else null.
    token: Option<String>,
}

/// `POST …/tokens`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is for.
    name: String,
    /// What it may do at most.
    scopes: Vec<Scope>,
    /// The nouns of calls that it is for, as `imports` or `accounts`: the first word of an
    /// address below the organization's. All if left out or empty.
    #[serde(default)]
    nouns: Vec<String>,
    /// How long it lasts, in days: 1 to 365; 90 if left out.
    #[schemars(range(min = 1, max = limits::TOKEN_DAYS_MAX))]
    expires_in_days: Option<u32>,
    /// The member that it stands for; yourself if left out.
    user: Option<UserId>,
}

/// `GET …/tokens`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<TokenView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let found = app.store.tokens(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |token| view(token, None))))
}

/// `POST …/tokens`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<TokenBody>,
) -> Result<CreatedOnce<TokenView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let days = body.expires_in_days.unwrap_or(limits::TOKEN_DAYS);
    check_body(&body, days)?;
    check_nouns(&caller, &body.nouns)?;
    let user = body.user.unwrap_or_else(|| caller.user().clone());
    let (text, new) = new_token(&app.store, body.name, body.scopes, days)?;
    let made =
        app.store.create_token(&org.id, &user, new, body.nouns, caller.user().as_str()).await?;
    let made = made.ok_or_else(|| {
        ApiError::new(
            Code::Invalid,
            "user: this is not a member of the organization.",
            "Add the person as a member first, or leave `user` out for yourself.",
        )
    })?;
    CreatedOnce::new(&view(made.clone(), Some(text)), &view(made, None))
}

/// `DELETE …/tokens/{token}`: revokes it.
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((org, token)): Path<(String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let token: TokenId = token.parse()?;
    match app.store.revoke_token(&org.id, &token, caller.user()).await? {
        Revoked::Done => Ok(NoContent),
        Revoked::NotFound => Err(ApiError::not_found()),
        Revoked::LastAdminToken => {
            Err(last_admin_token("This is the last token that may manage the organization."))
        }
    }
}

/// Nobody could make a token any more, but the platform.
pub fn last_admin_token(detail: &str) -> ApiError {
    ApiError::new(
        Code::WrongState,
        detail,
        "Make another one first: `venn orgs tokens --create NAME --scope admin`, for an admin who stays.",
    )
}

/// `POST …/recovery-token`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryBody {
    /// E-mail address of one of its admins; the admin of the longest standing if left out.
    email: Option<String>,
    /// Why, in a sentence or two; both audits have it. At most 2000 characters.
    reason: String,
}

/// `POST …/recovery-token`: by the platform, for an organization whose admin tokens are
/// all lost or over.
pub async fn recover(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<RecoveryBody>,
) -> Result<CreatedOnce<TokenView>, ApiError> {
    caller.need(Need::platform_admin().whole())?;
    let org = app.store.organization(&org).await?.ok_or_else(ApiError::not_found)?;
    let reason = checked_reason(body.reason)?;
    let name = "recovered".to_owned();
    let (text, token) = new_token(&app.store, name, Scope::ALL.to_vec(), limits::TOKEN_DAYS)?;
    let actor = caller.user().clone();
    let recovery = Recovery { email: body.email, token, reason, actor };
    let made = app.store.recover_token(&org.id, recovery).await?.ok_or_else(|| {
        let mut problems = check::Problems::default();
        let reason = "the organization has no admin with this address";
        problems.add("email", reason, "Leave it out: then it is the admin of the longest standing");
        problems.into_result().err().unwrap_or_else(ApiError::not_found)
    })?;
    CreatedOnce::new(&view(made.clone(), Some(text)), &view(made, None))
}

/// The token that a new organization's admin starts with: all scopes.
pub fn admin_token(store: &Store) -> Result<(String, NewToken), ApiError> {
    new_token(store, "first token".to_owned(), Scope::ALL.to_vec(), limits::TOKEN_DAYS)
}

fn new_token(
    store: &Store,
    name: String,
    scopes: Vec<Scope>,
    days: u32,
) -> Result<(String, NewToken), ApiError> {
    let id = TokenId::make(store.ids());
    let (text, hash) = make_token(&id).map_err(ApiError::internal)?;
    let expires_at = store.now().plus_ms(DAY_MS.saturating_mul(i64::from(days)));
    Ok((text, NewToken { id, name, hash, scopes, expires_at }))
}

fn check_body(body: &TokenBody, days: u32) -> Result<(), ApiError> {
    let mut problems = check::Problems::default();
    problems.note("name", check::title(&body.name));
    if body.scopes.is_empty() {
        problems.add(
            "scopes",
            "there is none",
            "Name what the token may do: read, write, publish, admin",
        );
    }
    let repeated = |(at, scope)| body.scopes.iter().take(at).any(|before| before == scope);
    if body.scopes.iter().enumerate().any(repeated) {
        problems.add("scopes", "one is there twice", "Name each scope once");
    }
    if body.nouns.len() > body.nouns.iter().collect::<BTreeSet<_>>().len() {
        problems.add("nouns", "one is there twice", "Name each noun once");
        return problems.into_result();
    }
    for noun in &body.nouns {
        let known: Vec<&str> = NOUNS.iter().map(String::as_str).collect();
        if !known.contains(&noun.as_str()) {
            let reason = format!("`{}` is the noun of no call", cut(noun));
            let next = check::nearest(noun, &known).map_or_else(
                || format!("Take some of {}", known.join(", ")),
                |meant| format!("Perhaps `{meant}` is meant"),
            );
            problems.add("nouns", reason, next);
        }
    }
    if !(1..=limits::TOKEN_DAYS_MAX).contains(&days) {
        let reason = format!("{days} is not between 1 and {}", limits::TOKEN_DAYS_MAX);
        problems.add("expires_in_days", reason, "Make a new token when this one ends");
    }
    problems.into_result()
}

/// A token for some nouns makes none for others.
fn check_nouns(caller: &Caller, nouns: &[String]) -> Result<(), ApiError> {
    let own = &caller.principal.nouns;
    if own.is_empty() || !nouns.is_empty() && nouns.iter().all(|noun| own.contains(noun)) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::ScopeTooSmall,
        format!(
            "this token is for calls of {} only, and so is what it makes",
            caller.principal.own_nouns()
        ),
        "Name some of these as `nouns`, or use a token for all calls.",
    ))
}

fn view(token: Token, text: Option<String>) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        scopes: token.scopes,
        nouns: token.nouns,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
        created_at: token.created_at,
        revoked_at: token.revoked_at,
        user_id: token.user.id,
        user_email: token.user.email,
        user_name: token.user.name,
        token: text,
    }
}
