//! What is erased is nowhere: not in a row, not in a page of the file, not in what others
//! recorded; and a restored backup loses it again.
use std::fs;

use serde_json::{Value, json};

use crate::support::{Data, World};

/// Types `venn …` on the server's machine.
async fn typed(data: &Data, arguments: &[&str]) -> (Option<i32>, String) {
    let output = data.venn(arguments).output().await.unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// A customer's install has read a partner's accounts and says so, and its run is recorded;
/// the server has stopped.
async fn read() -> Data {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let find =
        json!({ "call": "overlaps.find", "partnership": "$subject", "fields": ["their-owner"] });
    let did = script.does(json!([find])).await;
    assert!(did.run["summary"].as_str().unwrap().contains("G owner 0"), "{}", did.run);
    world.host.stop().await
}

const OWNER: &[u8] = b"G owner 0";
const ADDRESS: &[u8] = b"@globex.example";

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_nowhere_any_more_and_a_restored_backup_loses_it_again() {
    let data = read().await;
    assert_ne!(data.places_with(OWNER), [] as [String; 0]);
    assert_ne!(data.places_with(ADDRESS), [] as [String; 0]);
    let backup = data.copy();

    let (code, text) = typed(&data, &["erase", "organization", "globex", "--yes"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(" is erased: ") && text.contains("\n  account 2\n"), "{text}");
    for canary in [OWNER, ADDRESS] {
        let canary_text = String::from_utf8_lossy(canary);
        assert_eq!(data.places_with(canary), [] as [String; 0], "{canary_text}");
    }
    let list = data.path().join("erased.jsonl");
    let line: Value = serde_json::from_str(fs::read_to_string(&list).unwrap().trim()).unwrap();
    assert!(line["organization"].as_str().unwrap().starts_with("org_") && line["person"].is_null());

    assert_ne!(backup.places_with(OWNER), [] as [String; 0]);
    let (code, text) = typed(&backup, &["erase", "again", list.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{text}");
    for canary in [OWNER, ADDRESS] {
        assert_eq!(backup.places_with(canary), [] as [String; 0]);
    }
    assert_eq!(
        fs::read_to_string(backup.path().join("erased.jsonl")).unwrap().lines().count(),
        1,
        "it is in the list of the restored folder, too"
    );
    // Folder, rows and keys belong together still.
    let (code, text) = typed(&data, &["migrate", "--check"]).await;
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_nowhere_any_more_and_nobody_goes_by_mistake() {
    let world = World::start().await;
    let body = json!({ "email": "bob@acme.example", "name": "Bob Canary", "role": "user" });
    world.acme.post(&world.acme.own("members"), &body).await.good();
    let data = world.host.stop().await;
    let erase = async |arguments: &[&str]| typed(&data, &[&["erase"], arguments].concat()).await;

    let (code, text) = erase(&["person", "bob@acme.example", "--of", "globex", "--yes"]).await;
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains("There is no such person."), "{text}");
    let (code, text) = erase(&["organization", "platform", "--yes"]).await;
    assert_eq!(code, Some(6), "{text}");
    assert!(text.contains("It cannot be erased: it is the platform."), "{text}");
    let (code, text) = erase(&["again", "/nowhere/erased.jsonl"]).await;
    assert_eq!(code, Some(6), "{text}");
    let listed = std::fs::read_to_string(data.path().join("erased.jsonl"));
    assert_eq!(listed.unwrap_or_default(), "", "who was not erased is not listed");
    assert_ne!(data.places_with(b"Bob Canary"), [] as [String; 0]);

    let (code, text) = erase(&["person", "bob@acme.example", "--of", "acme", "--yes"]).await;
    assert_eq!(code, Some(0), "{text}");
    for canary in [&b"Bob Canary"[..], b"bob@acme.example"] {
        assert_eq!(data.places_with(canary), [] as [String; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_erased_again_is_named_and_not_passed_over() {
    let world = World::start().await;
    let me = world.acme.get("/v1/me").await.good();
    let person = me["user_id"].as_str().unwrap().to_owned();
    let data = world.host.stop().await;
    let line = |person: &str| {
        let organization = me["organization_id"].as_str().unwrap();
        json!({ "at": "2026-01-01T00:00:00.000000Z", "organization": organization, "person": person })
    };
    let list = data.path().join("list.jsonl");
    let again = async |text: String| {
        fs::write(&list, text + "\n").unwrap();
        typed(&data, &["erase", "again", list.to_str().unwrap()]).await
    };
    // Whom the folder does not have it cannot lose.
    let (code, text) = again(line("usr_01kdvdna9z000000000000009z").to_string()).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = again(line(&person).to_string()).await;
    assert_eq!(code, Some(6), "{text}");
    let why = "It cannot be erased: it is the last admin of its organization.";
    assert!(text.contains(why) && text.contains(&person), "{text}");
}
