//! The inbox: each failure's one step to its owner; incidents; the
//! timeline of an account.
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use venn_domain::{
    id::{AccountId, InstallId},
    organization::Need,
    time::Timestamp,
};
use venn_store::{
    incident::{Incident, Route},
    timeline::TimelineRecord,
};

use crate::{
    accesses::Read,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::{PageQuery, PageView, QueryOf, cursor, limit},
    error::ApiError,
};

/// `GET /v1/organizations/{org}/inbox`
pub async fn inbox(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<PageView<Route>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let before = cursor(query.cursor.as_deref())?;
    let page = app.store.inbox(&org.id, before.as_ref(), limit(query.limit)?).await?;
    Ok(Json(PageView { items: page.items, next: page.next }))
}

/// `GET /v1/organizations/{org}/incidents`
pub async fn incidents(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<PageView<Incident>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let before = cursor(query.cursor.as_deref())?;
    let page = app.store.incidents(&org.id, before.as_ref(), limit(query.limit)?).await?;
    Ok(Json(PageView { items: page.items, next: page.next }))
}

/// A dated fact on an account.
#[derive(Debug, Serialize)]
pub struct TimelineView {
    install: InstallId,
    plugin: String,
    key: String,
    kind: String,
    text: String,
    at: Timestamp,
    partnership: String,
}

/// Entries of an account's timeline in one answer.
const TIMELINE_ENTRIES: u32 = 200;

/// `GET /v1/organizations/{org}/accounts/{account}/timeline`
pub async fn timeline(
    State(app): State<App>,
    caller: Caller,
    Path((org, account)): Path<(String, String)>,
) -> Result<Json<PageView<TimelineView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let account: AccountId = account.parse()?;
    app.store.account(&org.id, &account).await?.ok_or_else(ApiError::not_found)?;
    let entries = app.store.timeline(&org.id, &account, TIMELINE_ENTRIES).await?;
    let read = Read::own("timeline.read", account.as_str(), entries.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(PageView { items: entries.into_iter().map(view).collect(), next: None }))
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
