//! Several servers on one PostgreSQL database. Each test needs a server: without one there
//! is nothing here to be tested.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
use futures::future::join_all;
use serde_json::json;
use venn_cluster::Scratch;
use venn_domain::{id::TokenId, organization::Scope};

use crate::{
    Settings, Store, StoreError,
    audit::NewAudit,
    authority,
    testing::{TestStore, counted_from, settings},
    token::NewToken,
};

/// Two servers that have joined one database: one that was there, and one that came.
struct Two {
    first: TestStore,
    second: Store,
    _folder: tempfile::TempDir,
}

impl Two {
    async fn joined() -> Option<Self> {
        let scratch = Scratch::from_environment().unwrap()?;
        let first = TestStore::open_beside(tempfile::tempdir().unwrap(), scratch).await;
        assert!(first.is_alone() && first.leads());
        let folder = tempfile::tempdir().unwrap();
        let second = another(&first, &folder, 1).await.unwrap();
        Some(Self { first, second, _folder: folder })
    }
}

/// One more server on the database.
async fn another(
    first: &TestStore,
    folder: &tempfile::TempDir,
    number: u64,
) -> Result<Store, StoreError> {
    let database = first.database();
    let ids = counted_from(1_000_000 * number);
    Store::open_beside(Settings { database, ids, ..settings(folder.path()) }).await
}

/// Waits until it is so: by itself, within a look or two.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        tokio::task::yield_now().await;
    }
}

async fn raise(store: &Store) {
    try_raise(store).await.unwrap();
}

async fn try_raise(store: &Store) -> Result<(), StoreError> {
    let raising = store.clone();
    let raised = store.write(move |connection| {
        Box::pin(async move { authority::raise(&raising, connection).await })
    });
    raised.await
}

#[tokio::test]
async fn who_comes_serves_once_the_other_confirms_what_it_knows() {
    let Some(two) = Two::joined().await else { return };
    for store in [&two.first, &two.second] {
        assert!(!store.is_alone());
        store.ping().await.unwrap();
    }
    assert!(two.first.leads() && !two.second.leads(), "one of them leads");
    for (one, other) in [(&*two.first, &two.second), (&two.second, &*two.first)] {
        let before = other.confirmed_authority_no().await;
        raise(one).await;
        assert_eq!(other.confirmed_authority_no().await, before + 1, "at the next question");
    }
}

#[tokio::test]
async fn a_token_that_ends_at_one_has_ended_at_the_other() {
    let Some(two) = Two::joined().await else { return };
    let org = two.first.organization("acme", "customer").await;
    let ann = two.first.member(&org, "admin").await;
    let id = TokenId::make(two.first.ids());
    let new = NewToken {
        id: id.clone(),
        name: "laptop".to_owned(),
        hash: vec![9; 32],
        scopes: vec![Scope::Read],
        expires_at: two.first.now().plus_ms(60_000),
    };
    two.first.create_token(&org, &ann, new, Vec::new(), ann.as_str()).await.unwrap().unwrap();
    for store in [&*two.first, &two.second] {
        assert!(!store.token_for_login(&id).await.unwrap().unwrap().revoked);
    }
    two.second.revoke_token(&org, &id, &ann).await.unwrap();
    for store in [&*two.first, &two.second] {
        assert!(store.token_for_login(&id).await.unwrap().unwrap().revoked);
    }
}

#[tokio::test]
async fn writes_of_several_are_one_after_the_other() {
    let Some(two) = Two::joined().await else { return };
    let org = two.first.organization("acme", "customer").await;
    let entry = |number: usize| NewAudit {
        organization: org.clone(),
        actor: "host".to_owned(),
        action: "test",
        subject: number.to_string(),
        detail: json!({}),
    };
    let writes = (0..200).map(|number| {
        let store = if number % 2 == 0 { &*two.first } else { &two.second };
        store.audit(vec![entry(number)])
    });
    for written in join_all(writes).await {
        written.unwrap();
    }
    // A link that two had made of the same one before would break the chain.
    let verified = two.first.verify_audit(&org, None).await.unwrap();
    assert_eq!(two.second.audit_head(&org).await.unwrap().seq, 200, "{verified:?}");
}

