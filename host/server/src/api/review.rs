//! Review by the platform: the ceiling of a plugin, and go or no-go for each
//! release under it.
//!
//! Nobody decides in their own favour: a member of the publisher neither approves,
//! resumes nor vouches, and of a first-party release not the person who uploaded it.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    grant::{Approval, Excess, Grant},
    id::{OrganizationId, ReleaseId},
    limits,
    manifest::Problem,
    organization::Need,
};
use venn_store::{
    plugin::{Change, Plugin, Reviewer},
    publisher::How,
    release::{Release, ReleaseState},
};

use crate::{
    api::{
        plugin::{self, PluginView},
        release::{self, ReleaseView},
        verification::{self, PublisherView},
    },
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewQuery {
    /// Where they stand; all if it is left out or empty.
    #[schemars(extend("enum" = ["submitted", "approved", "refused", "yanked", ""]))]
    pub(super) state: Option<String>,
}

/// `POST /v1/review/releases/{release}/decision`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// Whether it may run.
    go: bool,
    /// Why, in a sentence or two; the publisher reads it. At most 2000 characters.
    reason: String,
}

/// `POST /v1/review/plugins/{plugin}/suspend`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendBody {
    /// Why, in a sentence or two; others read it. At most 2000 characters.
    reason: String,
}

/// `POST …/releases/{release}/withdraw`, by the platform or the publisher.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawBody {
    /// Why, in a sentence or two; customers read it. At most 2000 characters.
    reason: String,
}

/// A release under review, with what it asks beyond the ceiling.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReviewView {
    #[serde(flatten)]
    release: ReleaseView,
    #[serde(flatten)]
    publisher: PublisherView,
    /// Why the platform vouches for the publisher; empty where it does not.
    publisher_vouched: String,
    /// The plugin's ceiling; none before the first approval.
    approval: Option<Approval>,
    /// The ceiling has all that the manifest asks for, paths and methods too.
    covered: bool,
    /// Capabilities, fields and hosts that the ceiling lacks.
    beyond: Vec<String>,
}

/// `GET /v1/review/releases`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    page: PageOf<ReviewQuery>,
) -> Result<Json<PageView<ReleaseView>>, ApiError> {
    caller.need(Need::platform())?;
    let state = page.filter.state.as_deref().filter(|state| !state.is_empty()).map(parse_state);
    let (state, before) = (state.transpose()?, page.after()?);
    let found = app.store.releases_in_state(state, before.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, release::view)))
}

pub(super) fn parse_state(name: &str) -> Result<ReleaseState, ApiError> {
    ReleaseState::parse(name).ok_or_else(|| {
        ApiError::new(
            Code::BadQuery,
            "There is no such state of a release.",
            "Use submitted, approved, refused or yanked.",
        )
    })
}

/// `GET /v1/review/releases/{release}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ReviewView>, ApiError> {
    caller.need(Need::platform())?;
    let release = app.store.release(&id.parse()?).await?.ok_or_else(ApiError::not_found)?;
    let plugin = find(&app, release.plugin.as_str()).await?;
    let ceiling = plugin.approval.clone().unwrap_or_default();
    let covered = ceiling.covers(&release.manifest);
    // A grant of all that is asked for, seen from the ceiling.
    let all = Grant {
        capabilities: release.manifest.capability_set(),
        fields: release.manifest.fields.clone(),
        egress_hosts: release.manifest.egress.iter().map(|e| e.rule.host.clone()).collect(),
        ..Grant::default()
    };
    let beyond = all.excess(&ceiling).iter().map(ToString::to_string).collect();
    let verification = app.store.verification(&plugin.organization).await?;
    let publisher = verification::publisher(plugin.owner_kind, verification.as_ref());
    let vouched = verification.filter(|found| found.how == How::Vouched);
    Ok(Json(ReviewView {
        release: release::view(release),
        publisher,
        publisher_vouched: vouched.map(|found| found.what).unwrap_or_default(),
        approval: plugin.approval,
        covered,
        beyond,
    }))
}

/// `PUT /v1/review/plugins/{plugin}/approval`.
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(ceiling): JsonBody<Approval>,
) -> Result<Json<PluginView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let plugin = find(&app, &id).await?;
    let page = app.store.releases_page(&plugin.id, None, RELEASES_LOOKED_AT).await?;
    let undecided = |release: &&Release| {
        matches!(release.state, ReleaseState::Submitted | ReleaseState::Approved)
    };
    let Some(newest) = page.items.iter().find(undecided) else {
        return Err(ApiError::new(
            Code::WrongState,
            "The plugin has no release that was submitted.",
            "Wait until the publisher uploads one.",
        ));
    };
    allow(&app, &caller, &plugin, newest).await?;
    let excess = ceiling.excess(&newest.manifest);
    if !excess.is_empty() {
        return Err(ApiError::new(
            Code::BadGrant,
            format!("The approval goes beyond what release {} asks for.", newest.version),
            "Leave out what is listed.",
        )
        .with_problems(excess.iter().map(problem).collect()));
    }
    done(app.store.set_approval(&plugin.id, ceiling, &reviewer(&caller)).await?)
}

/// Enough to find the newest submitted one behind refused ones.
const RELEASES_LOOKED_AT: u32 = 50;

