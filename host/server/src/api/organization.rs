//! Organizations: made by the platform, found by id or slug, listed in the
//! directory where partners find each other.
//!
//! [`resolve`] is how every handler under `/v1/organizations/{org}` begins.
use std::sync::LazyLock;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    account::check_key,
    id::{OrganizationId, TokenId, UserId},
    organization::{Kinds, Need},
    time::Timestamp,
};
use venn_store::organization::{NewOrganization, NewPerson, Organization};

use crate::{
    answer::CreatedOnce,
    api::{check, token::admin_token},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
    page::{PageOf, PageView},
};

/// An organization, as everybody who may see it sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OrganizationView {
    /// The organization's id.
    id: OrganizationId,
    /// Its short name, as addresses take it.
    slug: String,
    /// Its name.
    name: String,
    /// It maps accounts and enables plugins.
    customer: bool,
    /// It publishes plugins.
    publisher: bool,
    /// It runs Venn.
    platform: bool,
    /// When it was made.
    created_at: Timestamp,
}

/// `POST /v1/organizations`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationBody {
    /// Its short name: lower-case letters, digits and hyphens.
    slug: String,
    /// Its name.
    name: String,
    /// It maps accounts and enables plugins.
    customer: bool,
    /// It publishes plugins.
    publisher: bool,
    /// Its first admin's e-mail address.
    admin_email: String,
    /// Its first admin's name.
    admin_name: String,
}

/// A new organization, with the only sight of its admin's token.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NewOrganizationView {
    /// The organization's id.
    id: OrganizationId,
    /// Its short name, as addresses take it.
    slug: String,
    /// Its name.
    name: String,
    /// It maps accounts and enables plugins.
    customer: bool,
    /// It publishes plugins.
    publisher: bool,
    /// It runs Venn.
    platform: bool,
    /// When it was made.
    created_at: Timestamp,
    /// The first admin's token, told this once; null in the answer to a repeat.
    token: Option<String>,
    /// That token's id.
    token_id: TokenId,
    /// The first admin.
    user_id: UserId,
}

/// What anyone may know of an organization, to propose a partnership.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DirectoryView {
    /// Its id, as audits name it.
    id: OrganizationId,
    /// Its short name: what a proposal names.
    slug: String,
    /// Its name.
    name: String,
    /// It maps accounts, so it can be a partner.
    customer: bool,
    /// It publishes plugins.
    publisher: bool,
}

/// An id that no organization has: it stands for every organization that is
/// not the caller's own, of which only the platform may know.
static FOREIGN: LazyLock<Option<OrganizationId>> =
    LazyLock::new(|| "org_00000000000000000000000000".parse().ok());

/// The organization that an address names, by id or slug, if the caller may do
/// what the handler is for; else the reason, or not-found for a foreign one.
///
/// `let org = resolve(&app, &caller, &org, Need::member).await?;`
pub async fn resolve<'c>(
    app: &App,
    caller: &'c Caller,
    id_or_slug: &str,
    need: impl FnOnce(&'c OrganizationId) -> Need<'c> + Send,
) -> Result<Organization, ApiError> {
    let found = app.store.organization(id_or_slug).await?.ok_or_else(ApiError::not_found)?;
    let own = &caller.principal.organization;
    let whose = if found.id == *own { Some(own) } else { FOREIGN.as_ref() };
    caller.need(need(whose.ok_or_else(ApiError::not_found)?))?;
    Ok(found)
}

/// `POST /v1/organizations`: by the platform.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<OrganizationBody>,
) -> Result<CreatedOnce<NewOrganizationView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let mut problems = check::Problems::default();
    problems.note("slug", check_key(&body.slug));
    problems.note("name", check::title(&body.name));
    problems.note("admin_email", check::email(&body.admin_email));
    problems.note("admin_name", check::title(&body.admin_name));
    if !body.customer && !body.publisher {
        problems.add(
            "customer",
            "it is neither a customer nor a publisher",
            "Set one of them to true",
        );
    }
    problems.into_result()?;
    let (text, token) = admin_token(&app.store)?;
    let token_id = token.id.clone();
    let new = NewOrganization {
        slug: body.slug,
        name: body.name,
        kinds: Kinds { customer: body.customer, publisher: body.publisher, platform: false },
        admin: NewPerson { email: body.admin_email, name: body.admin_name },
        token,
        actor: caller.user().to_string(),
    };
    let (made, admin) = app.store.create_organization(new).await?;
    let view = |token| NewOrganizationView {
        id: made.id.clone(),
        slug: made.slug.clone(),
        name: made.name.clone(),
        customer: made.kinds.customer,
        publisher: made.kinds.publisher,
        platform: made.kinds.platform,
        created_at: made.created_at,
        token,
        token_id: token_id.clone(),
        user_id: admin.id.clone(),
    };
    CreatedOnce::new(&view(Some(text)), &view(None))
}

/// `GET /v1/organizations`: all of them for the platform, its own for anyone else.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    page: PageOf,
) -> Result<Json<PageView<OrganizationView>>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    if caller.need(Need::platform()).is_err() {
        let own = app.store.organization(caller.principal.organization.as_str()).await?;
        return Ok(Json(PageView::whole(own.iter().map(view).collect())));
    }
    let found = app.store.organizations(page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |org| view(&org))))
}

/// `GET /v1/organizations/{org}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
) -> Result<Json<OrganizationView>, ApiError> {
    let org = resolve(&app, &caller, &org, |org| Need::member(org).or_platform()).await?;
    Ok(Json(view(&org)))
}

/// `GET /v1/directory`: any member of any organization.
pub async fn directory(
    State(app): State<App>,
    caller: Caller,
    page: PageOf,
) -> Result<Json<PageView<DirectoryView>>, ApiError> {
    caller.need(Need::member(&caller.principal.organization))?;
    let after: Option<String> = page.after()?;
    let found = app.store.directory(after.as_deref(), page.limit).await?;
    Ok(Json(page.view(found, |org| DirectoryView {
        id: org.id,
        slug: org.slug,
        name: org.name,
        customer: org.kinds.customer,
        publisher: org.kinds.publisher,
    })))
}

/// The view of an organization.
pub fn view(org: &Organization) -> OrganizationView {
    OrganizationView {
        id: org.id.clone(),
        slug: org.slug.clone(),
        name: org.name.clone(),
        customer: org.kinds.customer,
        publisher: org.kinds.publisher,
        platform: org.kinds.platform,
        created_at: org.created_at,
    }
}
