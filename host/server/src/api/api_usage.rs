//! Which calls were made with which token, per day: for whoever wonders what
//! still uses a call, or what a token is for.
use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{id::TokenId, organization::Need, time::Timestamp};
use venn_store::api_usage::{UsageFilter, UsageRecord};

use crate::{
    api::organization::resolve,
    app::App,
    auth::Caller,
    error::ApiError,
    page::{PageOf, PageView},
};

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiUsageQuery {
    /// A token's id.
    token: Option<TokenId>,
    /// A call's operation id, for example `account-list`.
    call: Option<String>,
}

/// How often one token made one call on one day.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ApiUsageView {
    /// The day, UTC: `YYYY-MM-DD`.
    day: String,
    /// The call's operation id.
    call: String,
    /// The token.
    token: TokenId,
    /// What the token is for.
    token_name: String,
    /// How often, refused ones too.
    calls: u64,
    /// How many of them were answered with a status of 400 or more.
    errors: u64,
    /// When it was made last.
    last_at: Timestamp,
}

/// `GET …/api-usage`: an admin.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    page: PageOf<ApiUsageQuery>,
) -> Result<Json<PageView<ApiUsageView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::admin).await?;
    let ApiUsageQuery { token, call } = &page.filter;
    let filter = UsageFilter { token: token.clone(), call: call.clone() };
    let found = app.store.usage_page(&org.id, &filter, page.after()?.as_ref(), page.limit).await?;
    Ok(Json(page.view(found, view)))
}

fn view(record: UsageRecord) -> ApiUsageView {
    ApiUsageView {
        day: record.day_text(),
        call: record.call,
        token: record.token,
        token_name: record.token_name,
        calls: record.calls,
        errors: record.errors,
        last_at: record.last_at,
    }
}
