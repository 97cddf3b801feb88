//! Passwords, invitations and the sessions that hang on them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use venn_domain::{
    id::TokenId,
    organization::{Role, Scope},
};

use super::*;
use crate::{organization::NewPerson, testing::TestStore, token::NewToken};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";

fn invitation(store: &Store) -> NewInvitation {
    NewInvitation { hash: vec![5; 32], expires_at: store.now().plus_ms(1_000) }
}

fn new(store: &Store) -> NewToken {
    NewToken {
        id: TokenId::make(store.ids()),
        name: "browser".to_owned(),
        hash: vec![9; 32],
        scopes: Scope::ALL.to_vec(),
        expires_at: store.now().plus_ms(60_000),
    }
}

/// Acme with an admin, and Bob who has set his password.
async fn acme() -> (TestStore, OrganizationId, UserId, Person) {
    let store = TestStore::open().await;
    let acme = store.organization("acme", "customer").await;
    let ann = store.member(&acme, "admin").await;
    let new = NewPerson { email: "Bob@acme.example".to_owned(), name: "Bob".to_owned() };
    let bob = store.add_member(&acme, new, Role::User, &ann).await.unwrap().user;
    store.invite(&acme, &bob.id, invitation(&store), &ann).await.unwrap().unwrap();
    let with = With::Invitation(vec![5; 32]);
    assert!(store.set_password(&acme, &bob.id, HASH.to_owned(), with).await.unwrap());
    (store, acme, ann, bob)
}

async fn login(store: &Store) -> PasswordLogin {
    store.password_login("acme", "BOB@acme.example").await.unwrap().unwrap()
}

async fn session(store: &Store) -> TokenId {
    let new = new(store);
    let id = new.id.clone();
    assert!(store.create_session(login(store).await, None, new, None).await.unwrap());
    id
}

async fn lives(store: &Store, id: &TokenId) -> bool {
    store.token_for_login(id).await.unwrap().is_some_and(|login| !login.revoked)
}

#[tokio::test]
async fn an_invitation_is_used_once_and_a_newer_one_takes_its_place() {
    let (store, acme, ann, bob) = acme().await;
    let set = async |hash: u8| {
        let with = With::Invitation(vec![hash; 32]);
        store.set_password(&acme, &bob.id, "other".to_owned(), with).await.unwrap()
    };
    assert!(!set(5).await);
    store.invite(&acme, &bob.id, invitation(&store), &ann).await.unwrap().unwrap();
    // Nobody gets in with the old one from that moment on.
    assert_eq!(login(&store).await.hash, None);
    let newer = NewInvitation { hash: vec![6; 32], ..invitation(&store) };
    store.invite(&acme, &bob.id, newer, &ann).await.unwrap().unwrap();
    assert!(!set(5).await);
    assert!(set(6).await);
    assert!(store.invitation(&bob.id).await.unwrap().is_none());
    assert_eq!(login(&store).await.hash.as_deref(), Some("other"));
}

#[tokio::test]
async fn only_a_member_is_invited_or_found() {
    let (store, acme, ann, bob) = acme().await;
    let other = store.organization("other", "customer").await;
    assert!(store.invite(&other, &bob.id, invitation(&store), &ann).await.unwrap().is_none());
    for (organization, email) in
        [("other", "bob@acme.example"), ("acme", "bob"), ("nowhere", "bob@acme.example"), ("", "")]
    {
        assert!(store.password_login(organization, email).await.unwrap().is_none());
    }
    assert_eq!(login(&store).await.organization, acme);
}

#[tokio::test]
async fn a_session_ends_with_what_it_was_made_on() {
    let (store, acme, ann, bob) = acme().await;
    let changed = async |from: &str, to: &str| {
        let with = With::Password(from.to_owned());
        store.set_password(&acme, &bob.id, to.to_owned(), with).await.unwrap()
    };
    let first = session(&store).await;
    let token =
        store.create_token(&acme, &bob.id, new(&store), Vec::new(), "host").await.unwrap().unwrap();
    assert!(!changed("wrong", "x").await && lives(&store, &first).await);
    assert!(changed(HASH, "second").await);
    assert!(!lives(&store, &first).await);
    // A program's token is not a login.
    assert!(lives(&store, &token.id).await);
    let second = session(&store).await;
    store.set_role(&acme, &bob.id, Role::Support, &ann).await.unwrap();
    assert!(!lives(&store, &second).await);
    let third = session(&store).await;
    store.invite(&acme, &bob.id, invitation(&store), &ann).await.unwrap().unwrap();
    assert!(!lives(&store, &third).await);
    let with = With::Invitation(vec![5; 32]);
    assert!(store.set_password(&acme, &bob.id, HASH.to_owned(), with).await.unwrap());
    let fourth = session(&store).await;
    store.remove_member(&acme, &bob.id, &ann).await.unwrap();
    assert!(!lives(&store, &fourth).await);
    // Who comes back does not bring the old password along.
    let again = NewPerson { email: "bob@acme.example".to_owned(), name: String::new() };
    store.add_member(&acme, again, Role::User, &ann).await.unwrap();
    assert_eq!(login(&store).await.hash, None);
}

#[tokio::test]
async fn a_password_that_changed_in_between_makes_no_session() {
    let (store, acme, _, bob) = acme().await;
    let before = login(&store).await;
    let with = With::Password(HASH.to_owned());
    assert!(store.set_password(&acme, &bob.id, "second".to_owned(), with).await.unwrap());
    assert!(!store.create_session(before, None, new(&store), None).await.unwrap());
    assert_eq!(store.number("SELECT COUNT(*) FROM token WHERE kind = 'session'").await, 0);
}

#[tokio::test]
async fn sessions_are_no_tokens_to_an_admin_and_no_way_to_manage_alone() {
    let (store, acme, ann, bob) = acme().await;
    let own = session(&store).await;
    assert!(store.tokens(&acme, None, 10).await.unwrap().items.is_empty());
    let listed = store.sessions(&bob.id, None, 10).await.unwrap().items;
    assert_eq!(listed.iter().map(|one| &one.id).collect::<Vec<_>>(), [&own]);
    assert!(store.sessions(&ann, None, 10).await.unwrap().items.is_empty());
    assert!(!store.end_session(&acme, &ann, &own).await.unwrap());
    assert!(store.end_session(&acme, &bob.id, &own).await.unwrap());
    assert!(!store.end_session(&acme, &bob.id, &own).await.unwrap());
    assert!(!lives(&store, &own).await);
}
