//! Accounts as they stand, and the populations that they fall into.
//!
//! Only an import that is applied (`import.rs`) and a run of a live source that
//! ended well (`source.rs`) change accounts, both through `account/staged.rs`;
//! what is not applied yet is never seen here.
//!
//! To add a core field: `0001_start.sql`, [`COLUMNS`], [`account`], the import's
//! row and its revision.
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use venn_domain::{
    account::Account,
    id::{AccountId, OrganizationId, UserId},
    time::Timestamp,
};

use crate::{
    Page, Store, StoreError,
    audit::{self, NewAudit},
    row::Row,
    sql::Sql,
};

mod extra;
pub(crate) mod staged;

/// A named segment of an organization's accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// Its name in rules and grants.
    pub key: String,
    /// Its name for people.
    pub title: String,
    /// How many accounts are in it now.
    pub accounts: u64,
}

/// What a listing of accounts is narrowed to. Every text is empty for all.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// A population's key.
    pub population: String,
    /// A registrable domain.
    pub domain: String,
    /// What name, website or host begin with, whatever the case.
    pub prefix: String,
}

/// As of when an account is known to be so, as `synced_at`: see [`Account::synced_at`].
pub(crate) fn as_of(account: &str) -> String {
    let fresh = format!("SELECT f.fresh_at FROM source f WHERE f.install_id = {account}.source");
    format!(
        "CASE WHEN {account}.synced_at < COALESCE(({fresh}), 0) THEN ({fresh})
              ELSE {account}.synced_at END AS synced_at"
    )
}

/// The columns of an account, in the order of the schema, besides [`as_of`].
const COLUMNS: &str = "id, external_id, name, website, domain, owner, stage, amount,
    created_on, population, extra_json, updated_at, source";

impl Store {
    /// The accounts of an organization, by id.
    pub async fn accounts(
        &self,
        organization: &OrganizationId,
        filter: &AccountFilter,
        after: Option<&AccountId>,
        limit: u32,
    ) -> Result<Page<Account>, StoreError> {
        let mut sql = Sql::default();
        sql.add(&format!(
            "SELECT {COLUMNS}, {} FROM account WHERE organization_id = ",
            as_of("account")
        ));
        sql.text(organization).add(" AND id > ");
        sql.text(after.map(AccountId::as_str).unwrap_or_default());
        // Each filter only where it is asked for, so that its index serves.
        if !filter.population.is_empty() {
            sql.add(" AND population = ").text(&filter.population);
        }
        if !filter.domain.is_empty() {
            sql.add(" AND domain = ").text(&filter.domain.to_ascii_lowercase());
        }
        if !filter.prefix.is_empty() {
            begins_with(&mut sql, &filter.prefix);
        }
        sql.add(" ORDER BY id LIMIT ").number(i64::from(limit) + 1);
        let (rows, more) = sql.page(&mut *self.read().await?, limit as usize).await?;
        let items = rows.iter().map(|row| account(&Row::new("account", row)));
        Ok(Page::of(items.collect::<Result<_, _>>()?, more, |item| item.id.to_string()))
    }

    /// An account of an organization.
    pub async fn account(
        &self,
        organization: &OrganizationId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let mut connection = self.read().await?;
        let sql = format!(
            "SELECT {COLUMNS}, {} FROM account WHERE organization_id = $1 AND id = $2",
            as_of("account")
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| account(&Row::new("account", &row))).transpose()
    }

    /// Makes a population. [`StoreError::Taken`] if the key is there.
    pub async fn create_population(
        &self,
        organization: &OrganizationId,
        key: &str,
        title: &str,
        actor: &UserId,
    ) -> Result<Population, StoreError> {
        let (store, now) = (self.clone(), self.now());
        let entry = NewAudit {
            organization: organization.clone(),
            actor: actor.to_string(),
            action: "population.created",
            subject: key.to_owned(),
            detail: serde_json::json!({}),
        };
        let (key, title) = (key.to_owned(), title.to_owned());
        self.write_data(move |connection| {
            Box::pin(async move {
                insert_population(connection, &entry.organization, &key, &title, now).await?;
                audit::append(&store, connection, &entry).await?;
                Ok(Population { key, title, accounts: 0 })
            })
        })
        .await
    }

    /// The populations of an organization with their counts, by key.
    pub async fn populations(
        &self,
        organization: &OrganizationId,
        after_key: Option<&str>,
        limit: u32,
    ) -> Result<Page<Population>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT population.key AS key, population.title AS title,
                    (SELECT COUNT(*) FROM account
                     WHERE account.organization_id = population.organization_id
                       AND account.population = population.key) AS accounts
             FROM population WHERE population.organization_id = $1 AND population.key > $2
             ORDER BY population.key LIMIT $3",
        )
        .bind(organization.to_string())
        .bind(after_key.unwrap_or_default().to_owned())
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items = rows.iter().map(|row| {
            let row = Row::new("population", row);
            Ok(Population {
                key: row.text("key")?,
                title: row.text("title")?,
                accounts: row.count("accounts")?,
            })
        });
        Ok(Page::cut(items.collect::<Result<_, StoreError>>()?, limit, |item| item.key.clone()))
    }

    /// Those of the keys that the organization has no population for.
    pub async fn unknown_populations(
        &self,
        organization: &OrganizationId,
        keys: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.read().await?;
        let known: Vec<String> =
            sqlx::query_scalar("SELECT key FROM population WHERE organization_id = $1")
                .bind(organization.to_string())
                .fetch_all(&mut *connection)
                .await?;
        Ok(keys.iter().filter(|key| !known.contains(key)).cloned().collect())
    }
}

/// Makes a population in the caller's transaction.
pub(crate) async fn insert_population(
    connection: &mut AnyConnection,
    organization: &OrganizationId,
    key: &str,
    title: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO population (organization_id, key, title, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(organization.to_string())
    .bind(key.to_owned())
    .bind(title.to_owned())
    .bind(now.0)
    .execute(connection)
    .await
    .map_err(StoreError::taken("This population's key"))?;
    Ok(())
}

/// By name, website or host. `lower` knows only ASCII on SQLite, hence the name's
/// key as well; by `substr`, because it has no pattern characters to smuggle in.
fn begins_with(sql: &mut Sql, prefix: &str) {
    let (ascii, all) = (prefix.to_ascii_lowercase(), prefix.to_lowercase());
    let columns = [
        (" AND (", "lower(name)", &ascii),
        (" OR ", "lower(website)", &ascii),
        (" OR ", "host", &ascii),
        (" OR ", "name_key", &all),
    ];
    for (before, column, prefix) in columns {
        let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
        // PostgreSQL's `substr` takes 32 bits.
        sql.add(&format!("{before}substr({column}, 1, CAST(")).number(length);
        sql.add(" AS integer)) = ").text(prefix);
    }
    sql.add(")");
}

/// Reads an account; `extra_json` holds pairs of name and text, in file order.
pub(crate) fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.parsed("id")?,
        external_id: row.text("external_id")?,
        name: row.text("name")?,
        website: row.text("website")?,
        domain: row.text("domain")?,
        owner: row.text("owner")?,
        stage: row.text("stage")?,
        amount: row.text("amount")?,
        created_on: row.text("created_on")?,
        population: row.text("population")?,
        extra: row.json("extra_json")?,
        updated_at: row.time("updated_at")?,
        source: row.text("source")?,
        synced_at: row.time("synced_at")?,
    })
}
