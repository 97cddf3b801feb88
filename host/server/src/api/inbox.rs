//! The inbox: each failure's one step to its owner; incidents; the
//! timeline of an account.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{
    id::{AccountId, InstallId},
    organization::Need,
    time::Timestamp,
};
use venn_store::{inbox::Route, incident::Incident, timeline::TimelineRecord};

use crate::{
    accesses::Read,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::one_of,
    error::{ApiError, Code},
    page::{PageOf, PageView},
};

/// What the listing of an inbox is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxQuery {
    /// `open` for what is to do, `resolved` for what was.
    #[schemars(extend("enum" = STATES))]
    state: Option<String>,
}

/// Where an item can stand.
const STATES: [&str; 2] = ["open", "resolved"];

/// `GET /v1/organizations/{org}/inbox`
pub async fn inbox(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf<InboxQuery>,
) -> Result<Json<PageView<Route>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let state = page.filter.state.as_deref();
    one_of("state", state, &STATES)?;
    let found = app.store.inbox(&org.id, state, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |route| route)))
}

/// `GET /v1/organizations/{org}/inbox/{item}`: the same bytes as in the listing.
pub async fn item(
    State(app): State<App>,
    caller: Caller,
    Path((org, item)): Path<(String, String)>,
) -> Result<Json<Route>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.inbox_item(&org.id, &item.parse()?).await?;
    found.map(Json).ok_or_else(ApiError::not_found)
}

/// `POST /v1/organizations/{org}/inbox/{item}/done`: the owner's word that
/// nothing is left to do; the next equal failure is announced anew.
pub async fn done(
    State(app): State<App>,
    caller: Caller,
    Path((org, item)): Path<(String, String)>,
) -> Result<Json<Route>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let id = item.parse()?;
    let found = app.store.inbox_item(&org.id, &id).await?.ok_or_else(ApiError::not_found)?;
    if !found.is_owner {
        return Err(ApiError::new(
            Code::WrongState,
            "You are told of this item; it is somebody else's to do.",
            "Nothing needs to be done: it is resolved when its owner has acted.",
        ));
    }
    let resolved = app.store.resolve_by_owner(&org.id, &id, caller.user()).await?;
    resolved.map(Json).ok_or_else(ApiError::not_found)
}

/// `GET /v1/organizations/{org}/incidents`
pub async fn incidents(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<Incident>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let found = app.store.incidents(&org.id, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, |incident| incident)))
}

/// A dated fact on an account.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TimelineView {
    /// The install that wrote it.
    install: InstallId,
    /// The plugin's name.
    plugin: String,
    /// The plugin's own key: the same one is the same entry for ever.
    key: String,
    /// The plugin's own kind.
    kind: String,
    /// One sentence.
    text: String,
    /// When it happened.
    at: Timestamp,
    /// The partnership that it was derived from; empty if none.
    partnership: String,
}

/// `GET /v1/organizations/{org}/accounts/{account}/timeline`
pub async fn timeline(
    State(app): State<App>,
    caller: Caller,
    Path((org, account)): Path<(String, String)>,
    page: PageOf,
) -> Result<Json<PageView<TimelineView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let account: AccountId = account.parse()?;
    app.store.account(&org.id, &account).await?.ok_or_else(ApiError::not_found)?;
    let after = page.after()?;
    let found = app.store.timeline(&org.id, &account, after.as_ref(), page.limit).await?;
    let read = Read::own("timeline.read", account.as_str(), found.items.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(page.view(found, view)))
}

fn view(entry: TimelineRecord) -> TimelineView {
    TimelineView {
        install: entry.install,
        plugin: entry.plugin,
        key: entry.key,
        kind: entry.kind,
        text: entry.text,
        at: entry.at,
        partnership: entry.partnership,
    }
}
