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

/// A write that makes a person, and fails afterwards if told so.
async fn make(store: &TestStore, id: &'static str, fail: bool) -> Result<(), StoreError> {
    store
        .write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO person (id, email, name, created_at) VALUES ($1, $1, 'n', 0)",
                )
                .bind(id)
                .execute(&mut *connection)
                .await
                .map_err(StoreError::taken("This person"))?;
                if fail { Err(StoreError::Secret("a reason of its own")) } else { Ok(()) }
            })
        })
        .await
}

#[tokio::test]
async fn a_member_that_fails_does_not_hurt_its_neighbours_in_the_group() {
    let store = TestStore::open().await;
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
    assert_eq!(again.unwrap_err().to_string(), "already there: This person");
    let there = "SELECT group_concat(id, ' ') FROM (SELECT id FROM person ORDER BY id)";
    assert_eq!(store.text(there).await, "a c");
}
