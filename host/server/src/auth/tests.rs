//! Tokens as text, and the first start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use venn_domain::{
    id::IdSource,
    time::{Clock, Timestamp},
};

use super::*;

struct Counted(AtomicU64);

impl Clock for Counted {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

impl IdSource for Counted {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

#[test]
fn a_tokens_text_leads_back_to_its_id_and_hash() {
    let id = TokenId::make(&Counted(AtomicU64::new(7)));
    let (text, hash) = make_token(&id).unwrap();
    let (found, secret) = split_token(&text).unwrap();
    assert!(found == id && secret::fits(secret, &hash) && !secret::fits("", &hash));
    for bad in ["", "venn_", "venn_x_y", "tok_x", "venn_00000000000000000000000007"] {
        assert!(split_token(bad).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn the_first_start_makes_the_platform_and_a_private_token_and_the_second_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = venn_store::Settings {
        folder: folder.path().to_owned(),
        database: venn_store::Database::Embedded,
        clock: Arc::new(Counted(AtomicU64::new(0))),
        ids: Arc::new(Counted(AtomicU64::new(0))),
        observer: Arc::new(venn_store::Unobserved),
    };
    let store = Store::open(settings).await.unwrap();
    // Left by a start that crashed; readable by all.
    let path = folder.path().join("admin.token");
    std::fs::write(folder.path().join("admin.token.new"), "old").unwrap();
    let text = first_token(&store, folder.path()).await.unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), text);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (id, _) = split_token(&text).unwrap();
    let login = store.token_for_login(&id).await.unwrap().unwrap();
    assert!(login.principal.may(Need::platform_admin()).is_ok());
    assert!(first_token(&store, folder.path()).await.unwrap().is_none());

    // Killed before the file had its name: the next start gives it, once.
    let new = folder.path().join("admin.token.new");
    std::fs::rename(&path, &new).unwrap();
    assert!(first_token(&store, folder.path()).await.unwrap().is_none());
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), text);
    std::fs::write(&new, "other").unwrap();
    first_token(&store, folder.path()).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), text);
}
