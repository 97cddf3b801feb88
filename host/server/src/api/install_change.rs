//! What a customer's admin does to an install later: another grant, another
//! configuration, other connections, pause and resume, another release, a run
//! now, a backfill, and away with it. Each counts at once, also for a running guest.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use venn_domain::{
    authority::Authority,
    grant::Grant,
    id::{DeliveryId, PartnershipId, ReleaseId},
    organization::Need,
    sharing::Purpose,
};
use venn_store::{
    install::{
        ConnectionMap, Install, InstallState,
        change::{InstallChange, Upgrade},
    },
    organization::Organization,
    partnership::PartnershipState,
    release::approved::ApprovedRelease,
};

use crate::{
    answer::{Accepted, NoContent},
    api::{
        install::{InstallView, changed, find, not_active, validate::Draft, view},
        organization::resolve,
        partnership,
    },
    app::App,
    auth::Caller,
    body::{JsonBody, QueryOf},
    error::{ApiError, Code},
};

type Address = Path<(String, String)>;
type Answer = Result<Json<InstallView>, ApiError>;

/// `POST …/upgrade`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeBody {
    /// An approved release of the same plugin, by id; not together with `version`.
    release: Option<ReleaseId>,
    /// An approved release of the same plugin, by version. The newest, if
    /// neither is there.
    version: Option<String>,
    /// The configuration from then on, where the release asks for another one.
    #[serde(default)]
    config: Option<Value>,
    /// All connections from then on, where it asks for others.
    #[serde(default)]
    connections: Option<ConnectionMap>,
}

/// `GET …/backfill?partnership=` and the body of its POST.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillBody {
    /// A partnership that is granted to the install.
    partnership: PartnershipId,
}

/// How much a backfill would bring.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackfillView {
    /// The partnership.
    partnership: PartnershipId,
    /// Overlaps that the install may read there now.
    overlaps: u64,
}

/// A backfill under way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackfillStartedView {
    /// The delivery that brings them.
    delivery: DeliveryId,
}

/// A run that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunStartedView {
    /// The delivery that brings it.
    delivery: DeliveryId,
    /// It waited already: nothing was added.
    waited_already: bool,
}

/// `PUT …/grant`.
pub async fn grant(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    JsonBody(grant): JsonBody<Grant>,
) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    let draft = Draft { grant: Some(grant.clone()), ..Draft::default() };
    target.validate(&app, None, draft).await?;
    target.apply(&app, &caller, InstallChange::Grant(grant)).await
}

/// `PUT …/config`.
pub async fn config(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    JsonBody(config): JsonBody<Map<String, Value>>,
) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    let config = Value::Object(config);
    let draft = Draft { config: Some(config.clone()), ..Draft::default() };
    target.validate(&app, None, draft).await?;
    let release = app.store.release(&target.install.release).await?;
    let manifest = release.ok_or_else(ApiError::not_found)?.manifest;
    let moved_hosts = manifest.moved_hosts(&target.install.config, &config);
    let Json(mut view) = target.apply(&app, &caller, InstallChange::Config(config)).await?;
    view.moved_hosts = moved_hosts;
    Ok(Json(view))
}

/// `PUT …/connections`.
pub async fn connections(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    JsonBody(connections): JsonBody<ConnectionMap>,
) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    // The configuration may say for which host a connection must be.
    let config = Some(target.install.config.clone());
    let draft = Draft { config, connections: Some(connections.clone()), ..Draft::default() };
    target.validate(&app, None, draft).await?;
    target.apply(&app, &caller, InstallChange::Connections(connections)).await
}

/// `POST …/pause`.
pub async fn pause(State(app): State<App>, caller: Caller, address: Address) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    target.apply(&app, &caller, InstallChange::Pause).await
}

/// `POST …/resume`.
pub async fn resume(State(app): State<App>, caller: Caller, address: Address) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    target.apply(&app, &caller, InstallChange::Resume).await
}

