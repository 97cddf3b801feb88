//! Manifests with problems; versions and names that are taken.
use serde_json::{Value, json};

use super::{manifest, submitted, taskworks, upload};
use crate::support::{Actor, guest};

/// The problems that a manifest is refused with.
async fn problems(publisher: &Actor, manifest: impl Into<String>) -> Value {
    let refused =
        upload(publisher, manifest, guest("old_guest")).await.refused(422, "bad-manifest");
    assert_eq!(refused["detail"], "The manifest has problems.");
    assert_eq!(publisher.all("plugins/script/releases").await, Vec::<Value>::new());
    refused["problems"].clone()
}

/// The manifest with some members changed.
fn with(changes: Value) -> String {
    let mut changed = manifest();
    for (key, value) in changes.as_object().unwrap() {
        changed[key] = value.clone();
    }
    changed.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_knows_or_that_stand_twice_are_refused_at_their_place() {
    let (_host, publisher) = taskworks().await;
    let unknown = problems(&publisher, with(json!({ "capability": [] }))).await;
    let reason = unknown[0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("unknown field `capability`, expected one of `name`, `version`"),
        "{reason}"
    );
    assert!(unknown[0]["place"].as_str().unwrap().starts_with("line 1, column "));
    assert_eq!(unknown[0]["next_step"], "Correct the name or remove it");

    // Whoever reads the first and whoever reads the last would approve different things.
    let twice = manifest().to_string().replacen(
        "{\"name\":\"script\"",
        "{\"name\":\"script\",\"name\":\"script\"",
        1,
    );
    let expected = json!([{ "place": "line 1, column 24", "reason": "duplicate key `name`", "next_step": "Keep one of them" }]);
    let found = problems(&publisher, twice).await;
    assert_eq!(
        (&found[0]["reason"], &found[0]["next_step"]),
        (&expected[0]["reason"], &expected[0]["next_step"])
    );
    let nested =
        manifest().to_string().replacen("\"methods\":", "\"methods\":[\"GET\"],\"methods\":", 1);
    assert_eq!(problems(&publisher, nested).await[0]["reason"], "duplicate key `methods`");

    let egress = json!([{ "host": "api.hubapi.com", "surprise": 1, "reason": "r", "data": "d", "retention": "r" }]);
    let unknown = problems(&publisher, with(json!({ "egress": egress }))).await;
    assert!(
        unknown[0]["reason"].as_str().unwrap().contains("unknown field `surprise`"),
        "{unknown}"
    );
    for text in ["", "{", "[]", "null", "\u{feff}{}"] {
        assert_eq!(problems(&publisher, text).await.as_array().unwrap().len(), 1, "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_must_not_ask_for_is_listed_all_at_once() {
    let (_host, publisher) = taskworks().await;
    let request =
        |host: &str| json!({ "host": host, "reason": "r", "data": "d", "retention": "r" });
    let changes = json!({
        "category": "everything", "events": ["deal-won"],
        "egress": [request("127.0.0.1"), request("*.com"), request("https://a.com/x"), request("localhost")],
        "connections": [{ "name": "crm", "title": "CRM", "kind": "api-key", "host": "other.example.com" }],
        "limits": { "cpu_ms": 5_001, "wall_ms": 0 },
        "config_schema": { "type": "nonsense" },
    });
    insta::assert_json_snapshot!(problems(&publisher, with(changes)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_that_are_none_or_reach_outside_are_refused() {
    let (_host, publisher) = taskworks().await;
    let mut found = Vec::new();
    for schema in [
        json!({ "type": "string" }),
        json!({ "type": "object", "properties": { "a": { "type": "nonsense" } } }),
        json!({ "type": "object", "properties": { "a": { "$ref": "https://evil.example/schema" } } }),
        json!({ "type": "object", "properties": { "a": { "$ref": "file:///etc/passwd" } } }),
        json!({ "type": "object", "properties": { "a": { "type": "string", "pattern": "(" } } }),
    ] {
        found.push(problems(&publisher, with(json!({ "config_schema": schema }))).await);
    }
    insta::assert_json_snapshot!(found);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_published_once_and_the_same_bytes_are_the_same_release() {
    let (_host, publisher) = taskworks().await;
    let first = upload(&publisher, manifest().to_string(), guest("script")).await;
    assert_eq!(first.status, 201);
    let again = upload(&publisher, manifest().to_string(), guest("script")).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let detail =
        "This version of the plugin was published before, with another component or manifest.";
    for (manifest, component) in
        [(manifest().to_string(), "old_guest"), (with(json!({ "summary": "Another." })), "script")]
    {
        let taken =
            upload(&publisher, manifest, guest(component)).await.refused(409, "version-taken");
        assert_eq!(taken["detail"], detail);
        assert_eq!(taken["next_step"], "Raise `version` in the manifest and publish again.");
    }
    assert_eq!(publisher.all("plugins/script/releases").await, [first.body]);
    upload(&publisher, with(json!({ "version": "0.2.0" })), guest("old_guest")).await.good();
    assert_eq!(publisher.all("plugins/script/releases").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_belongs_to_the_first_publisher_of_it() {
    let (host, publisher) = taskworks().await;
    submitted(&publisher).await;
    let other = host.organization("hooli", false, true).await;
    let taken =
        other.post(&other.own("plugins"), &json!({ "name": "script" })).await.refused(409, "taken");
    assert_eq!(taken["detail"], "The plugin's name is already taken.");
    upload(&other, manifest().to_string(), guest("script")).await.refused(404, "not-found");
    other.get(&other.own("plugins/script")).await.refused(404, "not-found");
    let bad = other
        .post(&other.own("plugins"), &json!({ "name": "Script!" }))
        .await
        .refused(422, "invalid");
    assert_eq!(
        bad["problems"][0]["reason"],
        "`Script!` is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit"
    );
    // A manifest of another name does not go to this plugin.
    other.post(&other.own("plugins"), &json!({ "name": "mine" })).await.good();
    let form = reqwest::multipart::Form::new()
        .part("manifest", reqwest::multipart::Part::text(manifest().to_string()))
        .part("component", reqwest::multipart::Part::bytes(guest("script")));
    let request = other.request(reqwest::Method::POST, &other.own("plugins/mine/releases"));
    let refused = other.send(request.multipart(form)).await.refused(422, "bad-manifest");
    assert_eq!(
        refused["problems"][0]["reason"],
        "it is `script`, and the release is published to `mine`"
    );
    // A customer publishes nothing.
    let acme = host.organization("acme", true, false).await;
    let refused =
        acme.post(&acme.own("plugins"), &json!({ "name": "x" })).await.refused(409, "wrong-state");
    assert_eq!(refused["detail"], "Your organization is not a publisher.");
}
