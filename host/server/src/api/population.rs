//! Populations: named segments of an organization's accounts. Accounts fall
//! into them by their stage, at import.
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use venn_domain::{account::check_key, organization::Need};
use venn_store::account::Population;

use crate::{
    api::{check, organization::resolve},
    app::App,
    auth::Caller,
    body::{JsonBody, PageQuery, PageView, QueryOf, limit},
    error::ApiError,
};

/// A population with its number of accounts.
#[derive(Debug, Serialize)]
pub struct PopulationView {
    key: String,
    title: String,
    accounts: u64,
}

/// `POST …/populations`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationBody {
    key: String,
    title: String,
}

/// `GET …/populations`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<PageView<PopulationView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let limit = limit(page.limit)?;
    let page = app.store.populations(&org.id, page.cursor.as_deref(), limit).await?;
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `POST …/populations`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<PopulationBody>,
) -> Result<(StatusCode, Json<PopulationView>), ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let mut problems = check::Problems::default();
    problems.note("key", check_key(&body.key));
    problems.note("title", check::title(&body.title));
    problems.into_result()?;
    let made = app.store.create_population(&org.id, &body.key, &body.title, caller.user()).await?;
    Ok((StatusCode::CREATED, Json(view(made))))
}

fn view(population: Population) -> PopulationView {
    let Population { key, title, accounts } = population;
    PopulationView { key, title, accounts }
}