/// `POST …/upgrade`: the configuration and the connections must fit the
/// newer release; the grant stays as it is, so it may do no more than before.
pub async fn upgrade(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    JsonBody(body): JsonBody<UpgradeBody>,
) -> Answer {
    let target = Target::find(&app, &caller, &address).await?;
    let UpgradeBody { release, version, config, connections } = body;
    let release = target.choose(&app, release, version).await?;
    if release == target.install.release {
        return Err(ApiError::new(
            Code::WrongState,
            format!("The install is at {} already.", target.install.version),
            "There is nothing to do; the plugin's page in the marketplace names its newest release.",
        ));
    }
    let install = &target.install;
    let draft = Draft {
        config: Some(config.clone().unwrap_or_else(|| install.config.clone())),
        connections: Some(connections.clone().unwrap_or_else(|| install.connections.clone())),
        ..Draft::default()
    };
    target.validate(&app, Some(&release), draft).await?;
    let upgrade = Upgrade { to: release, config, connections };
    target.apply(&app, &caller, InstallChange::Upgrade(upgrade)).await
}

/// `DELETE …/installs/{install}`.
pub async fn uninstall(
    State(app): State<App>,
    caller: Caller,
    address: Address,
) -> Result<NoContent, ApiError> {
    let target = Target::find(&app, &caller, &address).await?;
    let _gone = target.apply(&app, &caller, InstallChange::Uninstall).await?;
    Ok(NoContent)
}

/// `GET …/backfill?partnership=`.
pub async fn backfill(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    QueryOf(query): QueryOf<BackfillBody>,
) -> Result<Json<BackfillView>, ApiError> {
    let target = Target::find(&app, &caller, &address).await?;
    let install = &target.install;
    let control =
        app.store.control_for_check(&install.id).await?.ok_or_else(ApiError::not_found)?.0;
    let purpose = Purpose::needed(Authority::new(control).has_egress());
    let overlaps = app.store.backfill_count(install, &query.partnership, purpose).await?;
    Ok(Json(BackfillView { partnership: query.partnership, overlaps }))
}

/// `POST …/backfill`.
pub async fn start_backfill(
    State(app): State<App>,
    caller: Caller,
    address: Address,
    JsonBody(body): JsonBody<BackfillBody>,
) -> Result<Accepted<BackfillStartedView>, ApiError> {
    let target = Target::find(&app, &caller, &address).await?;
    let install = &target.install;
    if install.state != InstallState::Active {
        return Err(not_active(install));
    }
    let (id, key) = (&body.partnership, &app.keys.cursor);
    let partnership = app.store.partnership(&install.organization, id).await?;
    if let Some(found) = partnership.filter(|found| found.state != PartnershipState::Active) {
        return Err(partnership::wrong_state(found.state, "brought to the plugin"));
    }
    let from_zero = true;
    let cursor = app.store.change_cursor_start(&install.id, id, from_zero, key).await?;
    let cursor = cursor.ok_or_else(|| {
        let next = "Grant it first, or choose a granted one.";
        ApiError::new(Code::WrongState, "The partnership is not granted to this install.", next)
    })?;
    let started = app.store.start_backfill(install, id, cursor, caller.user()).await?;
    let delivery = started.ok_or_else(|| {
        let next = "There is nothing to bring to it.";
        ApiError::new(Code::WrongState, "The plugin does not ask for overlaps.", next)
    })?;
    app.wake.deliveries.notify_one();
    Ok(Accepted(BackfillStartedView { delivery }))
}

/// `POST …/run`: a run now, whatever the manifest schedules. Asked for again
/// before it has begun it is the same one.
pub async fn run(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Address,
) -> Result<Accepted<RunStartedView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let install = find(&app, &org, &install).await?;
    if install.state != InstallState::Active {
        return Err(not_active(&install));
    }
    let started = app.store.run_now(&install, caller.user()).await?;
    let started = started.ok_or_else(|| {
        let next = "It runs when something happens that it asks for: see its manifest's `events`.";
        ApiError::new(Code::WrongState, "The plugin does not ask for schedules.", next)
    })?;
    app.wake.deliveries.notify_one();
    let (delivery, waited_already) = (started.delivery, started.waited_already);
    Ok(Accepted(RunStartedView { delivery, waited_already }))
}

