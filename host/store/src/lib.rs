//! The store: the only crate that speaks SQL.
//!
//! One copy of each query, written for SQLite and PostgreSQL alike (`$n`,
//! text, bigint, blob; JSON as text). Rows are private; what leaves is the
//! domain's vocabulary or a record of this crate. It takes no decisions: it
//! reads what a decision needs, and writes what was decided, in one
//! transaction each.
//!
//! # How to add a query
//! A method on [`Store`] in the file of its noun. Reads take a pooled
//! connection with `self.read()`; writes go through `self.write(…)`, the one
//! writer with group commit, or `self.write_data(…)` where it happens all the time. A change of authority calls `raise_authority` in
//! the same transaction. A bad row is [`StoreError::BadRow`], never a panic.
use futures::{TryStream, TryStreamExt as _};
use sqlx::any::AnyRow;

mod among;
mod database;
mod db;
mod dialect;
mod error;
mod link;
mod many;
mod observe;
#[cfg(test)]
mod power_loss;
mod row;
#[cfg(test)]
mod simulation;
mod sql;
#[cfg(test)]
mod testing;
mod writer;

pub mod account;
pub mod api_usage;
pub mod audit;
pub mod authority;
pub mod backlog;
pub mod blob;
pub mod breaker;
pub mod by;
pub mod connection;
pub mod copy;
pub mod crash;
pub mod delivery;
pub mod detect;
pub mod erasure;
pub mod event;
pub mod idempotency;
pub mod import;
pub mod inbox;
pub mod incident;
pub mod install;
pub mod installation;
pub mod login;
pub mod login_attempt;
pub mod organization;
pub mod overlap;
pub mod pairing;
pub mod partnership;
pub mod password;
pub mod plugin;
pub mod publisher;
pub mod publisher_credential;
pub mod release;
pub mod retention;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod second_factor;
pub mod secret;
pub mod session;
pub mod signing_key;
pub mod source;
pub mod state;
pub mod support;
pub mod timeline;
pub mod token;
pub mod waiting;
pub mod webhook;

pub use database::{BadDatabase, Database, PostgresUrl};
pub use db::{Settings, Store};
pub use error::StoreError;
pub use observe::{Observer, Unobserved};

/// What one page holds as text before it ends early, with at least one item on it: a
/// row may have a megabyte, and two hundred of them would be more than a server has.
const PAGE_BYTES: usize = 4 << 20;

/// One page of a listing: items, and the id after which the next page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, oldest id first unless the method says otherwise.
    pub items: Vec<T>,
    /// The last item's id if there may be more.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Reads a page of rows that carry texts of strangers, at most `limit` of the
    /// `limit + 1` that there may be.
    pub(crate) async fn read(
        rows: impl TryStream<Ok = AnyRow, Error = sqlx::Error> + Unpin,
        limit: u32,
        item: impl Fn(&AnyRow) -> Result<T, StoreError>,
        id: impl Fn(&T) -> String,
    ) -> Result<Self, StoreError> {
        let (rows, more) = page_rows(rows, limit as usize).await?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(Self::of(items, more, id))
    }

    /// Makes a page of what fits on it, with what [`page_rows`] says of the rest.
    pub(crate) fn of(items: Vec<T>, more: bool, id: impl Fn(&T) -> String) -> Self {
        let next = items.last().map(id).filter(|_| more);
        Self { items, next }
    }

    /// Makes a page of `limit` items from up to `limit + 1` that were read.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(id) } else { None };
        Self { items, next }
    }
}

/// The rows that fit on a page, and whether there are more.
pub(crate) async fn page_rows(
    mut rows: impl TryStream<Ok = AnyRow, Error = sqlx::Error> + Unpin,
    limit: usize,
) -> Result<(Vec<AnyRow>, bool), StoreError> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        bytes += row::text_bytes(&row);
        if page.len() == limit || (bytes > PAGE_BYTES && !page.is_empty()) {
            return Ok((page, true));
        }
        page.push(row);
    }
    Ok((page, false))
}
