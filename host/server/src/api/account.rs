//! Accounts as they stand. Only imports and live sources change them.
use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::{account::Account, id::AccountId, organization::Need, time::Timestamp};
use venn_store::account::AccountFilter;

use crate::{
    accesses::Read,
    api::organization::resolve,
    app::App,
    auth::Caller,
    error::ApiError,
    page::{PageOf, PageView},
};

/// An account, as its own organization sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountView {
    /// The account's id; it stays when the account leaves the list and comes back.
    id: AccountId,
    /// The id that the CRM gave it.
    external_id: String,
    /// Name, as the CRM has it.
    name: String,
    /// Website, as the CRM has it; empty if not known.
    website: String,
    /// The registrable domain of the website; empty if it has none.
    domain: String,
    /// The owner's name in the CRM; empty if not known.
    owner: String,
    /// Stage, as the CRM has it; empty if not known.
    stage: String,
    /// Decimal text without currency; empty if not known.
    amount: String,
    /// `YYYY-MM-DD`; empty if not known.
    created_on: String,
    /// The population's key, for example `customers`.
    population: String,
    /// Further columns that the import was told to keep, by name.
    extra: BTreeMap<String, String>,
    /// When an import or its source last changed it.
    updated_at: Timestamp,
    /// `import`, or the install that keeps it.
    source: String,
    /// As of when it is known to be so.
    synced_at: Timestamp,
}

/// What the listing is narrowed to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountQuery {
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
    page: PageOf<AccountQuery>,
) -> Result<Json<PageView<AccountView>>, ApiError> {
    let org = resolve(&app, &caller, &org, Need::member).await?;
    let wanted = &page.filter;
    let filter = AccountFilter {
        population: wanted.population.clone().unwrap_or_default(),
        domain: wanted.domain.clone().unwrap_or_default(),
        prefix: wanted.q.as_deref().unwrap_or_default().trim().to_owned(),
    };
    let found = app.store.accounts(&org.id, &filter, page.after()?.as_ref(), page.limit).await?;
    let read = Read::own("accounts.read", org.id.as_str(), found.items.len());
    app.accesses.note(&app.store, &caller, &org.id, read).await?;
    Ok(Json(page.view(found, view)))
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
