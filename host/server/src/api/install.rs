//! Installs: a customer's admin makes a draft, has it checked, and enables it.
//!
//! What changes an install afterwards is in `install_change`; what a draft is
//! checked against is in [`validate`].
use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use venn_domain::{
    grant::{Approval, Grant},
    id::{InstallId, PluginId, ReleaseId},
    manifest::{ConnectionKind, ConnectionRequest, MovedHost},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    breaker::Resting,
    install::{
        CheckRecord, ConnectionMap, Install, InstallState, NewInstall, Unfit, change::InstallChange,
    },
    organization::Organization,
    plugin::Change,
    release::approved::ApprovedRelease,
};

use crate::{
    answer::Created,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
    ports,
};

pub mod validate;

use validate::Draft;

/// `POST /v1/organizations/{org}/installs`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallBody {
    /// The plugin's name in the marketplace.
    plugin: String,
    /// Your name for this install.
    name: String,
    /// What you consent to.
    grant: Grant,
    /// The configuration, by the plugin's own schema.
    #[serde(default = "empty")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    config: Value,
    /// The manifest's connection names, each with a connection of yours.
    #[serde(default)]
    connections: ConnectionMap,
}

fn empty() -> Value {
    json!({})
}

/// An install.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InstallView {
    /// The install's id.
    id: InstallId,
    /// The plugin.
    plugin: PluginId,
    /// The plugin's name.
    plugin_name: String,
    /// The release that runs.
    release: ReleaseId,
    /// That release's version.
    version: String,
    /// Your name for it.
    name: String,
    /// `draft`, `active`, `paused`, `uninstalling` or `uninstalled`.
    #[schemars(extend("enum" = ["draft", "active", "paused", "uninstalling", "uninstalled"]))]
    state: &'static str,
    /// Why nothing of it runs although you want it: its plugin is suspended, or its
    /// release was withdrawn or is not trusted any more. Null if nothing is in its way.
    stopped: Option<String>,
    /// It rests: its runs failed one after the other, so that its events wait, and one of
    /// them is tried now and then. It goes on by itself. Null if it does not rest.
    resting: Option<Resting>,
    /// The version of the newest approved release, if it is newer than the one that runs.
    newer_version: Option<String>,
    /// That release's id.
    newer_release: Option<ReleaseId>,
    /// What you consented to.
    grant: Grant,
    /// What of it the platform does not approve, or not any more: it is denied.
    not_approved: Vec<String>,
    /// The configuration, by the plugin's own schema.
    config: Value,
    /// The manifest's connection names, each with a connection of yours.
    connections: ConnectionMap,
    /// Connections that are not what the plugin needs any more, since the configuration
    /// says another host: calls with them are denied.
    unfit_connections: Vec<UnfitView>,
    /// Hosts that this change has moved; told in the answer to another configuration only.
    pub(super) moved_hosts: Vec<MovedHost>,
    /// The newest check of what it is now, if there was one.
    check: Option<CheckRecord>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was first enabled.
    enabled_at: Option<Timestamp>,
    /// The number that any change of authority on this server raises.
    authority_number: u64,
}

/// What an install needs in the place of a connection that it has.
#[derive(Debug, Serialize, JsonSchema)]
struct UnfitView {
    /// The manifest's name of the connection.
    connection: String,
    /// Of which kind it has to be.
    #[schemars(extend("enum" = ["api-key", "basic", "oauth2", "client-credentials"]))]
    kind: &'static str,
    /// For which host.
    host: String,
    /// What to type next.
    next_step: String,
}

/// How an install gets a connection that it needs.
pub fn refit(install: &str, unfit: &Unfit) -> String {
    let Unfit { connection, kind, host } = unfit;
    if *kind == ConnectionKind::Oauth2 {
        return format!("venn installs connect {install} {connection}");
    }
    let kind = kind.name();
    format!(
        "venn connections add NAME --kind {kind} --host {host}, then venn installs connections {install} --set {connection}=NAME"
    )
}

/// `POST /v1/organizations/{org}/installs`: an admin of the customer.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<InstallBody>,
) -> Result<Created<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    if !org.kinds.customer {
        let next = "Ask the platform to make it one.";
        return Err(ApiError::new(Code::WrongState, "Your organization is not a customer.", next));
    }
    let listing = app.store.market(&body.plugin).await?.ok_or_else(not_listed)?;
    let draft = Draft {
        name: Some(body.name.clone()),
        grant: Some(body.grant.clone()),
        config: Some(body.config.clone()),
        connections: Some(body.connections.clone()),
    };
    let (manifest, ceiling) = (listing.release.manifest, listing.plugin.approval);
    draft.validated(&app, &org.id, manifest, ceiling).await?;
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
    Ok(Created(view(&app, made).await?))
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
    page: PageOf,
) -> Result<Json<PageView<InstallView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.installs_page(&org.id, page.after()?.as_ref(), page.limit).await?;
    let mut choices = BTreeMap::new();
    for install in &found.items {
        if !choices.contains_key(&install.plugin) {
            choices.insert(install.plugin.clone(), Offer::of(&app, &install.plugin).await?);
        }
    }
    let none = Offer::default();
    Ok(Json(page.view(found, |install| {
        let offer = choices.get(&install.plugin).unwrap_or(&none);
        view_of(&app, install, offer)
    })))
}

