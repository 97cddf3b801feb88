//! The one number that any change of authority raises.
//!
//! [`raise`] runs inside the transaction of the change. The writer publishes
//! the number to running code once the group is committed: a host call never
//! sees the number before the change, and never the change long before it.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::AnyConnection;

use crate::{Store, StoreError};

/// A number that matches nothing.
const UNKNOWN: u64 = u64::MAX;

const NUMBER: &str = "SELECT number FROM authority WHERE one = 1";

/// The newest committed number, as one atomic.
#[derive(Default)]
pub(crate) struct AuthorityNumber {
    number: AtomicU64,
    raised: AtomicBool,
}

impl AuthorityNumber {
    pub(crate) fn get(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Reads the number back after a group in which somebody raised it. Until
    /// that works the writer tries again after every group, and no host call
    /// trusts the number that it has.
    pub(crate) async fn publish(&self, connection: &mut AnyConnection) {
        if !self.raised.load(Ordering::Acquire) {
            return;
        }
        match self.publish_now(connection).await {
            Ok(()) => self.raised.store(false, Ordering::Release),
            Err(error) => {
                self.number.store(UNKNOWN, Ordering::Release);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "store.authority.publish failed"
                );
            }
        }
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.get() != UNKNOWN
    }

    /// No host call trusts the number from now on, until it was read again.
    pub(crate) fn distrust(&self) {
        self.raised.store(true, Ordering::Release);
        self.number.store(UNKNOWN, Ordering::Release);
    }

    /// Somebody else has raised it so far; what is distrusted stays so.
    fn heard(&self, number: u64) {
        self.number.fetch_max(number, Ordering::AcqRel);
    }

    pub(crate) async fn publish_now(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<(), StoreError> {
        let number: i64 = sqlx::query_scalar(NUMBER).fetch_one(connection).await?;
        self.number.store(number.unsigned_abs(), Ordering::Release);
        Ok(())
    }
}

/// Raises the number in this transaction.
pub(crate) async fn raise(store: &Store, connection: &mut AnyConnection) -> Result<(), StoreError> {
    store.authority().raised.store(true, Ordering::Release);
    sqlx::query("UPDATE authority SET number = number + 1 WHERE one = 1")
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The newest authority number that this server knows of: one atomic load.
    pub fn authority_no(&self) -> u64 {
        self.authority().get()
    }

    /// The newest that was committed, by whichever server. Who is alone knows it; beside
    /// others it is asked for. One that nobody can confirm matches nothing.
    pub async fn confirmed_authority_no(&self) -> u64 {
        let known = self.authority().get();
        // In this order: what was known while it was alone was the newest.
        if self.is_alone() {
            return known;
        }
        match self.read_authority_no().await {
            Ok(number) => {
                self.authority().heard(number);
                number
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "store.authority.confirm failed");
                UNKNOWN
            }
        }
    }

    async fn read_authority_no(&self) -> Result<u64, StoreError> {
        let mut connection = self.read().await?;
        let number: i64 = sqlx::query_scalar(NUMBER).fetch_one(&mut *connection).await?;
        Ok(number.unsigned_abs())
    }
}