/// An excess as a problem, placed where the body has it.
pub fn problem(excess: &Excess) -> Problem {
    let place = match excess.what.split(' ').next() {
        Some("capability") => "capabilities",
        Some("field") => "fields",
        _ => "egress",
    };
    Problem {
        place: place.to_owned(),
        reason: excess.to_string(),
        next_step: "Leave it out".to_owned(),
    }
}

/// `POST /v1/review/releases/{release}/decision`.
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<DecisionBody>,
) -> Result<Json<ReleaseView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let release = app.store.release(&id.parse()?).await?.ok_or_else(ApiError::not_found)?;
    let plugin = find(&app, release.plugin.as_str()).await?;
    if body.go {
        allow(&app, &caller, &plugin, &release).await?;
        verification::needed(&app, &plugin, &release).await?;
    }
    let reason = checked_reason(body.reason)?;
    let reviewer = reviewer(&caller);
    match app.store.decide_release(&release.id, body.go, &reason, &reviewer).await? {
        Change::Done(release) => {
            app.wake.deliveries.notify_one();
            Ok(Json(release::view(release)))
        }
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(ApiError::new(
            Code::WrongState,
            format!("The release is {state}."),
            "Set the plugin's approval first; a decided release stays decided.",
        )),
    }
}

/// Nobody decides about their own: see the head.
async fn allow(
    app: &App,
    caller: &Caller,
    plugin: &Plugin,
    release: &Release,
) -> Result<(), ApiError> {
    if release.uploaded_by == *caller.user() {
        return Err(own_release("You uploaded this release yourself."));
    }
    outsider(app, caller, &plugin.organization).await
}

/// Who is also a member of a publisher decides nothing in its favour; the platform's own
/// integrations are decided about by its people.
pub async fn outsider(
    app: &App,
    caller: &Caller,
    publisher: &OrganizationId,
) -> Result<(), ApiError> {
    let first_party = *publisher == caller.principal.organization;
    if !first_party && app.store.is_insider(publisher, caller.user()).await? {
        return Err(own_release("You are a member of the publisher."));
    }
    Ok(())
}

fn own_release(detail: &str) -> ApiError {
    ApiError::new(Code::OwnRelease, detail, "Ask another admin of the platform to decide.")
}

/// `POST /v1/review/releases/{release}/withdraw`.
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<WithdrawBody>,
) -> Result<Json<ReleaseView>, ApiError> {
    caller.need(Need::platform_admin())?;
    withdrawn(&app, &caller, &id.parse()?, body).await
}

/// Withdraws a release; the caller may.
pub async fn withdrawn(
    app: &App,
    caller: &Caller,
    release: &ReleaseId,
    body: WithdrawBody,
) -> Result<Json<ReleaseView>, ApiError> {
    let reason = checked_reason(body.reason)?;
    match app.store.withdraw_release(release, &reason, caller.user()).await? {
        Change::Done(release) => Ok(Json(release::view(release))),
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(ApiError::new(
            Code::WrongState,
            format!("The release is {state}: only an approved one can be withdrawn."),
            "Nothing needs to be done: nobody can install it.",
        )),
    }
}

/// `POST /v1/review/plugins/{plugin}/suspend`.
pub async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<SuspendBody>,
) -> Result<Json<PluginView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let plugin = find(&app, &id).await?;
    let reason = checked_reason(body.reason)?;
    done(app.store.suspend_plugin(&plugin.id, &reason, &reviewer(&caller)).await?)
}

/// `POST /v1/review/plugins/{plugin}/resume`.
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PluginView>, ApiError> {
    caller.need(Need::platform_admin())?;
    let plugin = find(&app, &id).await?;
    outsider(&app, &caller, &plugin.organization).await?;
    let resumed = done(app.store.resume_plugin(&plugin.id, &reviewer(&caller)).await?)?;
    app.wake.deliveries.notify_one();
    Ok(resumed)
}

fn done(change: Change<Plugin>) -> Result<Json<PluginView>, ApiError> {
    match change {
        Change::Done(now) => Ok(Json(plugin::view(now))),
        Change::NotFound => Err(ApiError::not_found()),
        Change::WrongState(state) => Err(ApiError::new(
            Code::WrongState,
            format!("The plugin is {state}."),
            "Look at its state first.",
        )),
    }
}

async fn find(app: &App, id_or_name: &str) -> Result<Plugin, ApiError> {
    app.store.plugin(id_or_name).await?.ok_or_else(ApiError::not_found)
}

fn reviewer(caller: &Caller) -> Reviewer {
    Reviewer { user: caller.user().clone(), organization: caller.principal.organization.clone() }
}

/// A reason that others read.
pub fn checked_reason(reason: String) -> Result<String, ApiError> {
    if !reason.trim().is_empty() && reason.chars().count() <= limits::REASON_CHARS {
        return Ok(reason);
    }
    let problem = Problem {
        place: "reason".to_owned(),
        reason: format!("it is empty or longer than {} characters", limits::REASON_CHARS),
        next_step: "Say why, in a sentence or two; others read it".to_owned(),
    };
    Err(ApiError::new(Code::Invalid, "The reason is missing or too long.", "Correct it.")
        .with_problems(vec![problem]))
}
