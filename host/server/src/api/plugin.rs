//! Plugins, as their publisher sees them.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    account::check_key,
    grant::Approval,
    id::{OrganizationId, PluginId, UserId},
    manifest::Problem,
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    organization::Organization,
    plugin::{OwnerKind, Plugin},
};

use crate::{
    answer::Created,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// `POST /v1/organizations/{org}/plugins`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginBody {
    /// Lower-case letters, digits and hyphens; yours from now on.
    name: String,
}

/// A plugin.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PluginView {
    /// The plugin's id.
    id: PluginId,
    /// The organization that publishes it.
    organization: OrganizationId,
    /// Its name.
    name: String,
    /// `publisher`, or `first-party` for the platform itself.
    #[schemars(extend("enum" = ["publisher", "first-party"]))]
    owner_kind: &'static str,
    /// Where it stands.
    state: &'static str,
    /// Why it is suspended; empty if it is not.
    suspended_reason: String,
    /// The platform's ceiling; none before the first approval.
    approval: Option<Approval>,
    /// Who approved it.
    approved_by: Option<UserId>,
    /// When.
    approved_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
}

/// `POST /v1/organizations/{org}/plugins`: a developer of a publisher.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<PluginBody>,
) -> Result<Created<PluginView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::developer).await?;
    let owner_kind = owner_kind(&org)?;
    check_key(&body.name).map_err(|error| bad_name(&error.to_string()))?;
    let made = app.store.create_plugin(&org.id, owner_kind, &body.name, caller.user()).await?;
    Ok(Created(view(made)))
}

/// `GET /v1/organizations/{org}/plugins`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<PluginView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.plugins_page(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `GET /v1/organizations/{org}/plugins/{plugin}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, plugin)): Path<(String, String)>,
) -> Result<Json<PluginView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    Ok(Json(view(find(&app, &org, &plugin).await?)))
}

/// The plugin of that id or name, if it is this organization's.
pub async fn find(app: &App, org: &Organization, text: &str) -> Result<Plugin, ApiError> {
    let found = app.store.plugin(text).await?;
    found.filter(|plugin| plugin.organization == org.id).ok_or_else(ApiError::not_found)
}

fn owner_kind(org: &Organization) -> Result<OwnerKind, ApiError> {
    match (org.kinds.platform, org.kinds.publisher) {
        (true, _) => Ok(OwnerKind::FirstParty),
        (false, true) => Ok(OwnerKind::Publisher),
        (false, false) => Err(ApiError::new(
            Code::WrongState,
            "Your organization is not a publisher.",
            "Ask the platform to make it one.",
        )),
    }
}

fn bad_name(reason: &str) -> ApiError {
    let problem = Problem {
        place: "name".to_owned(),
        reason: reason.to_owned(),
        next_step: "Choose another name".to_owned(),
    };
    ApiError::new(Code::Invalid, "The plugin's name is not allowed.", "Choose another name.")
        .with_problems(vec![problem])
}

/// The view of a plugin.
pub fn view(plugin: Plugin) -> PluginView {
    PluginView {
        id: plugin.id,
        organization: plugin.organization,
        name: plugin.name,
        owner_kind: plugin.owner_kind.name(),
        state: plugin.state.name(),
        suspended_reason: plugin.suspended_reason,
        approval: plugin.approval,
        approved_by: plugin.approved_by,
        approved_at: plugin.approved_at,
        created_at: plugin.created_at,
    }
}
