//! Live sources of accounts: what each has done, how old its accounts are, and a
//! person's yes or no before many of them go.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    count::counted,
    id::{InstallId, OrganizationId},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    import::Confirm,
    source::{Answered, Source},
};

use crate::{
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// An install that writes accounts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SourceView {
    /// The install.
    install: InstallId,
    /// Its name.
    install_name: String,
    /// The plugin's key.
    plugin_name: String,
    /// `never-synced`, `syncing`, `stopped`, `waiting-for-confirmation` or `synced`.
    #[schemars(extend("enum" = ["never-synced", "syncing", "stopped", "waiting-for-confirmation", "synced"]))]
    state: &'static str,
    /// Accounts that it keeps now.
    accounts: u64,
    /// When its newest sync began.
    started_at: Option<Timestamp>,
    /// When that ended; none while it is under way.
    ended_at: Option<Timestamp>,
    /// When its newest complete sync began: its accounts are not older.
    synced_at: Option<Timestamp>,
    /// Seconds since then.
    age_s: Option<i64>,
    /// Accounts that its newest sync added.
    added: u64,
    /// Accounts that it changed.
    changed: u64,
    /// Accounts that it named and found as they were.
    unchanged: u64,
    /// Accounts that it removed.
    removed: u64,
    /// The question that a person must answer, if there is one.
    confirm: Option<Confirm>,
}

/// `POST …/confirm`: to how many removals the person says yes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// How many accounts go; the number that the source's question names.
    removes: u64,
}

/// `GET …/sources`: by install.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<SourceView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.sources(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |source| view(&app, source))))
}

/// `GET …/sources/{install}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<SourceView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    Ok(Json(view(&app, find(&app, &org.id, &install).await?)))
}

/// `POST …/sources/{install}/confirm`.
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
    JsonBody(body): JsonBody<ConfirmBody>,
) -> Result<Json<SourceView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let install = find(&app, &org.id, &install).await?.install;
    let user = caller.user();
    let answered = app.store.confirm_source(&org.id, &install, body.removes, user).await?;
    app.wake.pairing.notify_one();
    answer(&app, answered)
}

/// `POST …/sources/{install}/cancel`.
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path((org, install)): Path<(String, String)>,
) -> Result<Json<SourceView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let install = find(&app, &org.id, &install).await?.install;
    let answered = app.store.cancel_source(&org.id, &install, caller.user()).await?;
    answer(&app, answered)
}

async fn find(app: &App, org: &OrganizationId, install: &str) -> Result<Source, ApiError> {
    app.store.source(org, &install.parse()?).await?.ok_or_else(ApiError::not_found)
}

fn answer(app: &App, answered: Answered) -> Result<Json<SourceView>, ApiError> {
    match answered {
        Answered::Done(source) => Ok(Json(view(app, source))),
        Answered::NotAsked => Err(ApiError::new(
            Code::WrongState,
            "This source does not wait for a confirmation.",
            "Look at it: nothing of it waits to be removed.",
        )),
        Answered::Differs(confirm) => Err(ApiError::new(
            Code::WrongState,
            format!("It is about {} by now.", counted(confirm.removes, "account", "accounts")),
            "Look at the source again, and confirm that number.",
        )),
    }
}

fn view(app: &App, source: Source) -> SourceView {
    SourceView {
        state: source.state.name(),
        age_s: source.synced_at.map(|at| app.store.now().ms_since(at) / 1_000),
        install: source.install,
        install_name: source.install_name,
        plugin_name: source.plugin_name,
        accounts: source.accounts,
        started_at: source.started_at,
        ended_at: source.ended_at,
        synced_at: source.synced_at,
        added: source.added,
        changed: source.changed,
        unchanged: source.unchanged,
        removed: source.removed,
        confirm: source.confirm,
    }
}
