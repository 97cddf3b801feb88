//! Who the caller is: what a token stands for, now.
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use venn_domain::{
    id::{OrganizationId, TokenId, UserId},
    organization::{Need, Role, Scope},
    time::Timestamp,
};

use crate::{app::App, auth::Caller, error::ApiError};

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MeView {
    /// The person.
    user_id: UserId,
    /// Their e-mail address.
    user_email: String,
    /// Their name.
    user_name: String,
    /// The organization that the token is for.
    organization_id: OrganizationId,
    /// Its slug, as addresses take it.
    organization_slug: String,
    /// Its name.
    organization_name: String,
    /// It maps accounts and enables plugins.
    customer: bool,
    /// It publishes plugins.
    publisher: bool,
    /// It runs Venn.
    platform: bool,
    /// The person's role there, now.
    role: Role,
    /// What the token of this very request may do at most.
    scopes: Vec<Scope>,
    /// The token's id.
    token_id: TokenId,
    /// Its name.
    token_name: String,
    /// When it ends.
    token_expires_at: Timestamp,
    /// What a call with a session's cookie that changes something carries as
    /// `x-csrf-token`; null with a token.
    csrf_token: Option<String>,
}

/// `GET /v1/me`.
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<MeView>, ApiError> {
    let org = &caller.principal.organization;
    caller.need(Need::enrolling(org))?;
    let organization =
        app.store.organization(org.as_str()).await?.ok_or_else(ApiError::not_found)?;
    let token = app.store.token(org, &caller.token).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(MeView {
        user_id: token.user.id,
        user_email: token.user.email,
        user_name: token.user.name,
        organization_id: organization.id,
        organization_slug: organization.slug,
        organization_name: organization.name,
        customer: organization.kinds.customer,
        publisher: organization.kinds.publisher,
        platform: organization.kinds.platform,
        role: caller.principal.role,
        scopes: caller.principal.scopes,
        token_id: token.id,
        token_name: token.name,
        token_expires_at: token.expires_at,
        csrf_token: caller.session.map(|csrf| csrf.0),
    }))
}
