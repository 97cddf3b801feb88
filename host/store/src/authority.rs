//! The one number that any change of authority raises.
//!
//! [`raise`] runs inside the transaction of the change. The writer publishes
//! the number to running code once the group is committed: a host call never
//! sees the number before the change, and never the change long before it.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::AnyConnection;

use crate::{Store, StoreError};

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
                self.number.store(u64::MAX, Ordering::Release);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "store.authority.publish failed"
                );
            }
        }
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.get() != u64::MAX
    }

    /// No host call trusts the number from now on, until it was read again.
    pub(crate) fn distrust(&self) {
        self.raised.store(true, Ordering::Release);
        self.number.store(u64::MAX, Ordering::Release);
    }

    pub(crate) async fn publish_now(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<(), StoreError> {
        let number: i64 = sqlx::query_scalar("SELECT number FROM authority WHERE one = 1")
            .fetch_one(connection)
            .await?;
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
    /// The newest authority number that was committed: one atomic load.
    pub fn authority_no(&self) -> u64 {
        self.authority().get()
    }
}
