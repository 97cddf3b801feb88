//! One group, several members: each stands or falls alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use tokio::sync::oneshot;

use crate::{StoreError, testing::TestStore};

/// A write that makes a population, and fails afterwards if told so.
async fn make(store: &TestStore, id: &'static str, fail: bool) -> Result<(), StoreError> {
    store
        .write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO population (organization_id, key, title, created_at)
                     SELECT MIN(id), $1, $1, 0 FROM organization",
                )
                .bind(id)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::taken("This population"))?;
                if fail { Err(StoreError::Secret("a reason of its own")) } else { Ok(()) }
            })
        })
        .await
}

#[tokio::test]
async fn a_member_that_fails_does_not_hurt_its_neighbours_in_the_group() {
    let store = TestStore::open().await;
    store.organization("acme", "customer").await;
    let (open, opened) = oneshot::channel::<()>();
    // While this one is at work, the others gather to one group.
    let first = store.write(move |_| {
        Box::pin(async move {
            let _ = opened.await;
            Ok(())
        })
    });
    let rest = async {
        let gathered = async {
            tokio::join!(
                make(&store, "a", false),
                make(&store, "b", true),
                make(&store, "a", false),
                make(&store, "c", false),
            )
        };
        let (found, ()) = tokio::join!(gathered, async { open.send(()).unwrap() });
        found
    };
    let (first, (a, b, again, c)) = tokio::join!(first, rest);
    first.unwrap();
    a.unwrap();
    c.unwrap();
    assert_eq!(b.unwrap_err().to_string(), "a credential is not available: a reason of its own");
    assert_eq!(again.unwrap_err().to_string(), "already there: This population");
    let there = "SELECT key FROM population WHERE created_at = 0 ORDER BY key";
    assert_eq!(store.texts(there).await, "a c");
}

#[tokio::test]
async fn a_closed_store_has_committed_everything_and_leaves_one_file() {
    let store = TestStore::open().await;
    store.organization("acme", "customer").await;
    let (first, second) = tokio::join!(make(&store, "one", false), make(&store, "two", false));
    assert!(first.is_ok() && second.is_ok());
    store.close().await;
    if store.is_embedded() {
        let log = store.folder().join("venn.db-wal");
        assert!(!log.exists(), "the write-ahead log was not folded into the database");
    }
    assert!(matches!(make(&store, "three", false).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_not_the_next_ones() {
    let store = TestStore::open().await;
    if !store.is_embedded() {
        // A server's disk is the server's: this is the embedded database's.
        return;
    }
    store.organization("acme", "customer").await;
    // This connection may not grow the file; the next one may.
    store.sql("PRAGMA max_page_count = 1").await;
    let big = store.write(|connection| {
        Box::pin(async move {
            sqlx::query("INSERT INTO idempotency VALUES ('t', 'k', zeroblob(10000000), 0, '', 0)")
                .execute(&mut *connection)
                .await?;
            Ok(())
        })
    });
    let failed = big.await.unwrap_err();
    assert!(failed.is_away(), "{failed:?}");
    make(&store, "after", false).await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.text("SELECT key FROM population").await, "after");
}
