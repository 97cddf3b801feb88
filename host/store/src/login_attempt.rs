//! Attempts to log in, of each source at each account: what the domain decides by
//! ([`venn_domain::attempt`]). They are rows, so that every server counts the same, and a
//! start forgets none.
use std::net::IpAddr;

use sqlx::AnyConnection;
use venn_domain::{
    attempt::{TOGETHER, Together, Tried},
    throttle::{Failures, Spent},
    time::Timestamp,
};

use crate::{Store, StoreError, row::Row};

/// What is remembered at most, of each kind; who is known stays longest.
const REMEMBERED: i64 = 100_000;

/// Who tries what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which account is tried, whether or not there is one; a hash.
    pub account: String,
    /// From where.
    pub address: IpAddr,
    /// The browser, if it is one in which that very person has logged in before.
    pub browser: Option<String>,
}

impl Source {
    fn place(&self) -> String {
        self.browser.as_ref().map_or_else(|| self.address.to_string(), |name| format!("b:{name}"))
    }

    /// The key of those with whom it is counted.
    fn together(&self, together: Together) -> String {
        match together {
            Together::Address => self.address.to_string(),
            Together::Browsers => format!("a:{}", self.account),
        }
    }
}

/// An attempt that may be made. It counts as failed until it is said otherwise.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    source: Source,
    /// Somebody has logged in from there before.
    pub is_known: bool,
    /// Nothing was remembered of this source.
    pub is_new: bool,
    together: Option<String>,
    before: Failures,
    after: Failures,
}

/// What is remembered of a source, and may be tried.
struct Judged {
    tried: Tried,
    is_new: bool,
    together: Option<(String, Spent)>,
}

impl Store {
    /// Begins an attempt, or says how many milliseconds to wait before it is made.
    pub async fn begin_attempt(&self, source: Source) -> Result<Result<Attempt, u64>, StoreError> {
        let now = self.now();
        // Who waits writes nothing.
        let mut connection = self.read().await?;
        let judged = judge(&mut connection, &source, now).await?;
        drop(connection);
        if let Err(wait_ms) = judged {
            return Ok(Err(wait_ms));
        }
        self.write_data(move |connection| {
            Box::pin(async move { begin(connection, source, now).await })
        })
        .await
    }

