//! Keys: what is kept, what is not, and what a repeat is answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::sync::Arc;

use venn_domain::{
    id::IdSource,
    time::{Clock, Timestamp},
};

use super::*;
use crate::answer::CreatedOnce;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

impl IdSource for Still {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, 7)
    }
}

async fn store(folder: &tempfile::TempDir) -> Store {
    let settings = venn_store::Settings {
        folder: folder.path().to_owned(),
        database: venn_store::Database::Embedded,
        clock: Arc::new(Still),
        ids: Arc::new(Still),
        observer: Arc::new(venn_store::Unobserved),
    };
    Store::open(settings).await.unwrap()
}

async fn body(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_secret_is_told_once_and_the_repeat_has_null_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (store, token) = (store(&folder).await, TokenId::make(&Still));
    assert!(reserve(&store, &token, "k", vec![1]).await.unwrap().is_none());
    let secret = serde_json::json!({ "id": "t", "token": "venn_secret" });
    let kept = serde_json::json!({ "id": "t", "token": null });
    let work = async move { CreatedOnce::new(&secret, &kept).unwrap().into_response() };
    let first = keep(&store, &token, "k", work).await.unwrap();
    assert_eq!(body(first).await, r#"{"id":"t","token":"venn_secret"}"#);
    let again = reserve(&store, &token, "k", vec![1]).await.unwrap().unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(body(again).await, r#"{"id":"t","token":null}"#);
}

#[tokio::test]
async fn while_a_request_is_worked_on_its_repeat_waits_and_another_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, token) = (store(&folder).await, TokenId::make(&Still));
    assert!(reserve(&store, &token, "k", vec![1]).await.unwrap().is_none());
    let same = reserve(&store, &token, "k", vec![1]).await.unwrap_err();
    assert_eq!((same.code, same.code.status()), (Code::WrongState, StatusCode::CONFLICT));
    let other = reserve(&store, &token, "k", vec![2]).await.unwrap_err();
    assert_eq!(other.code, Code::KeyReused);
}

#[tokio::test]
async fn a_failure_of_ours_a_panic_and_a_refusal_leave_the_key_free() {
    let folder = tempfile::tempdir().unwrap();
    let (store, token) = (store(&folder).await, TokenId::make(&Still));
    reserve(&store, &token, "k", vec![1]).await.unwrap();
    let failed = async { StatusCode::SERVICE_UNAVAILABLE.into_response() };
    keep(&store, &token, "k", failed).await.unwrap();
    assert!(reserve(&store, &token, "k", vec![1]).await.unwrap().is_none());
    let panicked = async { panic!("a bug") };
    let response = keep(&store, &token, "k", panicked).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reserve(&store, &token, "k", vec![1]).await.unwrap().is_none());
    let refused = async { ApiError::not_found().into_response() };
    keep(&store, &token, "k", refused).await.unwrap();
    assert!(reserve(&store, &token, "k", vec![1]).await.unwrap().is_none());
}
