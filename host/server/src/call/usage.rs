//! What calls are made, per token, call and day: counted in memory, written by
//! a worker in batches, so that a read stays a read.
//!
//! A process that is killed loses what it counted since the last batch: these
//! are figures for people, not an audit.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::StatusCode;
use venn_domain::{
    id::{OrganizationId, TokenId},
    time::Timestamp,
};
use venn_store::api_usage::UsageCount;

use crate::auth::Caller;

/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    token: TokenId,
    call: String,
    day: i64,
}

#[derive(Debug)]
struct Count {
    organization: OrganizationId,
    calls: u64,
    errors: u64,
    last_at: Timestamp,
}

/// The counts that are not written yet.
#[derive(Debug, Default)]
pub struct Usage(Mutex<HashMap<Key, Count>>);

impl Usage {
    /// Counts one call.
    pub fn count(&self, caller: Caller, call: &str, status: StatusCode, now: Timestamp) {
        let error = u64::from(status.is_client_error() || status.is_server_error());
        let key = Key { token: caller.token, call: call.to_owned(), day: now.0.div_euclid(DAY_US) };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_insert_with(|| Count {
            organization: caller.principal.organization,
            calls: 0,
            errors: 0,
            last_at: now,
        });
        count.calls += 1;
        count.errors += error;
        count.last_at = count.last_at.max(now);
    }

    /// Puts back what could not be written.
    pub fn put_back(&self, counts: Vec<UsageCount>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for before in counts {
            let key = Key { token: before.token, call: before.call, day: before.day };
            let count = all.entry(key).or_insert_with(|| Count {
                organization: before.organization,
                calls: 0,
                errors: 0,
                last_at: before.last_at,
            });
            count.calls += before.calls;
            count.errors += before.errors;
            count.last_at = count.last_at.max(before.last_at);
        }
    }

    /// Takes what was counted, to write it.
    pub fn take(&self) -> Vec<UsageCount> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let count = |(key, count): (Key, Count)| UsageCount {
            organization: count.organization,
            token: key.token,
            call: key.call,
            day: key.day,
            calls: count.calls,
            errors: count.errors,
            last_at: count.last_at,
        };
        counts.into_iter().map(count).collect()
    }
}