/// `GET /v1/organizations/{org}/installs/{install}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = find(&app, &org, &install).await?;
    Ok(Json(view(&app, found).await?))
}

/// `POST /v1/organizations/{org}/installs/{install}/check`: runs the guest's check.
pub async fn check(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<InstallView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let found = find(&app, &org, &install).await?;
    match found.state {
        InstallState::Uninstalled => return Err(wrong_state("uninstalled")),
        InstallState::Uninstalling => return Err(wrong_state("being removed")),
        InstallState::Draft | InstallState::Active | InstallState::Paused => {}
    }
    let checked = run_check(&app, &found).await?;
    Ok(Json(view(&app, checked).await?))
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
    all_connected(&app, &found).await?;
    let checked = run_check(&app, &found).await?;
    if let Some(record) = checked.check.as_ref().filter(|record| !record.ok) {
        return Err(check_failed(record));
    }
    let change = InstallChange::Enable;
    let enabled =
        changed(app.store.change_install(&org.id, &found.id, change, caller.user()).await?)?;
    app.wake.deliveries.notify_one();
    Ok(Json(view(&app, enabled).await?))
}

/// What is connected at a service's page is connected by now.
async fn all_connected(app: &App, install: &Install) -> Result<(), ApiError> {
    let found = app.store.control_for_check(&install.id).await?;
    let (control, _) = found.ok_or_else(ApiError::not_found)?;
    let is_missing = |request: &&ConnectionRequest| {
        request.kind == ConnectionKind::Oauth2 && !control.connections.contains(&request.name)
    };
    match control.manifest.connections.iter().find(is_missing) {
        None => Ok(()),
        Some(request) => Err(ApiError::new(
            Code::WrongState,
            format!("`{}` ({}) is not connected yet.", request.name, request.title),
            format!("Connect it first: `venn installs connect {} {}`.", install.name, request.name),
        )),
    }
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
    let draft = Draft {
        name: None,
        grant: Some(install.grant.clone()),
        config: Some(install.config.clone()),
        connections: Some(install.connections.clone()),
    };
    draft.validated(app, &org.id, release.manifest, plugin.approval).await
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

/// The install does not run, and this lets it.
pub fn not_active(install: &Install) -> ApiError {
    let next_step = match install.state {
        InstallState::Draft => format!("`venn installs enable {}` lets it run.", install.name),
        InstallState::Paused => format!("`venn installs resume {}` lets it go on.", install.name),
        state => return wrong_state(state.name()),
    };
    let detail = format!("The install is {}.", install.state.name());
    ApiError::new(Code::WrongState, detail, next_step)
}

/// Nothing of an install that rests runs now.
pub fn rests(install: &str, resting: &Resting) -> ApiError {
    ApiError::new(
        Code::WrongState,
        format!("The install rests after failures in a row, because {}.", resting.why),
        format!(
            "`venn installs try {install}` lets it try now; by itself it tries next at {}.",
            resting.next_try_at
        ),
    )
}

/// The view of an install.
pub async fn view(app: &App, install: Install) -> Result<InstallView, ApiError> {
    let offer = Offer::of(app, &install.plugin).await?;
    Ok(view_of(app, install, &offer))
}

/// What the platform approved of a plugin.
#[derive(Default)]
struct Offer {
    /// Its releases, newest first.
    releases: Vec<ApprovedRelease>,
    ceiling: Approval,
}

impl Offer {
    async fn of(app: &App, plugin: &PluginId) -> Result<Self, ApiError> {
        let releases = app.store.approved_releases(plugin).await?;
        let found = app.store.plugin(plugin.as_str()).await?;
        let ceiling = found.and_then(|plugin| plugin.approval).unwrap_or_default();
        Ok(Self { releases, ceiling })
    }
}

fn view_of(app: &App, install: Install, offer: &Offer) -> InstallView {
    let current = semver::Version::parse(&install.version).ok();
    let excess = install.grant.excess(&offer.ceiling);
    let newer =
        offer.releases.first().filter(|newest| current.is_none_or(|now| newest.version > now));
    InstallView {
        newer_version: newer.map(|newer| newer.version.to_string()),
        newer_release: newer.map(|newer| newer.id.clone()),
        unfit_connections: install.unfit.iter().map(|one| unfit(&install.name, one)).collect(),
        moved_hosts: Vec::new(),
        id: install.id,
        plugin: install.plugin,
        plugin_name: install.plugin_name,
        release: install.release,
        version: install.version,
        name: install.name,
        state: install.state.name(),
        stopped: install.stopped,
        resting: install.resting,
        not_approved: excess.into_iter().map(|excess| excess.what).collect(),
        grant: install.grant,
        config: install.config,
        connections: install.connections,
        check: install.check,
        created_at: install.created_at,
        enabled_at: install.enabled_at,
        authority_number: app.store.authority_no(),
    }
}

fn unfit(install: &str, unfit: &Unfit) -> UnfitView {
    UnfitView {
        connection: unfit.connection.clone(),
        kind: unfit.kind.name(),
        host: unfit.host.clone(),
        next_step: refit(install, unfit),
    }
}
