//! Members of an organization: who works in it, with which role. A new member
//! has no token; an owner makes one for it (`token.rs`).
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::UserId,
    organization::{Need, Role},
    time::Timestamp,
};
use venn_store::organization::{Member, NewPerson, Removal, RoleSet};

use crate::{
    answer::{Created, NoContent},
    api::{check, organization::resolve, token::last_admin_token},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// A person in an organization.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberView {
    /// The person's id.
    user_id: UserId,
    /// Their e-mail address; empty for a service.
    user_email: String,
    /// Their name.
    user_name: String,
    /// It is no human being, but a program of the organization.
    service: bool,
    /// What they may do.
    role: Role,
    /// Their logins need a code beside the password.
    second_factor: bool,
    /// Since when.
    created_at: Timestamp,
}

/// `POST …/members`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// Their e-mail address.
    email: String,
    /// Their name.
    name: String,
    /// What they may do.
    role: Role,
}

/// `POST …/services`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceBody {
    /// Its name: what it is for.
    name: String,
    /// What it may do.
    role: Role,
}

/// `PUT …/members/{user}/role`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// What they may do from now on.
    role: Role,
}

/// `GET …/members`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<MemberView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.members(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `POST …/members`.
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<MemberBody>,
) -> Result<Created<MemberView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let mut problems = check::Problems::default();
    problems.note("email", check::email(&body.email));
    problems.note("name", check::title(&body.name));
    problems.into_result()?;
    let new = NewPerson { email: body.email, name: body.name };
    let member = app.store.add_member(&org.id, new, body.role, caller.user()).await?;
    Ok(Created(view(member)))
}

/// `POST …/services`: its tokens are made like anybody's.
pub async fn add_service(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<ServiceBody>,
) -> Result<Created<MemberView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let mut problems = check::Problems::default();
    problems.note("name", check::title(&body.name));
    problems.into_result()?;
    let member = app.store.add_service(&org.id, body.name, body.role, caller.user()).await?;
    Ok(Created(view(member)))
}

/// `PUT …/members/{user}/role`.
pub async fn set_role(
    State(app): State<App>,
    caller: Caller,
    Path((org, user)): Path<(String, String)>,
    JsonBody(body): JsonBody<RoleBody>,
) -> Result<Json<MemberView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let user: UserId = user.parse()?;
    match app.store.set_role(&org.id, &user, body.role, caller.user()).await? {
        RoleSet::Done(member) => Ok(Json(view(member))),
        RoleSet::NotMember => Err(ApiError::not_found()),
        RoleSet::LastAdmin => Err(last_admin()),
        RoleSet::LastAdminToken => Err(last_admin_token(LAST_TOKENS)),
    }
}

/// `DELETE …/members/{user}`.
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((org, user)): Path<(String, String)>,
) -> Result<NoContent, ApiError> {
    let org = resolve(&app, &caller, &org, Need::people).await?;
    let user: UserId = user.parse()?;
    match app.store.remove_member(&org.id, &user, caller.user()).await? {
        Removal::Removed => Ok(NoContent),
        Removal::NotMember => Err(ApiError::not_found()),
        Removal::LastAdmin => Err(last_admin()),
        Removal::LastAdminToken => Err(last_admin_token(LAST_TOKENS)),
    }
}

const LAST_TOKENS: &str = "This member has the last tokens that may manage the organization.";

fn last_admin() -> ApiError {
    ApiError::new(
        Code::WrongState,
        "This member is the last admin of the organization.",
        "Make another member an admin first.",
    )
}

fn view(member: Member) -> MemberView {
    let user = member.user;
    MemberView {
        user_id: user.id,
        user_email: user.email,
        user_name: user.name,
        service: user.is_service,
        role: member.role,
        second_factor: member.second_factor,
        created_at: member.created_at,
    }
}