#[tokio::test]
async fn a_long_write_of_one_holds_up_the_other_and_fails_nothing() {
    let Some(two) = Two::joined().await else { return };
    let (open, opened) = tokio::sync::oneshot::channel::<()>();
    let slow = two.first.write_data(move |_| {
        Box::pin(async move {
            let _ = opened.await;
            Ok(())
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let database = two.first.database();
    let meanwhile = async {
        let waits = raise(&two.second);
        let seen = async {
            // Its turn is waited for in parts: until the second of them has begun.
            let mut looker = database.connect(folder.path(), false).await.unwrap();
            let mut begun = std::collections::BTreeSet::new();
            while begun.len() < 2 {
                let since: Option<String> = sqlx::query_scalar(
                    "SELECT CAST(MIN(waitstart) AS text) FROM pg_locks
                     WHERE locktype = 'advisory' AND NOT granted AND waitstart IS NOT NULL",
                )
                .fetch_one(&mut looker)
                .await
                .unwrap();
                begun.extend(since);
            }
            open.send(()).unwrap();
        };
        tokio::join!(waits, seen)
    };
    let (slow, _) = tokio::join!(slow, meanwhile);
    slow.unwrap();
    two.second.ping().await.unwrap();
}

#[tokio::test]
async fn who_is_left_is_alone_again_and_leads() {
    let Some(two) = Two::joined().await else { return };
    let before = two.second.authority_no();
    raise(&two.first).await;
    two.first.close().await;
    until(async || two.second.is_alone() && two.second.leads()).await;
    assert_eq!(two.second.authority_no(), before + 1, "what it was told before is forgotten");
    raise(&two.second).await;
    assert_eq!(two.second.confirmed_authority_no().await, before + 2);
}

#[tokio::test]
async fn who_loses_its_session_joins_again_and_believes_nothing_meanwhile() {
    let Some(two) = Two::joined().await else { return };
    let before = two.first.confirmed_authority_no().await;
    two.first
        .scratch()
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
    // What is written over a session that is gone is not written, and says so.
    for store in [&*two.first, &two.second] {
        until(async || try_raise(store).await.is_ok()).await;
    }
    until(async || !two.first.is_alone() && !two.second.is_alone()).await;
    assert_eq!(two.first.confirmed_authority_no().await, before + 2);
    assert_ne!(two.first.leads(), two.second.leads(), "one of them leads");
    raise(&two.second).await;
    assert_eq!(two.first.confirmed_authority_no().await, before + 3);
}

#[tokio::test]
async fn a_database_that_lacks_steps_is_not_brought_up_to_date_under_others() {
    let Some(two) = Two::joined().await else { return };
    let last = two.first.number("SELECT MAX(version) FROM _sqlx_migrations").await;
    two.first.sql(&format!("DELETE FROM _sqlx_migrations WHERE version = {last}")).await;
    let before = two.first.number("SELECT MAX(version) FROM _sqlx_migrations").await;
    let folder = tempfile::tempdir().unwrap();
    let refused = another(&two.first, &folder, 2).await.err().unwrap();
    assert_eq!(
        refused.to_string(),
        format!(
            "the database has schema {before}, this program needs {last}, and other servers use the database; stop them all, then start this one"
        )
    );
}

#[tokio::test]
async fn who_wants_the_database_for_itself_is_told_that_others_have_it() {
    let Some(two) = Two::joined().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { database: two.first.database(), ..settings(folder.path()) };
    let refused = Store::open(settings).await.err().unwrap();
    assert!(matches!(refused, StoreError::InUse), "{refused}");
    two.first.ping().await.unwrap();
}

#[tokio::test]
async fn an_embedded_database_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_beside(settings(folder.path())).await.unwrap();
    assert!(store.is_alone() && store.leads());
}