    /// It was right: nothing of it counts, and the source is known.
    pub async fn attempt_succeeded(&self, attempt: Attempt) -> Result<(), StoreError> {
        let now = self.now();
        self.write_data(move |connection| {
            Box::pin(async move {
                give_back(connection, &attempt).await?;
                let Attempt { source, .. } = attempt;
                let tried = Tried::ended_well(now);
                keep(connection, (&source.account, &source.place()), &tried, now).await?;
                if source.browser.is_some() {
                    // The address counts as well: not every client keeps a cookie.
                    let address = source.address.to_string();
                    let key = (source.account.as_str(), address.as_str());
                    let known = tried_of(connection, key).await?.unwrap_or_default();
                    let tried = Tried { succeeded: Some(now), ..known };
                    keep(connection, key, &tried, now).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The attempt was not made after all.
    pub async fn take_back_attempt(&self, attempt: Attempt) -> Result<(), StoreError> {
        let now = self.now();
        self.write_data(move |connection| {
            Box::pin(async move {
                give_back(connection, &attempt).await?;
                let place = attempt.source.place();
                let key = (attempt.source.account.as_str(), place.as_str());
                if let Some(mut tried) = tried_of(connection, key).await? {
                    tried.failures.take_back(attempt.before, attempt.after);
                    keep(connection, key, &tried, now).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Forgets what is over, and what is too much.
    pub async fn sweep_login_attempts(&self) -> Result<(), StoreError> {
        let now = self.now();
        self.write_data(move |connection| Box::pin(async move { sweep(connection, now).await }))
            .await
    }
}

async fn judge(
    connection: &mut AnyConnection,
    source: &Source,
    now: Timestamp,
) -> Result<Result<Judged, u64>, StoreError> {
    let tried = tried_of(connection, (&source.account, &source.place())).await?;
    let (is_new, tried) = (tried.is_none(), tried.unwrap_or_default());
    let wait_ms = tried.failures.wait_ms(now);
    if wait_ms > 0 {
        return Ok(Err(wait_ms));
    }
    let Some(together) = tried.together(source.browser.is_some(), now) else {
        return Ok(Ok(Judged { tried, is_new, together: None }));
    };
    let key = source.together(together);
    let until: Option<i64> =
        sqlx::query_scalar("SELECT spent_until FROM login_together WHERE source = $1")
            .bind(key.clone())
            .fetch_optional(connection)
            .await?;
    let spent = Spent::kept(Timestamp(until.unwrap_or_default()));
    let wait_ms = spent.wait_ms(TOGETHER, now);
    if wait_ms > 0 {
        return Ok(Err(wait_ms));
    }
    Ok(Ok(Judged { tried, is_new, together: Some((key, spent)) }))
}

async fn begin(
    connection: &mut AnyConnection,
    source: Source,
    now: Timestamp,
) -> Result<Result<Attempt, u64>, StoreError> {
    let Judged { tried, is_new, together } = match judge(connection, &source, now).await? {
        Ok(judged) => judged,
        Err(wait_ms) => return Ok(Err(wait_ms)),
    };
    let mut counted_with = None;
    if let Some((key, mut spent)) = together {
        if let Err(wait_ms) = spent.spend(TOGETHER, now) {
            return Ok(Err(wait_ms));
        }
        keep_together(connection, &key, spent).await?;
        counted_with = Some(key);
    }
    let begun = tried.begun(now);
    keep(connection, (&source.account, &source.place()), &begun, now).await?;
    Ok(Ok(Attempt {
        is_known: tried.is_known(source.browser.is_some(), now),
        is_new,
        source,
        together: counted_with,
        before: tried.failures,
        after: begun.failures,
    }))
}

async fn tried_of(
    connection: &mut AnyConnection,
    (account, place): (&str, &str),
) -> Result<Option<Tried>, StoreError> {
    let row = sqlx::query(
        "SELECT place, failures, failed_at, succeeded_at FROM login_attempt
         WHERE account = $1 AND place = $2",
    )
    .bind(account.to_owned())
    .bind(place.to_owned())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new("login_attempt", &row);
    let count = u32::try_from(row.count("failures")?).unwrap_or(u32::MAX);
    Ok(Some(Tried {
        failures: Failures::kept(count, row.time("failed_at")?),
        succeeded: row.time_or_none("succeeded_at")?,
    }))
}

async fn keep(
    connection: &mut AnyConnection,
    (account, place): (&str, &str),
    tried: &Tried,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (count, last) = tried.failures.to_keep();
    sqlx::query(
        "INSERT INTO login_attempt (account, place, failures, failed_at, succeeded_at, touched_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account, place) DO UPDATE
         SET failures = excluded.failures, failed_at = excluded.failed_at,
             succeeded_at = excluded.succeeded_at, touched_at = excluded.touched_at",
    )
    .bind(account.to_owned())
    .bind(place.to_owned())
    .bind(i64::from(count))
    .bind(last.0)
    .bind(tried.succeeded.map(|at| at.0))
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_together(
    connection: &mut AnyConnection,
    source: &str,
    spent: Spent,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO login_together (source, spent_until) VALUES ($1, $2)
         ON CONFLICT (source) DO UPDATE SET spent_until = excluded.spent_until",
    )
    .bind(source.to_owned())
    .bind(spent.to_keep().0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes one back of those with whom it was counted.
async fn give_back(connection: &mut AnyConnection, attempt: &Attempt) -> Result<(), StoreError> {
    let Some(source) = &attempt.together else { return Ok(()) };
    let until: Option<i64> =
        sqlx::query_scalar("SELECT spent_until FROM login_together WHERE source = $1")
            .bind(source.clone())
            .fetch_optional(&mut *connection)
            .await?;
    let Some(until) = until else { return Ok(()) };
    let mut spent = Spent::kept(Timestamp(until));
    spent.give_back(TOGETHER);
    keep_together(connection, source, spent).await
}

async fn sweep(connection: &mut AnyConnection, now: Timestamp) -> Result<(), StoreError> {
    let (failed, succeeded) = Tried::forgotten(now);
    sqlx::query(
        "DELETE FROM login_attempt WHERE (failures = 0 OR failed_at <= $1)
             AND (succeeded_at IS NULL OR succeeded_at <= $2)",
    )
    .bind(failed.0)
    .bind(succeeded.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM login_together WHERE spent_until <= $1")
        .bind(now.0)
        .execute(&mut *connection)
        .await?;
    for too_much in [
        "DELETE FROM login_attempt WHERE succeeded_at IS NULL AND touched_at <=
             (SELECT touched_at FROM login_attempt WHERE succeeded_at IS NULL
              ORDER BY touched_at DESC LIMIT 1 OFFSET $1)",
        "DELETE FROM login_attempt WHERE succeeded_at IS NOT NULL AND touched_at <=
             (SELECT touched_at FROM login_attempt WHERE succeeded_at IS NOT NULL
              ORDER BY touched_at DESC LIMIT 1 OFFSET $1)",
        "DELETE FROM login_together WHERE spent_until <=
             (SELECT spent_until FROM login_together
              ORDER BY spent_until DESC LIMIT 1 OFFSET $1)",
    ] {
        sqlx::query(too_much).bind(REMEMBERED).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
