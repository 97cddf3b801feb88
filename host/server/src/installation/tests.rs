//! Folders, databases and keys that belong together, and those that do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use venn_domain::{
    id::{ReleaseId, SigningKeyId},
    manifest::Manifest,
    signing::Statement,
    time::Timestamp,
};
use venn_store::{
    plugin::{Change, OwnerKind},
    release::{NewRelease, NewSignature, Uploaded},
    signing_key::{NewSigningKey, Right},
};

use super::*;
use crate::{auth::first_token, signing::PrivateKey};

struct Counted(AtomicU64);

impl Clock for Counted {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

impl IdSource for Counted {
    fn next(&self) -> (u64, u128) {
        (1_764_000_000_000, u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn counted(from: u64) -> Arc<Counted> {
    Arc::new(Counted(AtomicU64::new(from)))
}

/// What a start does, as far as it is about what belongs together.
async fn start(data: &Path) -> anyhow::Result<(Store, Keys)> {
    let keys = keys(data, &Database::Embedded).await?;
    let store = open(data, &Database::Embedded, counted(0), counted(1)).await?;
    first_token(&store, data).await?;
    store.keep_fingerprint(&keys.fingerprint).await?;
    Ok((store, keys))
}

async fn begun() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = start(folder.path()).await.unwrap();
    store.close().await;
    folder
}

/// Why a start is refused, with the folder as DATA.
async fn refused(data: &Path, database: &Database) -> String {
    match keys(data, database).await {
        Ok(_) => panic!("not refused"),
        Err(error) => {
            let refused = error.downcast::<Refused>().unwrap();
            refused.to_string().replace(&data.display().to_string(), "DATA")
        }
    }
}

#[tokio::test]
async fn rows_without_their_keys_are_not_served_and_no_keys_are_made() {
    let folder = begun().await;
    std::fs::remove_file(folder.path().join("keys.json")).unwrap();
    assert_eq!(
        refused(folder.path(), &Database::Embedded).await,
        format!(
            "There are no keys, and DATA/venn.db is sealed with some. (DATA/keys.json) {GIVE_KEYS}"
        )
    );
    assert!(!folder.path().join("keys.json").exists());
    // Another installation's are not these.
    let other = begun().await;
    std::fs::copy(other.path().join("keys.json"), folder.path().join("keys.json")).unwrap();
    assert_eq!(
        refused(folder.path(), &Database::Embedded).await,
        format!(
            "These are not the keys that DATA/venn.db is sealed with. (DATA/keys.json) {GIVE_KEYS}"
        )
    );
}

#[tokio::test]
async fn rotated_keys_are_still_the_keys() {
    let folder = begun().await;
    let data = folder.path().to_owned();
    let rotating = tokio::task::spawn_blocking(move || keys::rotate(&data, Database::Embedded));
    rotating.await.unwrap().unwrap();
    start(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_used_folder_begins_no_second_platform() {
    let folder = begun().await;
    let token = std::fs::read_to_string(folder.path().join("admin.token")).unwrap();
    for name in ["venn.db", "venn.db-wal", "venn.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    assert_eq!(
        refused(folder.path(), &Database::Embedded).await,
        "A server has used this data folder (there is `admin.token`), and its rows are not in DATA/venn.db: no server has begun there. (DATA) Name the database that belongs to the folder (--database or VENN_DATABASE if it is PostgreSQL), or restore it from a backup. For a new installation, name an empty folder."
    );
    assert!(!folder.path().join("venn.db").exists());
    assert_eq!(std::fs::read_to_string(folder.path().join("admin.token")).unwrap(), token);
}

#[tokio::test]
async fn a_folder_with_rows_takes_no_other_database() {
    let folder = begun().await;
    // Nobody answers there: it is refused before anyone is asked.
    let database = "postgres://venn@127.0.0.1:1/venn".parse().unwrap();
    assert_eq!(
        refused(folder.path(), &database).await,
        "The data folder has rows of its own (venn.db), and PostgreSQL database `venn` at 127.0.0.1:1 was named as the database. (DATA) Leave --database and VENN_DATABASE out to use the folder's rows; or name the data folder that belongs to this database. There is no move from one to the other."
    );
}

/// A signed release of the platform's own, and one with a signature of something else.
async fn releases(store: &Store, keys: &Keys) -> [ReleaseId; 2] {
    let (organization, user) = store.platform_admin().await.unwrap();
    let private = PrivateKey::make().unwrap();
    let id = SigningKeyId::make(store.ids());
    let seal = signing::seal_key(keys, &id, &organization, &private.public_key(), None);
    let new = NewSigningKey {
        id: id.clone(),
        organization: organization.clone(),
        name: "laptop".to_owned(),
        public_key: private.public_key(),
        seal,
        right: Right::First,
        actor: user.clone(),
    };
    assert!(matches!(store.register_signing_key(new).await.unwrap(), Change::Done(_)));
    let plugin =
        store.create_plugin(&organization, OwnerKind::FirstParty, "tasks", &user).await.unwrap();
    let mut made = Vec::new();
    for (version, signed) in [("1.0.0", "1.0.0"), ("1.0.1", "9.9.9")] {
        let manifest: Manifest = serde_json::from_value(json!({
            "name": "tasks", "version": version, "title": "Tasks", "summary": "Makes tasks.",
            "category": "crm", "events": [], "fields": [], "capabilities": [],
            "support": { "contact": "help@example.com" },
        }))
        .unwrap();
        let text = serde_json::to_string(&manifest).unwrap();
        let digest = store.put_component(version.as_bytes().to_vec()).await.unwrap();
        let statement = Statement {
            organization: organization.clone(),
            plugin: "tasks".to_owned(),
            version: signed.to_owned(),
            component: digest.clone(),
            manifest: venn_store::blob::digest(text.as_bytes()),
        };
        let (statement, signed_at) = (statement.text(), store.now());
        let signature = private.sign(&statement);
        let seal = signing::seal_signature(keys, &statement, &id, &signature, signed_at);
        let new = NewRelease {
            plugin: plugin.id.clone(),
            manifest,
            manifest_text: text,
            signature: NewSignature { key: id.clone(), signature, signed_at, seal },
            digest,
            component_bytes: 5,
            gate: json!({}),
            actor: user.clone(),
        };
        let Uploaded::New(release) = store.create_release(new).await.unwrap() else {
            panic!("not new")
        };
        made.push(release.id);
    }
    made.try_into().unwrap()
}

#[tokio::test]
async fn after_lost_keys_only_what_its_publisher_signed_is_believed_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (store, old) = start(data).await.unwrap();
    let [sound, unsound] = releases(&store, &old).await;
    store.close().await;
    drop(old);
    let replace = || replace_lost_keys(data, &Database::Embedded, counted(0), counted(1_000));

    let error = replace().await.unwrap_err().to_string();
    assert!(error.starts_with("The keys of ") && error.contains("nothing is lost"), "{error}");
    std::fs::remove_file(data.join("keys.json")).unwrap();
    let other = begun().await;
    std::fs::copy(other.path().join("keys.json"), data.join("keys.json")).unwrap();
    let error = replace().await.unwrap_err().to_string();
    assert!(error.contains("move the file away"), "{error}");

    std::fs::remove_file(data.join("keys.json")).unwrap();
    let replaced = replace().await.unwrap();
    assert_eq!((replaced.releases, replaced.unsound), (1, vec![unsound.clone()]));
    let (store, new) = start(data).await.unwrap();
    for (id, believed) in [(sound, true), (unsound, false)] {
        let proof = store.release_proof(&id).await.unwrap().unwrap();
        assert_eq!(signing::verify_proof(&new, &proof).is_ok(), believed, "{id}");
    }
}

#[tokio::test]
async fn a_platform_without_a_token_gets_one_on_its_own_machine() {
    let folder = begun().await;
    let data = folder.path();
    let made = admin_token(data, &Database::Embedded, counted(0), counted(1_000), 7).await;
    let (text, expires_at) = made.unwrap();
    assert_eq!(expires_at.to_string(), "2025-12-01T16:00:00.000000Z");
    assert!(text.starts_with("venn_"), "{text}");
    // Not beside a server.
    let _lock = folder::lock(data).unwrap();
    let made = admin_token(data, &Database::Embedded, counted(0), counted(2_000), 7).await;
    let error = made.unwrap_err().to_string();
    assert!(error.starts_with("Another `venn serve` uses this data folder."), "{error}");
}
