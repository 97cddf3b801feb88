//! What a database says of itself, and what is left when its keys are lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::{
    connection::{ConnectionState, tests::connect},
    plugin::tests::{a_plugin, approved, manifest, reviewer},
    testing::{TestStore, settings},
};

#[tokio::test]
async fn an_empty_place_is_looked_at_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let found = look(folder.path(), &Database::Embedded).await.unwrap();
    assert_eq!((found.begun, found.fingerprint, found.versions.from), (false, None, None));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_database_names_the_keys_that_it_was_sealed_with_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(settings(folder.path())).await.unwrap();
    store.keep_fingerprint("first").await.unwrap();
    store.keep_fingerprint("second").await.unwrap();
    let found = look(folder.path(), &Database::Embedded).await.unwrap();
    assert_eq!((found.begun, found.fingerprint.as_deref()), (false, Some("first")));
}

#[tokio::test]
async fn new_seals_take_the_place_of_the_old_and_connections_ask_for_their_secrets() {
    let test = TestStore::open().await;
    let reviewer = reviewer(&test).await;
    let owned = a_plugin(&test, "crm-tasks").await;
    let release = approved(&test, &owned, &reviewer, manifest("crm-tasks", "1.0.0", &[])).await;
    let acme = test.organization("acme", "customer").await;
    let ann = test.member(&acme, "admin").await;
    let connection = connect(&test, &acme, &ann, "hubspot", "api.hubapi.com").await;
    let (keys, proofs) = test.all_sealed().await.unwrap();
    assert_eq!(proofs.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&release.id]);
    let before = test.authority_no();

    let seals = NewSeals {
        fingerprint: "new".to_owned(),
        keys: keys.iter().map(|key| (key.id.clone(), vec![8])).collect(),
        signatures: vec![(release.id.clone(), vec![9])],
        unsound: Vec::new(),
        reason: "The key was lost.".to_owned(),
    };
    let lost = test.replace_seals(seals).await.unwrap();
    assert_eq!(lost.connections.iter().map(|it| &it.id).collect::<Vec<_>>(), [&connection.id]);
    let proof = test.release_proof(&release.id).await.unwrap().unwrap().signature.unwrap();
    assert_eq!((proof.key_seal, proof.seal), (vec![8], vec![9]));
    let now = test.connection(&acme, &connection.id).await.unwrap().unwrap();
    assert_eq!(
        (now.state, now.state_reason.as_str()),
        (ConnectionState::ReconnectRequired, "The key was lost.")
    );
    assert_eq!(test.number("SELECT COUNT(*) FROM secret").await, 0);
    assert!(test.authority_no() > before, "running code is told");
    let audit = test.texts("SELECT action FROM audit WHERE actor = 'host' ORDER BY action").await;
    assert!(audit.contains("connection.secret-lost") && audit.contains("keys.replaced"), "{audit}");
}
