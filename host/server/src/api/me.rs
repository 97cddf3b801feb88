//! Who the caller is: what a token stands for, now.
use axum::{Json, extract::State};
use serde::Serialize;
use venn_domain::{
    id::TokenId,
    organization::{Need, Role, Scope},
    time::Timestamp,
};

use crate::{
    api::{
        member::{UserView, user_view},
        organization::{OrganizationView, view},
    },
    app::App,
    auth::Caller,
    error::ApiError,
};

/// The caller.
#[derive(Debug, Serialize)]
pub struct MeView {
    user: UserView,
    organization: OrganizationView,
    role: Role,
    scopes: Vec<Scope>,
    token: MyTokenView,
}

/// The token of this very request.
#[derive(Debug, Serialize)]
struct MyTokenView {
    id: TokenId,
    name: String,
    expires_at: Timestamp,
}

/// `GET /v1/me`.
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<MeView>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::member(org))?;
    let organization =
        app.store.organization(org.as_str()).await?.ok_or_else(ApiError::not_found)?;
    let token = app.store.token(org, &caller.token).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(MeView {
        user: user_view(token.user),
        organization: view(&organization),
        role: caller.principal.role,
        scopes: caller.principal.scopes,
        token: MyTokenView { id: token.id, name: token.name, expires_at: token.expires_at },
    }))
}
