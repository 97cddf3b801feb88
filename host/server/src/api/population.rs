//! Populations: named segments of an organization's accounts. Accounts fall
//! into them by their stage, at import.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{account::check_key, organization::Need};
use venn_store::account::Population;

use crate::{
    answer::Created,
    api::{check, organization::resolve},
    app::App,
    auth::Caller,
    body::JsonBody,
    error::ApiError,
    page::{PageOf, PageView},
};

/// A population with its number of accounts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PopulationView {
    /// The population's key.
    key: String,
    /// What people see.
    title: String,
    /// How many accounts are in it.
    accounts: u64,
}

/// `POST …/populations`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PopulationBody {
    /// Lower-case letters, digits and hyphens.
    key: String,
    /// What people see.
    title: String,
}

/// `GET …/populations`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf,
) -> Result<Json<PageView<PopulationView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let after: Option<String> = page.after()?;
    let found = app.store.populations(&org.id, after.as_deref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

/// `POST …/populations`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    JsonBody(body): JsonBody<PopulationBody>,
) -> Result<Created<PopulationView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::user).await?;
    let mut problems = check::Problems::default();
    problems.note("key", check_key(&body.key));
    problems.note("title", check::title(&body.title));
    problems.into_result()?;
    let made = app.store.create_population(&org.id, &body.key, &body.title, caller.user()).await?;
    Ok(Created(view(made)))
}

fn view(population: Population) -> PopulationView {
    let Population { key, title, accounts } = population;
    PopulationView { key, title, accounts }
}
