//! What a second factor asks for, once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use super::*;
use crate::{secret::tests, testing::TestStore};

fn keys() -> Arc<Keys> {
    tests::keys("one", &[("one", 1)])
}

const SECRET: &[u8] = b"12345678901234567890";

async fn begun() -> (TestStore, OrganizationId, UserId) {
    let store = TestStore::open().await;
    let acme = store.organization("acme", "customer").await;
    let ann = store.member(&acme, "admin").await;
    let secret = Zeroizing::new(SECRET.to_vec());
    let kept = store.begin_second_factor(keys(), &acme, &ann, secret).await.unwrap();
    assert!(kept);
    (store, acme, ann)
}

async fn uses(store: &Store, user: &UserId, shown: Shown) -> bool {
    let (user, now) = (user.clone(), store.now());
    let work = store.write(move |connection| {
        Box::pin(async move { use_up(connection, &user, &shown, now).await })
    });
    work.await.unwrap()
}

#[tokio::test]
async fn it_asks_for_nothing_before_it_was_confirmed_and_for_no_code_twice_after() {
    let (store, acme, ann) = begun().await;
    assert!(!uses(&store, &ann, Shown::Step(5)).await);
    assert!(store.second_factor(&ann).await.unwrap().unwrap().confirmed_at.is_none());
    let recovery = vec![vec![1; 32], vec![2; 32]];
    let confirm = async |version| {
        store.confirm_second_factor(&acme, &ann, version, 7, recovery.clone()).await
    };
    assert!(!confirm(2).await.unwrap());
    assert!(confirm(1).await.unwrap());
    assert!(!confirm(1).await.unwrap());
    // The step that confirmed it, and those before, are over.
    for (step, good) in [(7, false), (6, false), (8, true), (8, false), (10, true), (9, false)] {
        assert_eq!(uses(&store, &ann, Shown::Step(step)).await, good, "{step}");
    }
    let recover = async |n| uses(&store, &ann, Shown::Recovery(vec![n; 32])).await;
    assert!(recover(1).await && !recover(1).await && !recover(3).await);
    assert_eq!(store.second_factor(&ann).await.unwrap().unwrap().recovery_codes, 1);
    assert!(!store.holds(SECRET));
}

#[tokio::test]
async fn a_new_secret_takes_the_place_of_one_that_waits_and_of_no_other() {
    let (store, acme, ann) = begun().await;
    let begin = async || {
        let secret = Zeroizing::new(b"another".to_vec());
        store.begin_second_factor(keys(), &acme, &ann, secret).await.unwrap()
    };
    assert!(begin().await);
    assert!(!store.confirm_second_factor(&acme, &ann, 1, 7, Vec::new()).await.unwrap());
    let opened = store.open_secret(&keys(), &place(&acme, &ann, 2)).await.unwrap();
    assert_eq!(opened.expose(), b"another");
    assert!(store.confirm_second_factor(&acme, &ann, 2, 7, Vec::new()).await.unwrap());
    assert!(!begin().await);
}

#[tokio::test]
async fn it_goes_with_a_code_or_by_an_admin_of_the_same_organization() {
    let (store, acme, ann) = begun().await;
    assert!(store.confirm_second_factor(&acme, &ann, 1, 7, Vec::new()).await.unwrap());
    let other = store.organization("other", "customer").await;
    let remove = async |organization, shown| {
        store.remove_second_factor(organization, &ann, shown, &ann).await.unwrap()
    };
    assert!(!remove(&acme, Some(Shown::Step(7))).await);
    assert!(!remove(&other, None).await);
    let session = format!(
        "INSERT INTO token (id, organization_id, user_id, name, hash, scopes, expires_at,
             created_at, kind)
         VALUES ('a', '{acme}', '{ann}', '', X'01', '', {}, 0, 'session')",
        i64::MAX
    );
    store.sql(&session).await;
    let ended =
        async || store.number("SELECT COUNT(*) FROM token WHERE revoked_at IS NOT NULL").await;
    assert!(remove(&acme, Some(Shown::Step(8))).await);
    assert_eq!(ended().await, 0);
    assert!(!remove(&acme, None).await);
    let secret = Zeroizing::new(SECRET.to_vec());
    assert!(store.begin_second_factor(keys(), &acme, &ann, secret).await.unwrap());
    assert!(store.confirm_second_factor(&acme, &ann, 1, 9, Vec::new()).await.unwrap());
    assert!(remove(&acme, None).await);
    assert_eq!(ended().await, 1);
    assert_eq!(store.number("SELECT COUNT(*) FROM secret").await, 0);
}

#[tokio::test]
async fn who_has_none_is_logged_out_where_one_is_demanded() {
    let (store, acme, ann) = begun().await;
    assert!(store.confirm_second_factor(&acme, &ann, 1, 7, Vec::new()).await.unwrap());
    let bob = store.member(&acme, "user").await;
    for (user, id) in [(&ann, "a"), (&bob, "b")] {
        store
            .sql(&format!(
                "INSERT INTO token (id, organization_id, user_id, name, hash, scopes, expires_at,
                     created_at, kind)
                 VALUES ('{id}', '{acme}', '{user}', '', X'01', '', {}, 0, 'session')",
                i64::MAX
            ))
            .await;
    }
    assert!(!store.demands_second_factor(&acme).await.unwrap());
    store.demand_second_factor(&acme, true, &ann).await.unwrap();
    assert!(store.demands_second_factor(&acme).await.unwrap());
    assert_eq!(store.text("SELECT id FROM token WHERE revoked_at IS NULL").await, "a");
    // What stays as it is, is not told.
    store.demand_second_factor(&acme, true, &ann).await.unwrap();
    let told = "SELECT COUNT(*) FROM audit WHERE action = 'second-factor.demanded'";
    assert_eq!(store.number(told).await, 1);
}
