//! What a token stands for, as of now.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::organization::{Kinds, Role};

use super::*;
use crate::testing::TestStore;

fn new(store: &Store, name: &str) -> NewToken {
    NewToken {
        id: TokenId::make(store.ids()),
        name: name.to_owned(),
        hash: vec![9; 32],
        scopes: vec![Scope::Read, Scope::Publish],
        expires_at: store.now().plus_ms(60_000),
    }
}

#[tokio::test]
async fn a_token_has_the_role_and_the_kind_of_this_moment() {
    let store = TestStore::open().await;
    let org = store.organization("acme", "customer").await;
    let ann = store.member(&org, "admin").await;
    let token = store
        .create_token(&org, &ann, new(&store, "laptop"), Vec::new(), ann.as_str())
        .await
        .unwrap()
        .unwrap();
    let login = store.token_for_login(&token.id).await.unwrap().unwrap();
    assert_eq!(login.principal.role, Role::Admin);
    assert_eq!(login.principal.scopes, [Scope::Read, Scope::Publish]);
    assert_eq!(login.principal.kinds, Kinds { customer: true, ..Kinds::default() });
    assert_eq!((login.revoked, login.expires_at), (false, store.now().plus_ms(60_000)));
    store.sql("UPDATE member SET role = 'support'").await;
    let login = store.token_for_login(&token.id).await.unwrap().unwrap();
    assert_eq!(login.principal.role, Role::Support);
    store.sql("DELETE FROM member").await;
    assert!(store.token_for_login(&token.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_is_made_for_members_only_and_revoked_by_its_own_organization_only() {
    let store = TestStore::open().await;
    let acme = store.organization("acme", "customer").await;
    let other = store.organization("other", "customer").await;
    let (ann, eve) = (store.member(&acme, "admin").await, store.member(&other, "admin").await);
    assert!(
        store
            .create_token(&acme, &eve, new(&store, "x"), Vec::new(), ann.as_str())
            .await
            .unwrap()
            .is_none()
    );
    let token = store
        .create_token(&acme, &ann, new(&store, "laptop"), Vec::new(), ann.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.revoke_token(&other, &token.id, &eve).await.unwrap(), Revoked::NotFound);
    assert!(store.token(&other, &token.id).await.unwrap().is_none());
    assert!(!store.token_for_login(&token.id).await.unwrap().unwrap().revoked);
    assert_eq!(store.revoke_token(&acme, &token.id, &ann).await.unwrap(), Revoked::Done);
    let revoked_at = store.token(&acme, &token.id).await.unwrap().unwrap().revoked_at;
    assert_eq!(revoked_at, Some(store.now()));
    store.clock.advance_ms(5);
    store.revoke_token(&acme, &token.id, &ann).await.unwrap();
    assert_eq!(store.tokens(&acme, None, 5).await.unwrap().items[0].revoked_at, revoked_at);
}

#[tokio::test]
async fn an_unknown_scope_in_the_store_opens_nothing_and_names_its_row() {
    let store = TestStore::open().await;
    let org = store.organization("acme", "customer").await;
    let ann = store.member(&org, "admin").await;
    let token = store
        .create_token(&org, &ann, new(&store, "x"), Vec::new(), ann.as_str())
        .await
        .unwrap()
        .unwrap();
    store.sql("UPDATE token SET scopes = 'read root'").await;
    let error = store.token_for_login(&token.id).await.err().unwrap();
    let expected = format!("bad row in token.scopes, row {}: unknown name", token.id);
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn the_last_token_that_may_manage_an_organization_is_not_revoked() {
    let store = TestStore::open().await;
    let org = store.organization("acme", "customer").await;
    let (ann, bob) = (store.member(&org, "admin").await, store.member(&org, "user").await);
    let make = async |user: &UserId, scopes: &[Scope], ms: i64| {
        let new = NewToken {
            scopes: scopes.to_vec(),
            expires_at: store.now().plus_ms(ms),
            ..new(&store, "x")
        };
        store.create_token(&org, user, new, Vec::new(), ann.as_str()).await.unwrap().unwrap().id
    };
    let last = make(&ann, Scope::ALL, 60_000).await;
    // None of these manages anything: too small, over, and not an admin's.
    let small = make(&ann, &[Scope::Read, Scope::Write], 60_000).await;
    make(&ann, Scope::ALL, 0).await;
    make(&bob, Scope::ALL, 60_000).await;
    let revoke = async |id: &TokenId| store.revoke_token(&org, id, &ann).await.unwrap();
    assert_eq!(revoke(&last).await, Revoked::LastAdminToken);
    assert!(!store.token_for_login(&last).await.unwrap().unwrap().revoked);
    assert_eq!(revoke(&small).await, Revoked::Done);
    let next = make(&ann, &[Scope::Admin], 60_000).await;
    let (one, two) = tokio::join!(revoke(&last), revoke(&next));
    let mut both = [one, two];
    both.sort_by_key(|revoked| *revoked == Revoked::LastAdminToken);
    assert_eq!(both, [Revoked::Done, Revoked::LastAdminToken], "not both at once");
}

#[test]
fn a_tokens_hash_is_not_in_its_debug_text() {
    let token = NewToken {
        id: "tok_00000000000000000000000000".parse().unwrap(),
        name: "n".to_owned(),
        hash: vec![0xab; 3],
        scopes: vec![Scope::Read],
        expires_at: Timestamp(0),
    };
    assert!(!format!("{token:?}").contains("171"));
}
