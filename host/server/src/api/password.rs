//! Passwords: set with an invitation, changed with the one until now. An admin who
//! invites a member again takes the password away: that is the reset.
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{id::UserId, limits, organization::Need, password, time::Timestamp};
use venn_store::{
    organization::Person,
    password::{NewInvitation, With},
};

use crate::{
    answer::{CreatedOnce, NoContent},
    api::{check, organization::resolve},
    app::App,
    auth::{Caller, secret, source::Source},
    body::JsonBody,
    error::{ApiError, Code},
    password::{Lane, Password},
};

/// How an invitation's text begins.
const PREFIX: &str = "vinv";

/// An invitation; its text is there only in the answer that made it.
#[derive(Serialize, JsonSchema)]
pub struct InvitationView {
    /// The member.
    user_id: UserId,
    /// Their e-mail address.
    user_email: String,
    /// Their name.
    user_name: String,
    /// When it ends.
    expires_at: Timestamp,
    /// Where people reach this server, as its operator says; null if they have not.
    server: Option<String>,
    /// The text with which they set a password once, told this once; null in the answer
    /// to a repeat.
    invitation: Option<String>,
}

/// `POST /v1/passwords`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The text that an admin has made for you.
    #[schemars(with = "String")]
    invitation: Password,
    /// The password: at least 12 characters, not made of your name or of what everybody
    /// tries first.
    #[schemars(with = "String")]
    password: Password,
}

/// `PUT /v1/me/password`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// The password until now.
    #[schemars(with = "String")]
    current: Password,
    /// The new one: at least 12 characters, not made of your name or of what everybody
    /// tries first.
    #[schemars(with = "String")]
    password: Password,
}

/// `POST …/members/{user}/invitation`.
pub async fn invite(
    State(app): State<App>,
    caller: Caller,
    Path((org, user)): Path<(String, String)>,
) -> Result<CreatedOnce<InvitationView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let user: UserId = user.parse()?;
    let (text, hash) = secret::make(PREFIX, user.as_str()).map_err(ApiError::internal)?;
    let expires_at = app.clock.now().plus_ms(limits::INVITATION_MS.cast_signed());
    let new = NewInvitation { hash, expires_at };
    let person = app.store.invite(&org.id, &user, new, caller.user()).await?;
    let person = person.ok_or_else(ApiError::not_found)?;
    let view = |invitation| InvitationView {
        user_id: person.id.clone(),
        user_email: person.email.clone(),
        user_name: person.name.clone(),
        expires_at,
        server: app.public_url.as_deref().map(str::to_owned),
        invitation,
    };
    CreatedOnce::new(&view(Some(text)), &view(None))
}

/// `POST /v1/passwords`: whoever has an invitation.
pub async fn set(
    State(app): State<App>,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Result<NoContent, ApiError> {
    let (id, text) = secret::split(PREFIX, body.invitation.expose()).ok_or_else(used_up)?;
    let user: UserId = format!("usr_{id}").parse().map_err(|_| used_up())?;
    let found = app.store.invitation(&user).await?.ok_or_else(used_up)?;
    if !secret::fits(text, &found.hash) || found.expires_at <= app.clock.now() {
        return Err(used_up());
    }
    check_new(&body.password, &found.user, &found.slug)?;
    let hash = app.hashing.hash(Lane::Known, body.password).await?;
    let with = With::Invitation(found.hash);
    if app.store.set_password(&found.organization, &user, hash, with).await? {
        return Ok(NoContent);
    }
    Err(used_up())
}

/// `PUT /v1/me/password`: ends every session of the person, this one too.
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Source(address): Source,
    JsonBody(body): JsonBody<ChangeBody>,
) -> Result<NoContent, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::oneself(org))?;
    let login = app.own_login(&caller).await?;
    check_new(&body.password, &login.user, &login.slug)?;
    app.confirm_password(&caller, &login, address, "current", body.current).await?;
    let kept = login.hash.unwrap_or_default();
    let hash = app.hashing.hash(Lane::Known, body.password).await?;
    if app.store.set_password(org, caller.user(), hash, With::Password(kept)).await? {
        return Ok(NoContent);
    }
    let next = "Log in with the newer one.";
    Err(ApiError::new(Code::WrongState, "Your password was changed at this very moment.", next))
}

fn check_new(new: &Password, person: &Person, slug: &str) -> Result<(), ApiError> {
    let mut problems = check::Problems::default();
    let known = [person.email.as_str(), person.name.as_str(), slug];
    if let Err(unfit) = password::check(new.expose(), &known) {
        let next = "Take a few words that only you would put together";
        problems.add("password", unfit.to_string(), next);
    }
    problems.into_result()
}

/// The same for one that never was, was used, was replaced, or has ended.
fn used_up() -> ApiError {
    ApiError::new(
        Code::Invalid,
        "invitation: it is not valid any more, or never was.",
        "Ask an admin of your organization for another one: `venn orgs members --invite USER`.",
    )
}
