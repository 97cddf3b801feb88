//! Members of an organization: who works in it, with which role. A new member
//! has no token; an owner makes one for it (`token.rs`).
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::UserId,
    organization::{Need, Role},
    time::Timestamp,
};
use venn_store::organization::{Member, NewPerson, Person, Removal};

use crate::{
    api::{check, organization::resolve},
    app::App,
    auth::Caller,
    body::{JsonBody, PageQuery, PageView, QueryOf, cursor, limit},
    error::{ApiError, Code},
};

/// A person.
#[derive(Debug, Clone, Serialize)]
pub struct UserView {
    id: UserId,
    email: String,
    name: String,
}

/// A person in an organization.
#[derive(Debug, Serialize)]
pub struct MemberView {
    user: UserView,
    role: Role,
    created_at: Timestamp,
}

/// `POST …/members`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    email: String,
    name: String,
    role: Role,
}

/// `GET …/members`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<PageView<MemberView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let after = cursor(page.cursor.as_deref())?;
    let page = app.store.members(&org.id, after.as_ref(), limit(page.limit)?).await?;
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `POST …/members`.
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<MemberBody>,
) -> Result<(StatusCode, Json<MemberView>), ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let mut problems = check::Problems::default();
    problems.note("email", check::email(&body.email));
    problems.note("name", check::title(&body.name));
    problems.into_result()?;
    let new = NewPerson { email: body.email, name: body.name };
    let member = app.store.add_member(&org.id, new, body.role, caller.user()).await?;
    Ok((StatusCode::CREATED, Json(view(member))))
}

/// `DELETE …/members/{user}`.
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path((org, user)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let org = resolve(&app, &caller, &org, Need::owner).await?;
    let user: UserId = user.parse()?;
    match app.store.remove_member(&org.id, &user, caller.user()).await? {
        Removal::Removed => Ok(StatusCode::NO_CONTENT),
        Removal::NotMember => Err(ApiError::not_found()),
        Removal::LastAdmin => Err(ApiError::new(
            Code::WrongState,
            "This member is the last admin of the organization.",
            "Make another member an admin first.",
        )),
    }
}

/// The view of a person.
pub fn user_view(person: Person) -> UserView {
    UserView { id: person.id, email: person.email, name: person.name }
}

fn view(member: Member) -> MemberView {
    MemberView { user: user_view(member.user), role: member.role, created_at: member.created_at }
}
