//! Kept answers: what a POST with an idempotency key was answered.
//!
//! A key is *reserved* before the request is worked on, so that of two equal
//! requests at the same time only one is; the answer takes the reservation's
//! place. A reservation whose process died stays until the key expires: whether
//! the request took effect is not known then, so it must not run again.
use venn_domain::{id::TokenId, time::Timestamp};

use crate::{Store, StoreError, row::Row};

/// How long an answer is kept: longer than any sensible retry of a client.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// The status of a reservation: no HTTP answer has it.
const IN_PROGRESS: i64 = 0;

/// An answer to give again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SHA-256 of the request that it answered.
    pub request_hash: Vec<u8>,
    /// The HTTP status.
    pub status: u16,
    /// The body, without secrets.
    pub body: String,
}

/// What there is under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// The key is the caller's: work on the request, then keep or release.
    Ours,
    /// A request with this key is being worked on, or was when its process died.
    InProgress {
        /// SHA-256 of that request.
        request_hash: Vec<u8>,
    },
    /// It was answered before.
    Answered(KeptAnswer),
}

impl Store {
    /// Reserves a key, or says what stands under it.
    pub async fn reserve_answer(
        &self,
        token: &TokenId,
        key: &str,
        request_hash: Vec<u8>,
    ) -> Result<Reservation, StoreError> {
        let (token, key, now) = (token.to_string(), key.to_owned(), self.now());
        self.write_data(move |connection| {
            Box::pin(async move {
                // An expired key is free again: the update takes it over.
                let reserved = sqlx::query(
                    "INSERT INTO idempotency (token_id, key, request_hash, status, body, created_at)
                     VALUES ($1, $2, $3, $4, '', $5)
                     ON CONFLICT (token_id, key) DO UPDATE
                     SET request_hash = excluded.request_hash, status = excluded.status,
                         body = '', created_at = excluded.created_at
                     WHERE idempotency.created_at <= $6",
                )
                .bind(token.clone())
                .bind(key.clone())
                .bind(request_hash)
                .bind(IN_PROGRESS)
                .bind(now.0)
                .bind(now.plus_ms(-KEPT_MS).0)
                .execute(&mut *connection)
                .await?;
                if reserved.rows_affected() > 0 {
                    return Ok(Reservation::Ours);
                }
                let row = sqlx::query(
                    "SELECT key, request_hash, status, body FROM idempotency
                     WHERE token_id = $1 AND key = $2",
                )
                .bind(token)
                .bind(key)
                .fetch_one(connection)
                .await?;
                found(&Row::new("idempotency", &row))
            })
        })
        .await
    }

    /// Puts the answer in the reservation's place.
    pub async fn keep_answer(
        &self,
        token: &TokenId,
        key: &str,
        status: u16,
        body: String,
    ) -> Result<(), StoreError> {
        let (token, key) = (token.to_string(), key.to_owned());
        self.write_data(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE idempotency SET status = $1, body = $2 WHERE token_id = $3 AND key = $4",
                )
                .bind(i64::from(status))
                .bind(body)
                .bind(token)
                .bind(key)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Gives a reserved key free: the request failed on our side and changed nothing.
    pub async fn release_answer(&self, token: &TokenId, key: &str) -> Result<(), StoreError> {
        let (token, key) = (token.to_string(), key.to_owned());
        self.write_data(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "DELETE FROM idempotency WHERE token_id = $1 AND key = $2 AND status = $3",
                )
                .bind(token)
                .bind(key)
                .bind(IN_PROGRESS)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Drops expired answers: called now and then.
    pub async fn forget_answers(&self) -> Result<(), StoreError> {
        let before: Timestamp = self.now().plus_ms(-KEPT_MS);
        self.write_data(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM idempotency WHERE created_at <= $1")
                    .bind(before.0)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn found(row: &Row<'_>) -> Result<Reservation, StoreError> {
    let request_hash = row.blob("request_hash")?;
    let status = row.number("status")?;
    if status == IN_PROGRESS {
        return Ok(Reservation::InProgress { request_hash });
    }
    let status = u16::try_from(status).map_err(|_| StoreError::BadRow {
        table: "idempotency",
        column: "status",
        row: "a kept answer".to_owned(),
        reason: "not an HTTP status".to_owned(),
    })?;
    Ok(Reservation::Answered(KeptAnswer { request_hash, status, body: row.text("body")? }))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;
    use crate::testing::TestStore;

    #[tokio::test]
    async fn of_two_equal_requests_at_once_only_one_is_worked_on() {
        let store = TestStore::open().await;
        let token = TokenId::make(store.ids());
        let (one, two) = tokio::join!(
            store.reserve_answer(&token, "k", vec![1]),
            store.reserve_answer(&token, "k", vec![1]),
        );
        let mut both = [one.unwrap(), two.unwrap()];
        both.sort_by_key(|found| *found != Reservation::Ours);
        assert_eq!(both, [Reservation::Ours, Reservation::InProgress { request_hash: vec![1] }]);
    }

    #[tokio::test]
    async fn an_answer_is_given_again_for_a_day_and_belongs_to_the_token() {
        let store = TestStore::open().await;
        let (token, other) = (TokenId::make(store.ids()), TokenId::make(store.ids()));
        assert_eq!(store.reserve_answer(&token, "k", vec![1]).await.unwrap(), Reservation::Ours);
        store.keep_answer(&token, "k", 201, "{}".to_owned()).await.unwrap();
        let kept = KeptAnswer { request_hash: vec![1], status: 201, body: "{}".to_owned() };
        let again = store.reserve_answer(&token, "k", vec![2]).await.unwrap();
        assert_eq!(again, Reservation::Answered(kept));
        assert_eq!(store.reserve_answer(&other, "k", vec![1]).await.unwrap(), Reservation::Ours);
        store.clock.advance_ms(KEPT_MS - 1);
        store.forget_answers().await.unwrap();
        let again = store.reserve_answer(&token, "k", vec![2]).await.unwrap();
        assert!(matches!(again, Reservation::Answered(_)));
        store.clock.advance_ms(1);
        assert_eq!(store.reserve_answer(&token, "k", vec![2]).await.unwrap(), Reservation::Ours);
        store.forget_answers().await.unwrap();
        assert_eq!(store.number("SELECT COUNT(*) FROM idempotency").await, 1);
    }

    #[tokio::test]
    async fn a_failed_request_leaves_its_key_free_but_an_answered_one_does_not() {
        let store = TestStore::open().await;
        let token = TokenId::make(store.ids());
        store.reserve_answer(&token, "k", vec![1]).await.unwrap();
        store.release_answer(&token, "k").await.unwrap();
        assert_eq!(store.reserve_answer(&token, "k", vec![1]).await.unwrap(), Reservation::Ours);
        store.keep_answer(&token, "k", 200, String::new()).await.unwrap();
        store.release_answer(&token, "k").await.unwrap();
        let found = store.reserve_answer(&token, "k", vec![1]).await.unwrap();
        assert!(matches!(found, Reservation::Answered(_)));
    }
}