/// `POST …/try`: an install that rests tries one event now; of one that does not, nothing
/// changes.
pub async fn try_now(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Address,
) -> Answer {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let found = find(&app, &org, &install).await?;
    if found.state != InstallState::Active {
        return Err(not_active(&found));
    }
    if app.store.try_install(&found, caller.user()).await? {
        app.wake.deliveries.notify_one();
    }
    let now = find(&app, &org, &install).await?;
    Ok(Json(view(&app, now).await?))
}

/// The install that an address names, for an admin of its organization.
struct Target {
    org: Organization,
    install: Install,
}

impl Target {
    async fn find(app: &App, caller: &Caller, address: &Address) -> Result<Self, ApiError> {
        let (org, install) = &address.0;
        let org = resolve(app, caller, org, Need::admin).await?;
        let install = find(app, &org, install).await?;
        Ok(Self { org, install })
    }

    /// The release that an upgrade names: by id, by version, or the newest.
    async fn choose(
        &self,
        app: &App,
        release: Option<ReleaseId>,
        version: Option<String>,
    ) -> Result<ReleaseId, ApiError> {
        if let (Some(_), Some(_)) = (&release, &version) {
            let next = "Give one of them; with neither it is the newest approved release.";
            return Err(ApiError::new(Code::Invalid, "version: `release` is there too.", next));
        }
        if let Some(release) = release {
            return Ok(release);
        }
        let approved = app.store.approved_releases(&self.install.plugin).await?;
        let wanted = version.as_deref();
        let found = approved
            .iter()
            .find(|one| wanted.is_none_or(|wanted| one.version.to_string() == wanted));
        found.map(|one| one.id.clone()).ok_or_else(|| none_of(&approved, wanted))
    }

    /// Checks a draft against the install's release or another one.
    async fn validate(
        &self,
        app: &App,
        release: Option<&ReleaseId>,
        draft: Draft,
    ) -> Result<(), ApiError> {
        let id = release.unwrap_or(&self.install.release);
        let release = app.store.release(id).await?;
        let release = release
            .filter(|release| release.plugin == self.install.plugin)
            .ok_or_else(ApiError::not_found)?;
        let plugin = app.store.plugin(self.install.plugin.as_str()).await?;
        let plugin = plugin.ok_or_else(ApiError::not_found)?;
        draft.validated(app, &self.org.id, release.manifest, plugin.approval).await
    }

    async fn apply(&self, app: &App, caller: &Caller, change: InstallChange) -> Answer {
        let (org, id) = (&self.org.id, &self.install.id);
        let now = changed(app.store.change_install(org, id, change, caller.user()).await?)?;
        // A grant, a configuration or a connection may be what something waited for.
        app.wake.deliveries.notify_one();
        Ok(Json(view(app, now).await?))
    }
}

fn none_of(approved: &[ApprovedRelease], wanted: Option<&str>) -> ApiError {
    let versions: Vec<_> = approved.iter().take(10).map(|one| one.version.to_string()).collect();
    match (wanted, versions.as_slice()) {
        (_, []) | (None, _) => ApiError::new(
            Code::WrongState,
            "The plugin has no approved release at present.",
            "Wait until the platform approves one; the marketplace shows what can be had.",
        ),
        (Some(wanted), _) => {
            let wanted: String = wanted.chars().take(40).collect();
            ApiError::new(
                Code::Invalid,
                format!("version: the plugin has no approved release `{wanted}`."),
                format!("Choose one of these, newest first: {}.", versions.join(", ")),
            )
        }
    }
}
