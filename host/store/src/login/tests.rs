//! What is remembered of a login, and when it is not any more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::{fs, path::Path};

use venn_domain::organization::Scope;

use super::*;
use crate::{StoreError, testing::TestStore, token::NewToken};

/// A store with a token of an admin.
async fn with_token() -> (TestStore, TokenId) {
    let store = TestStore::open().await;
    let org = store.organization("acme", "customer").await;
    let ann = store.member(&org, "admin").await;
    let new = NewToken {
        id: TokenId::make(store.ids()),
        name: "laptop".to_owned(),
        hash: vec![9; 32],
        scopes: vec![Scope::Read],
        expires_at: store.now().plus_ms(60_000),
    };
    let id = new.id.clone();
    store.create_token(&org, &ann, new, Vec::new(), ann.as_str()).await.unwrap().unwrap();
    (store, id)
}

async fn role(store: &TestStore, id: &TokenId) -> Role {
    store.token_for_login(id).await.unwrap().unwrap().principal.role
}

/// What no code of ours does: to see whether the database is asked.
async fn change_unnoticed(store: &TestStore, role: &'static str) {
    let changed = store.write_data(move |connection| {
        Box::pin(async move {
            let sql = "UPDATE member SET role = $1";
            sqlx::query(sql).bind(role).execute(connection).await?;
            Ok::<_, StoreError>(())
        })
    });
    changed.await.unwrap();
}

#[tokio::test]
async fn a_login_is_read_once_until_anything_else_is_written() {
    let (store, id) = with_token().await;
    assert_eq!(role(&store, &id).await, Role::Admin);
    change_unnoticed(&store, "support").await;
    assert_eq!(role(&store, &id).await, Role::Admin);
    store.organization("globex", "customer").await;
    assert_eq!(role(&store, &id).await, Role::Support);
}

#[tokio::test]
async fn who_asked_for_the_write_may_go_away_before_it_is_done() {
    let (store, id) = with_token().await;
    assert_eq!(role(&store, &id).await, Role::Admin);
    let mut asked = Box::pin(store.sql("UPDATE member SET role = 'support'"));
    assert!(futures::poll!(&mut asked).is_pending());
    drop(asked);
    // The one writer takes what comes later after it, and forgets nothing for it.
    change_unnoticed(&store, "user").await;
    assert_eq!(role(&store, &id).await, Role::User);
}

#[tokio::test]
async fn an_unknown_token_is_not_remembered() {
    let (store, id) = with_token().await;
    let other = TokenId::make(store.ids());
    assert!(store.token_for_login(&other).await.unwrap().is_none());
    let moved = other.to_string();
    let renamed = store.write_data(move |connection| {
        Box::pin(async move {
            sqlx::query("UPDATE token SET id = $1").bind(moved).execute(connection).await?;
            Ok::<_, StoreError>(())
        })
    });
    renamed.await.unwrap();
    assert_eq!(role(&store, &other).await, Role::Admin);
    assert!(store.token_for_login(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_write_overtook_and_what_was_read_before_an_outage_does_not_count() {
    let (store, id) = with_token().await;
    let login = store.token_for_login(&id).await.unwrap().unwrap();
    let authority = Arc::new(AuthorityNumber::default());
    let logins = Logins::new(authority.clone(), Arc::new(Among::nobody()));
    let before = logins.generation();
    logins.forget();
    logins.keep(&id, before, login.clone());
    assert!(logins.get(&id, logins.generation()).is_none());
    logins.keep(&id, logins.generation(), login);
    assert!(logins.get(&id, logins.generation()).is_some());
    authority.distrust();
    assert!(logins.get(&id, logins.generation()).is_none());
}

#[test]
fn what_is_written_as_data_concerns_no_login() {
    let mut looked_at = 0;
    look(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut looked_at);
    assert!(looked_at > 10, "only {looked_at} files write data");
}

/// Every file below that writes data and is no test.
fn look(folder: &Path, looked_at: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "tests") {
                look(&path, looked_at);
            }
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let ours = ["login.rs", "db.rs", "tests.rs"].iter().any(|name| path.ends_with(name));
        if ours || !text.contains("write_data(") {
            continue;
        }
        *looked_at += 1;
        for verb in ["INSERT INTO", "UPDATE", "DELETE FROM"] {
            for table in ["token", "member", "organization", "person", "support_grant", "password"]
            {
                let begin = format!("{verb} {table}");
                let found = text.split(&begin).skip(1);
                let writes = found.filter(|rest| rest.starts_with([' ', '\n'])).count();
                assert_eq!(writes, 0, "{} writes a {table} as data", path.display());
            }
        }
    }
}
