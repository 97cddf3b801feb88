//! Installs: a customer's admin makes a draft, has it checked, and enables it.
//!
//! What changes an install afterwards is in `install_change`; what a draft is
//! checked against is in [`validate`].
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use venn_domain::{
    grant::Grant,
    id::{InstallId, PluginId, ReleaseId},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    install::{
        CheckRecord, ConnectionMap, Install, InstallState, NewInstall, change::InstallChange,
    },
    organization::Organization,
    plugin::Change,
};

use crate::{
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::{JsonBody, PageQuery, PageView, QueryOf, cursor, limit},
    error::{ApiError, Code},
    ports,
};

pub mod validate;

use validate::Draft;

/// `POST /v1/organizations/{org}/installs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallBody {
    plugin: String,
    name: String,
    grant: Grant,
    #[serde(default = "empty")]
    config: Value,
    #[serde(default)]
    connections: ConnectionMap,
}

fn empty() -> Value {
    json!({})
}

/// An install.
#[derive(Debug, Serialize)]
pub struct InstallView {
    id: InstallId,
    plugin: PluginId,
    plugin_name: String,
    release: ReleaseId,
    version: String,
    name: String,
    state: &'static str,
    grant: Grant,
    config: Value,
    connections: ConnectionMap,
    check: Option<CheckRecord>,
    created_at: Timestamp,
    enabled_at: Option<Timestamp>,
    authority: AuthorityView,
}

/// The number that any change of authority raises.
#[derive(Debug, Serialize)]
pub struct AuthorityView {
    number: u64,
}

/// `POST /v1/organizations/{org}/installs`: an admin of the customer.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<InstallBody>,
) -> Result<(StatusCode, Json<InstallView>), ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    if !org.kinds.customer {
        let next = "Ask the platform to make it one.";
        return Err(ApiError::new(Code::WrongState, "Your organization is not a customer.", next));
    }
    let listing = app.store.market(&body.plugin).await?.ok_or_else(not_listed)?;
    let facts = app.store.customer_facts(&org.id).await?;
    let draft = Draft {
        name: Some(&body.name),
        grant: Some(&body.grant),
        config: Some(&body.config),
        connections: Some(&body.connections),
    };
    draft.validate(&listing.release.manifest, listing.plugin.approval.as_ref(), &facts)?;
    let new = NewInstall {
        organization: org.id,
        plugin: listing.plugin.id,
        release: listing.release.id,
        name: body.name,
        grant: body.grant,
        config: body.config,
        connections: body.connections,
        actor: caller.user().clone(),
    };
    let made = changed(app.store.create_install(new).await?)?;
    Ok((StatusCode::CREATED, Json(view(&app, made))))
}

fn not_listed() -> ApiError {
    ApiError::new(
        Code::NotFound,
        "There is no such plugin in the marketplace.",
        "Look it up with `GET /v1/marketplace/plugins`.",
    )
}

/// `GET /v1/organizations/{org}/installs`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<PageView<InstallView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let after = cursor(page.cursor.as_deref())?;
    let page = app.store.installs_page(&org.id, after.as_ref(), limit(page.limit)?).await?;
    let items = page.items.into_iter().map(|install| view(&app, install)).collect();
    Ok(Json(PageView { items, next: page.next }))
}

/// `GET /v1/organizations/{org}/installs/{install}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = find(&app, &org, &install).await?;
    Ok(Json(view(&app, found)))
}

/// `POST /v1/organizations/{org}/installs/{install}/check`: runs the guest's check.
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let found = find(&app, &org, &install).await?;
    if found.state == InstallState::Uninstalled {
        return Err(wrong_state("uninstalled"));
    }
    let checked = run_check(&app, &found).await?;
    Ok(Json(view(&app, checked)))
}

/// `POST /v1/organizations/{org}/installs/{install}/enable`.
pub async fn enable(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let found = find(&app, &org, &install).await?;
    if found.state != InstallState::Draft {
        return Err(wrong_state(found.state.name()));
    }
    validate_all(&app, &org, &found).await?;
    let checked = run_check(&app, &found).await?;
    if let Some(record) = checked.check.as_ref().filter(|record| !record.ok) {
        return Err(check_failed(record));
    }
    let change = InstallChange::Enable;
    let enabled =
        changed(app.store.change_install(&org.id, &found.id, change, caller.user()).await?)?;
    app.wake.deliveries.notify_one();
    Ok(Json(view(&app, enabled)))
}

/// Runs the guest's check and keeps what it said.
pub async fn run_check(app: &App, install: &Install) -> Result<Install, ApiError> {
    let record = ports::check_install(app, &install.id).await?;
    app.store.record_check(install, &record).await?.ok_or_else(ApiError::not_found)
}

/// Things may have changed since the draft was made.
async fn validate_all(app: &App, org: &Organization, install: &Install) -> Result<(), ApiError> {
    let release = app.store.release(&install.release).await?.ok_or_else(ApiError::not_found)?;
    let plugin =
        app.store.plugin(install.plugin.as_str()).await?.ok_or_else(ApiError::not_found)?;
    let facts = app.store.customer_facts(&org.id).await?;
    let draft = Draft {
        name: None,
        grant: Some(&install.grant),
        config: Some(&install.config),
        connections: Some(&install.connections),
    };
    draft.validate(&release.manifest, plugin.approval.as_ref(), &facts)
}

fn check_failed(record: &CheckRecord) -> ApiError {
    let errors = record.findings.iter().filter(|finding| finding.level == "error");
    let problems = errors
        .map(|finding| venn_domain::manifest::Problem {
            place: finding.field.clone().unwrap_or_default(),
            reason: finding.message.clone(),
            next_step: "Correct it and enable again".to_owned(),
        })
        .collect();
    let next = "Correct the configuration or the connection that is named, then enable again.";
    ApiError::new(Code::CheckFailed, "The plugin's check found an error.", next)
        .with_problems(problems)
}

/// One install of the organization.
pub async fn find(app: &App, org: &Organization, id: &str) -> Result<Install, ApiError> {
    app.store.install(&org.id, &id.parse()?).await?.ok_or_else(ApiError::not_found)
}

/// What came of a change, or why it did not happen.
pub fn changed(change: Change<Install>) -> Result<Install, ApiError> {
    match change {
        Change::Done(now) => Ok(now),
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(wrong_state(state)),
    }
}

/// The install is not in a state for this.
pub fn wrong_state(state: &str) -> ApiError {
    ApiError::new(
        Code::WrongState,
        format!("The install is {state}."),
        "Look at its state; a draft is checked, then enabled, then paused and resumed.",
    )
}

/// The view of an install.
pub fn view(app: &App, install: Install) -> InstallView {
    InstallView {
        id: install.id,
        plugin: install.plugin,
        plugin_name: install.plugin_name,
        release: install.release,
        version: install.version,
        name: install.name,
        state: install.state.name(),
        grant: install.grant,
        config: install.config,
        connections: install.connections,
        check: install.check,
        created_at: install.created_at,
        enabled_at: install.enabled_at,
        authority: AuthorityView { number: app.store.authority_no() },
    }
}
