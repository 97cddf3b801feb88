//! Second factors: a person's own, and whether an organization demands one.
//!
//! A secret is told once and waits until a code of it was given; from then on no login
//! goes without one. Recovery codes are told once, then.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{id::UserId, organization::Need, time::Timestamp};

use crate::{
    answer::{CreatedOnce, NoContent},
    api::organization::resolve,
    app::App,
    auth::{Caller, source::Source},
    body::JsonBody,
    error::{ApiError, Code},
    password::Password,
    second_factor::{self, Secret},
};

/// Whether the caller has a second factor.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SecondFactorView {
    /// A login needs a code of it.
    active: bool,
    /// Since when; null if it is not active.
    since: Option<Timestamp>,
    /// How many recovery codes were not used.
    recovery_codes: u64,
    /// The organization lets nobody in without one.
    demanded: bool,
}

/// A secret that waits to be confirmed.
#[derive(Serialize, JsonSchema)]
pub struct SecretView {
    /// The secret for an authenticator, base32, told this once; null in the answer to a
    /// repeat.
    secret: Option<String>,
    /// The same as an `otpauth:` address, for a QR code; null in the answer to a repeat.
    url: Option<String>,
}

/// What is left when a device is lost.
#[derive(Serialize, JsonSchema)]
pub struct RecoveryCodesView {
    /// Codes that each work once in place of a device's, told this once; null in the
    /// answer to a repeat.
    recovery_codes: Option<Vec<String>>,
}

/// `POST /v1/me/second-factor`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpBody {
    /// The caller's password.
    #[schemars(with = "String")]
    password: Password,
}

/// `POST /v1/me/second-factor/confirm` and `…/remove`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// The code that the device shows; to remove it, a recovery code will do.
    #[schemars(with = "String")]
    code: Password,
}

/// `PUT …/second-factor`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemandBody {
    /// Nobody logs in with a password alone from now on.
    demanded: bool,
}

/// `GET /v1/me/second-factor`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<SecondFactorView>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::enrolling(org))?;
    let found = app.store.second_factor(caller.user()).await?;
    let since = found.as_ref().and_then(|found| found.confirmed_at);
    Ok(Json(SecondFactorView {
        active: since.is_some(),
        since,
        recovery_codes: found.map_or(0, |found| found.recovery_codes),
        demanded: app.store.demands_second_factor(org).await?,
    }))
}

/// `POST /v1/me/second-factor`: a secret that waits to be confirmed.
pub async fn set_up(
    State(app): State<App>,
    caller: Caller,
    Source(address): Source,
    JsonBody(body): JsonBody<SetUpBody>,
) -> Result<CreatedOnce<SecretView>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::enrolling(org))?;
    let login = app.own_login(&caller).await?;
    app.confirm_password(&caller, &login, address, "password", body.password).await?;
    let secret = Secret::make().map_err(ApiError::internal)?;
    let keys = app.keys.encryption.clone();
    let kept = app.store.begin_second_factor(keys, org, caller.user(), secret.bytes());
    if !kept.await? {
        return Err(ApiError::new(
            Code::WrongState,
            "You have a second factor.",
            "Remove it first: `venn two-factor remove`.",
        ));
    }
    let url = secret.url(&login.user.email);
    let told = SecretView { secret: Some(secret.base32()), url: Some(url) };
    CreatedOnce::new(&told, &SecretView { secret: None, url: None })
}

/// `POST /v1/me/second-factor/confirm`: by a code of it.
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Source(address): Source,
    JsonBody(body): JsonBody<CodeBody>,
) -> Result<CreatedOnce<RecoveryCodesView>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::enrolling(org))?;
    let nothing = || {
        let next = "Begin with `venn two-factor set-up`.";
        ApiError::new(Code::WrongState, "No second factor waits to be confirmed.", next)
    };
    let found = app.store.second_factor(caller.user()).await?.ok_or_else(nothing)?;
    if found.confirmed_at.is_some() {
        return Err(nothing());
    }
    let attempt = app.begin_as(&caller, address).await?;
    let secret = app.second_factor_secret(org, caller.user(), found.version).await?;
    let step = secret.step_of(body.code.expose(), app.clock.now()).ok_or_else(wrong)?;
    let recovery = second_factor::recovery_codes().map_err(ApiError::internal)?;
    let hashes = recovery.iter().map(|code| second_factor::recovery_hash(code)).collect();
    let done =
        app.store.confirm_second_factor(org, caller.user(), found.version, step, hashes).await?;
    if !done {
        return Err(nothing());
    }
    app.store.attempt_succeeded(attempt).await?;
    let told = RecoveryCodesView { recovery_codes: Some(recovery) };
    CreatedOnce::new(&told, &RecoveryCodesView { recovery_codes: None })
}

/// `POST /v1/me/second-factor/remove`: by a code, or a recovery code.
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Source(address): Source,
    JsonBody(body): JsonBody<CodeBody>,
) -> Result<NoContent, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::oneself(org))?;
    let active = app.store.second_factor(caller.user()).await?;
    let active = active.filter(|found| found.confirmed_at.is_some()).ok_or_else(none)?;
    // One that no device can show any more is removed to be set up anew.
    if active.has_secret && app.store.demands_second_factor(org).await? {
        let next = "An admin says so: `venn orgs two-factor --optional`.";
        let detail = "Your organization lets nobody in without a second factor.";
        return Err(ApiError::new(Code::WrongState, detail, next));
    }
    let attempt = app.begin_as(&caller, address).await?;
    let shown = app.shown(org, caller.user(), &active, body.code.expose()).await?;
    let shown = shown.ok_or_else(wrong)?;
    let removed = app.store.remove_second_factor(org, caller.user(), Some(shown), caller.user());
    if !removed.await? {
        return Err(wrong());
    }
    app.store.attempt_succeeded(attempt).await?;
    Ok(NoContent)
}

/// `DELETE …/members/{user}/second-factor`: by an owner, for somebody who has lost theirs.
pub async fn reset(
    State(app): State<App>,
    caller: Caller,
    Path((org, user)): Path<(String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let user: UserId = user.parse()?;
    let removed = app.store.remove_second_factor(&org.id, &user, None, caller.user()).await?;
    if removed { Ok(NoContent) } else { Err(ApiError::not_found()) }
}

/// `PUT …/second-factor`: whether the organization demands one.
pub async fn demand(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<DemandBody>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    app.store.demand_second_factor(&org.id, body.demanded, caller.user()).await?;
    Ok(NoContent)
}

fn none() -> ApiError {
    ApiError::new(
        Code::WrongState,
        "You have no second factor.",
        "`venn two-factor set-up` makes one.",
    )
}

fn wrong() -> ApiError {
    ApiError::new(
        Code::Invalid,
        "code: it is not right, or was used before.",
        "Wait for the device's next code; if none is right, look whether its clock is.",
    )
}
