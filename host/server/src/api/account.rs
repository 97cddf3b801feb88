//! Accounts as they stand. Only imports and live sources change them.
use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use venn_domain::{account::Account, id::AccountId, organization::Need, time::Timestamp};
use venn_store::account::AccountFilter;

use crate::{
    accesses::Read,
    api::organization::resolve,
    app::App,
    auth::Caller,
    body::{PageView, QueryOf, cursor, limit},
    error::ApiError,
};

/// An account, as its own organization sees it.
#[derive(Debug, Serialize)]
pub struct AccountView {
    id: AccountId,
    external_id: String,
    name: String,
    website: String,
    domain: String,
    owner: String,
    stage: String,
    amount: String,
    created_on: String,
    population: String,
    extra: BTreeMap<String, String>,
    updated_at: Timestamp,
    /// `import`, or the install that keeps it.
    source: String,
    /// As of when it is known to be so.
    synced_at: Timestamp,
}

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    /// A population's key.
    population: Option<String>,
    /// A registrable domain.
    domain: Option<String>,
    /// What name or website begin with.
    q: Option<String>,
}

/// `GET …/accounts`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(org): Path<String>,
    QueryOf(query): QueryOf<AccountQuery>,
) -> Result<Json<PageView<AccountView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let after = cursor(query.cursor.as_deref())?;
    let filter = AccountFilter {
        population: query.population.unwrap_or_default(),
        domain: query.domain.unwrap_or_default(),
        prefix: query.q.unwrap_or_default().trim().to_owned(),
    };
    let page = app.store.accounts(&org.id, &filter, after.as_ref(), limit(query.limit)?).await?;
    let read = Read::own("accounts.read", org.id.as_str(), page.items.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(PageView { items: page.items.into_iter().map(view).collect(), next: page.next }))
}

/// `GET …/accounts/{account}`.
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((org, account)): Path<(String, String)>,
) -> Result<Json<AccountView>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let account: AccountId = account.parse()?;
    let found = app.store.account(&org.id, &account).await?.ok_or_else(ApiError::not_found)?;
    let read = Read::own("accounts.read", account.as_str(), 1);
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(view(found)))
}

/// The one serialiser of an account for its own organization.
pub fn view(account: Account) -> AccountView {
    AccountView {
        id: account.id,
        external_id: account.external_id,
        name: account.name,
        website: account.website,
        domain: account.domain,
        owner: account.owner,
        stage: account.stage,
        amount: account.amount,
        created_on: account.created_on,
        population: account.population,
        extra: account.extra.into_iter().collect(),
        updated_at: account.updated_at,
        source: account.source,
        synced_at: account.synced_at,
    }
}
