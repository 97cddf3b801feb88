//! How often which token made which call, per day. Counts are added in
//! batches; who asks reads what was added so far.
use std::{fmt, str::FromStr};

use venn_domain::{
    id::{OrganizationId, TokenId},
    limits,
    time::Timestamp,
};

use crate::{Page, Store, StoreError, crash, row::Row};

/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What was counted since the batch before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageCount {
    /// Whose token.
    pub organization: OrganizationId,
    /// The token.
    pub token: TokenId,
    /// The call's operation id.
    pub call: String,
    /// Days since 1970-01-01.
    pub day: i64,
    /// How often.
    pub calls: u64,
    /// How many were refused or failed.
    pub errors: u64,
    /// The last of them.
    pub last_at: Timestamp,
}

/// One token, one call, one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Days since 1970-01-01.
    pub day: i64,
    /// The call's operation id.
    pub call: String,
    /// The token.
    pub token: TokenId,
    /// Its name.
    pub token_name: String,
    /// How often.
    pub calls: u64,
    /// How many were refused or failed.
    pub errors: u64,
    /// The last of them.
    pub last_at: Timestamp,
}

impl UsageRecord {
    /// The day as `YYYY-MM-DD`.
    pub fn day_text(&self) -> String {
        let text = Timestamp(self.day.saturating_mul(DAY_US)).to_string();
        text.split('T').next().unwrap_or_default().to_owned()
    }
}

/// Which records; none means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// One token.
    pub token: Option<TokenId>,
    /// One call.
    pub call: Option<String>,
}

/// Where a page begins: after this record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlace {
    day: i64,
    token: String,
    call: String,
}

impl fmt::Display for UsagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.day, self.token, self.call)
    }
}

impl FromStr for UsagePlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().ok_or("not a day, a token and a call");
        let day = next()?.parse().map_err(|_| "not a day")?;
        Ok(Self { day, token: next()?.to_owned(), call: next()?.to_owned() })
    }
}

impl Store {
    /// Adds what was counted, all of it in one transaction.
    pub async fn add_usage(&self, counts: Vec<UsageCount>) -> Result<(), StoreError> {
        self.write_data(move |connection| {
            Box::pin(async move {
                for count in counts {
                    sqlx::query(
                        "INSERT INTO api_usage
                             (organization_id, day, token_id, call, calls, errors, last_at)
                         VALUES ($1, $2, $3, $4, $5, $6, $7)
                         ON CONFLICT (organization_id, day, token_id, call) DO UPDATE SET
                             calls = api_usage.calls + excluded.calls,
                             errors = api_usage.errors + excluded.errors,
                             last_at = CASE WHEN excluded.last_at > api_usage.last_at
                                 THEN excluded.last_at ELSE api_usage.last_at END",
                    )
                    .bind(count.organization.to_string())
                    .bind(count.day)
                    .bind(count.token.to_string())
                    .bind(count.call)
                    .bind(i64::try_from(count.calls).unwrap_or(i64::MAX))
                    .bind(i64::try_from(count.errors).unwrap_or(i64::MAX))
                    .bind(count.last_at.0)
                    .execute(&mut *connection)
                    .await?;
                }
                crash::point("usage.before-commit");
                Ok(())
            })
        })
        .await
        .inspect(|()| crash::point("usage.committed"))
    }

    /// A page of an organization's records, newest day first.
    pub async fn usage_page(
        &self,
        organization: &OrganizationId,
        filter: &UsageFilter,
        after: Option<&UsagePlace>,
        limit: u32,
    ) -> Result<Page<UsageRecord>, StoreError> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT u.token_id, u.day, u.call, u.calls, u.errors, u.last_at, t.name
             FROM api_usage u JOIN token t ON t.id = u.token_id
             WHERE u.organization_id = $1
               AND ($2 = '' OR u.token_id = $2) AND ($3 = '' OR u.call = $3)
               AND (u.day < $4 OR (u.day = $4 AND (u.token_id > $5
                    OR (u.token_id = $5 AND u.call > $6))))
             ORDER BY u.day DESC, u.token_id, u.call LIMIT $7",
        )
        .bind(organization.to_string())
        .bind(filter.token.as_ref().map(ToString::to_string).unwrap_or_default())
        .bind(filter.call.clone().unwrap_or_default())
        .bind(after.map_or(i64::MAX, |place| place.day))
        .bind(after.map(|place| place.token.clone()).unwrap_or_default())
        .bind(after.map(|place| place.call.clone()).unwrap_or_default())
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *connection)
        .await?;
        let items = rows.iter().map(|row| record(&Row::new("api_usage", row)));
        Ok(Page::cut(items.collect::<Result<_, _>>()?, limit, |item: &UsageRecord| {
            let (token, call) = (item.token.to_string(), item.call.clone());
            UsagePlace { day: item.day, token, call }.to_string()
        }))
    }

    /// Drops what is older than it is kept.
    pub async fn forget_usage(&self) -> Result<(), StoreError> {
        let today = self.now().0.div_euclid(DAY_US);
        let days = i64::try_from(limits::API_USAGE_DAYS).unwrap_or(i64::MAX);
        self.write_data(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM api_usage WHERE day <= $1")
                    .bind(today.saturating_sub(days))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn record(row: &Row<'_>) -> Result<UsageRecord, StoreError> {
    Ok(UsageRecord {
        day: row.number("day")?,
        call: row.text("call")?,
        token: row.parsed("token_id")?,
        token_name: row.text("name")?,
        calls: row.count("calls")?,
        errors: row.count("errors")?,
        last_at: row.time("last_at")?,
    })
}
