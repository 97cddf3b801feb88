//! Whose word a release has: what is refused at publish, and what at load.
use serde_json::{Value, json};
use venn_domain::signing::Statement;

use super::{manifest, taskworks};
use crate::{
    access::people::{member, token},
    support::{Actor, Signer, World, guest},
};

/// What the problems say, place and reason.
fn told(refused: &Value) -> Vec<String> {
    let problems = refused["problems"].as_array().unwrap().iter();
    let line =
        |p: &Value| format!("{}: {}", p["place"].as_str().unwrap(), p["reason"].as_str().unwrap());
    problems.map(line).collect()
}

async fn send(publisher: &Actor, signature: Option<&Value>) -> crate::support::Answer {
    publisher.send_release("script", &manifest().to_string(), guest("script"), signature).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_signature_is_its_own_problem_and_nothing_is_stored() {
    let (host, publisher) = taskworks().await;
    let signer = Signer::of(&publisher).await;
    let (text, component) = (manifest().to_string(), guest("script"));
    let statement = signer.statement("script", &text, &component);

    let refused = send(&publisher, None).await.refused(422, "unsigned");
    assert_eq!(refused["detail"], "The upload has no part `signature`.");

    let mut part = signer.signature("script", &text, &component);
    part["key"] = json!("sgk_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    let refused = send(&publisher, Some(&part)).await.refused(422, "bad-signing-key");
    assert_eq!(refused["detail"], "There is no signing key sgk_7zzzzzzzzzzzzzzzzzzzzzzzzz.");

    let rival = host.organization("rivals", false, true).await;
    let theirs = Signer::of(&rival).await;
    let part = theirs.sign(&statement.text());
    let refused = send(&publisher, Some(&part)).await.refused(422, "bad-signing-key");
    assert_eq!(
        refused["detail"],
        format!("The signing key {} is another organization's.", theirs.id)
    );

    let mut part = signer.signature("script", &text, &component);
    part["signature"] = theirs.sign(&statement.text())["signature"].clone();
    let refused = send(&publisher, Some(&part)).await.refused(422, "bad-signature");
    assert_eq!(
        refused["detail"],
        format!("The signature was not made with the key {} of that statement.", signer.id)
    );

    let digest = &statement.component;
    let (zeros, org) = ("0".repeat(64), &statement.organization);
    let cases = [
        (
            Statement { plugin: "scribe".to_owned(), ..statement.clone() },
            "signature.statement.plugin: `scribe` is signed, and `script` was uploaded".to_owned(),
        ),
        (
            Statement { version: "0.0.9".to_owned(), ..statement.clone() },
            "signature.statement.version: `0.0.9` is signed, and `0.1.0` was uploaded".to_owned(),
        ),
        (
            Statement { component: zeros.clone(), ..statement.clone() },
            format!(
                "signature.statement.component: `sha256:{zeros}` is signed, and `sha256:{digest}` was uploaded"
            ),
        ),
        (
            Statement { manifest: zeros.clone(), ..statement.clone() },
            format!(
                "signature.statement.manifest: `sha256:{zeros}` is signed, and `sha256:{}` was uploaded",
                statement.manifest
            ),
        ),
        (
            Statement { organization: theirs.organization.clone(), ..statement.clone() },
            format!(
                "signature.statement.organization: `{}` is signed, and `{org}` was uploaded",
                theirs.organization
            ),
        ),
    ];
    for (wrong, expected) in cases {
        let part = signer.sign(&wrong.text());
        let refused = send(&publisher, Some(&part)).await.refused(422, "bad-signature");
        assert_eq!(told(&refused), [expected]);
    }
    // One letter of the manifest, and the meaning is the same: not what was signed.
    let part = signer.signature("script", &text, &component);
    let spaced = text.replacen('{', "{ ", 1);
    let answer = publisher.send_release("script", &spaced, component.clone(), Some(&part)).await;
    assert_eq!(told(&answer.refused(422, "bad-signature")).len(), 1);

    assert_eq!(publisher.all("plugins/script/releases").await, Vec::<Value>::new());
    let blobs = host.data.path().join("blobs");
    assert!(!blobs.exists() || blobs.read_dir().unwrap().next().is_none());

    let release = send(&publisher, Some(&part)).await.good();
    assert_eq!(release["signature"]["key"], signer.id.as_str());
    assert_eq!(release["signature"]["statement"], statement.text());
    assert_eq!(release["signature"]["trust"], "signed");
    let path = format!("/v1/review/releases/{}", release["id"].as_str().unwrap());
    let seen = host.platform.get(&path).await.good();
    assert_eq!(seen["signature"], release["signature"], "the reviewer sees the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_publishing_token_brings_no_key_of_the_thief() {
    let (host, admin) = taskworks().await;
    let developer = member(&admin, "developer", &["read", "publish"]).await;
    let first = Signer::of(&developer).await;
    let second = Signer::unregistered(&developer, "second").await;
    let refused = second.register(&developer, &second.body()).await;
    let refused = refused.refused(403, "endorsement-needed");
    assert_eq!(
        refused["detail"],
        "Your organization has signing keys: another one needs the word of an active key, or an admin."
    );
    // An admin's token without the scope is not an admin's word.
    let (narrow, _) = token(&admin, json!({ "name": "n", "scopes": ["read", "publish"] })).await;
    second.register(&narrow, &second.body()).await.refused(403, "endorsement-needed");
    // Another organization's key says nothing, nor does a word for another key.
    let mut body = second.body();
    let third = Signer::unregistered(&developer, "third").await;
    body["endorsed_by"] = json!(first.id);
    body["endorsement"] = json!(first.endorsement(&third));
    second.register(&developer, &body).await.refused(422, "bad-signature");
    let rival = host.organization("rivals", false, true).await;
    let theirs = Signer::of(&rival).await;
    body["endorsed_by"] = json!(theirs.id);
    body["endorsement"] = json!(theirs.endorsement(&second));
    second.register(&developer, &body).await.refused(422, "bad-signing-key");
    // Somebody else's public half, without the private one.
    let mut body = third.body();
    body["public_key"] = json!(second.public_key());
    third.register(&admin, &body).await.refused(422, "bad-signature");

    body = second.body();
    body["endorsed_by"] = json!(first.id);
    body["endorsement"] = json!(first.endorsement(&second));
    let made = second.register(&developer, &body).await.good();
    assert_eq!(made["endorsed_by"], first.id.as_str());
    third.register(&admin, &third.body()).await.good();
    third.register(&admin, &third.body()).await.refused(409, "taken");

    // Rotation: the old key speaks for the new one and retires.
    let fourth = Signer::unregistered(&developer, "fourth").await;
    let mut body = fourth.body();
    body["endorsement"] = json!(first.endorsement(&fourth));
    let path = developer.own(&format!("signing-keys/{}/rotate", first.id));
    developer.post(&path, &body).await.good();
    let text = manifest().to_string();
    let part = first.signature("script", &text, &guest("script"));
    let refused = send(&admin, Some(&part)).await.refused(422, "bad-signing-key");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(&format!("The signing key {} is revoked since", first.id))
            && detail.ends_with(": retired."),
        "{detail}"
    );
    let states: Vec<_> = admin.all("signing-keys").await;
    let states: Vec<_> = states.iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["retired", "active", "active", "active"]);
    let actions: Vec<_> = admin.all("audit?action=signing-key").await;
    assert_eq!(actions.len(), 5, "four registered, one retired");
}

/// The delivery of the newest run, and that run.
async fn newest(world: &World, install: &str) -> (Value, Value) {
    let run = world.runs(install).await.remove(0);
    let path = world.acme.own(&format!("deliveries/{}", run["delivery"].as_str().unwrap()));
    (world.acme.get(&path).await.good(), run)
}

async fn revoke(world: &World, body: &Value) {
    let key = Signer::of(&world.publisher).await.id;
    let path = world.publisher.own(&format!("signing-keys/{key}/revoke"));
    world.publisher.post(&path, body).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_keys_releases_go_on_and_a_stolen_keys_stop_until_signed_and_approved_anew() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let install = script.install.clone();
    revoke(&world, &json!({ "because": "retired" })).await;
    let did = script.does(json!([])).await;
    assert_eq!(did.run["ending"], "ok", "{}", did.run);

    revoke(&world, &json!({ "because": "compromised" })).await;
    script.start().await;
    let (delivery, run) = newest(&world, &install).await;
    assert_eq!((&run["ending"], &delivery["state"]), (&json!("refused"), &json!("parked")));
    assert_eq!(
        run["summary"],
        "the key that signed this release is compromised: its publisher must sign it anew, \
         and the platform approve it anew"
    );
    let listing = world.acme.get("/v1/marketplace/plugins/script").await;
    assert_eq!(listing.status, 404, "nobody else installs it: {}", listing.text);

    let release = signed_anew(&world).await;
    assert_eq!(release["state"], "submitted");
    again(&world, &install).await;
    assert_eq!(newest(&world, &install).await.0["state"], "parked", "not approved yet");
    approve(&world, &release).await;
    let (delivery, run) = newest(&world, &install).await;
    assert_eq!((&run["ending"], &delivery["state"]), (&json!("ok"), &json!("done")), "{run}");
}

/// The guest's release published again, signed with a second key.
async fn signed_anew(world: &World) -> Value {
    let mut second = Signer::unregistered(&world.publisher, "second").await;
    let made = second.register(&world.publisher, &second.body()).await.good();
    made["id"].as_str().unwrap().clone_into(&mut second.id);
    let (text, component) = (World::manifest("script").to_string(), guest("script"));
    let part = second.signature("script", &text, &component);
    world.publisher.send_release("script", &text, component, Some(&part)).await.good()
}

async fn approve(world: &World, release: &Value) {
    let path = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    world.host.platform.post(&path, &json!({ "go": true, "reason": "again" })).await.good();
}

/// Lets what is parked be delivered again, or an event happen if nothing is.
async fn again(world: &World, install: &str) {
    world.runs(install).await;
    let parked = world.acme.all(&format!("deliveries?install={install}&state=parked")).await;
    let body = json!({ "partnership": world.partnership });
    let path = match parked.first() {
        Some(delivery) => format!("deliveries/{}/redeliver", delivery["id"].as_str().unwrap()),
        None => format!("installs/{install}/backfill"),
    };
    let body = if parked.is_empty() { body } else { json!({}) };
    world.acme.post(&world.acme.own(&path), &body).await.good();
}

/// The next run is not started, the platform is told why, and the delivery waits.
async fn not_run(world: &World, install: &str, why: &str) {
    again(world, install).await;
    let (delivery, run) = newest(world, install).await;
    assert_eq!(
        (&run["ending"], &run["summary"], &delivery["state"]),
        (&json!("host-failed"), &json!(why), &json!("parked"))
    );
    assert_eq!(run["verdict"]["class"], "platform");
    assert_eq!(run["calls"], json!([]), "nothing of it ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_behind_the_hosts_back_is_not_run_and_is_ours_to_mend() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    script.does(json!([])).await;
    // A second release of the same plugin, from which a signature could be moved.
    let mut newer = World::manifest("script");
    newer["version"] = json!("0.2.0");
    world.publisher.publish(&newer, guest("log_flood")).await.good();
    let why = |what: &str| {
        format!("this release is not what its publisher signed and this platform took: {what}")
    };
    let statement = why("the signature is not of this component, manifest, plugin and version");
    let cases = [
        // Another component under the approved version.
        (
            "UPDATE release SET digest = (SELECT digest FROM release WHERE version = '0.2.0')
             WHERE version = '0.1.0'",
            statement.clone(),
        ),
        // A wider manifest.
        (
            "UPDATE release SET manifest_json = replace(manifest_json, 'api.hubapi.com', 'evil.example')
             WHERE version = '0.1.0'",
            statement.clone(),
        ),
        // Another version's signature, with its seal.
        (
            "UPDATE release_signature SET (signature, signed_at, seal) =
               (SELECT signature, signed_at, seal FROM release_signature s JOIN release r ON r.id = s.release_id
                WHERE r.version = '0.2.0')
             WHERE release_id = (SELECT id FROM release WHERE version = '0.1.0')",
            statement.clone(),
        ),
        // A later date, as if the key had been stolen before; an earlier one likewise.
        (
            "UPDATE release_signature SET signed_at = signed_at - 1",
            why("the signature's record is not the one that this host wrote"),
        ),
        // A key of the intruder's in the place of the publisher's.
        (
            "UPDATE signing_key SET public_key = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'",
            why("the signing key's record is not the one that this host wrote"),
        ),
        // A stolen key is believed again.
        (
            "UPDATE signing_key SET distrusted_from = 9223372036854775",
            why("the signing key's record is not the one that this host wrote"),
        ),
        (
            "UPDATE signing_key SET organization_id = (SELECT id FROM organization WHERE slug = 'acme')",
            why("the key of the signature is not the publisher's"),
        ),
    ];
    for table in ["release", "release_signature", "signing_key"] {
        world.host.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    for (statement, expected) in cases {
        world.host.tamper(statement).await;
        not_run(&world, &script.install, &expected).await;
        for table in ["release", "release_signature", "signing_key"] {
            let key = if table == "release_signature" { "release_id" } else { "id" };
            let columns = match table {
                "release" => "digest, manifest_json",
                "release_signature" => "signature, signed_at, seal",
                _ => "public_key, distrusted_from, organization_id",
            };
            let mended = format!(
                "UPDATE {table} SET ({columns}) = (SELECT {columns} FROM kept_{table} k
                 WHERE k.{key} = {table}.{key})"
            );
            world.host.tamper(&mended).await;
        }
    }
    // The component's file, where the compiled one is gone too; signed anew, it has
    // to be loaded again.
    revoke(&world, &json!({ "because": "compromised" })).await;
    let release = signed_anew(&world).await;
    let digest = venn_store::blob::digest(&guest("script"));
    let folder = world.host.data.path();
    let blob = folder.join("blobs").join(&digest);
    let good = std::fs::read(&blob).unwrap();
    std::fs::remove_file(folder.join("artifacts").join(&digest)).unwrap();
    std::fs::write(&blob, guest("log_flood")).unwrap();
    approve(&world, &release).await;
    let why = "the release's component is not in the store as it was published";
    not_run(&world, &script.install, why).await;
    let told = world.host.platform.all("inbox").await;
    assert!(told.iter().any(|item| item["kind"] == "platform-inbox"), "{told:?}");
    assert!(world.publisher.all("inbox").await.is_empty(), "it is not the publisher's");

    // Mended: what waited goes on.
    std::fs::write(&blob, good).unwrap();
    again(&world, &script.install).await;
    let (delivery, run) = newest(&world, &script.install).await;
    assert_eq!((&run["ending"], &delivery["state"]), (&json!("ok"), &json!("done")), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_checks_a_signature_with_the_documents_recipe() {
    let there = |program: &str| std::process::Command::new(program).arg("version").output().is_ok();
    let required = std::env::var("VENN_REQUIRE").is_ok_and(|names| names.contains("openssl"));
    let tools = there("openssl") && there("python3");
    if !required && !tools {
        eprintln!("skipped: there is no openssl or no python3; VENN_REQUIRE=openssl insists");
        return;
    }
    let (_host, publisher) = taskworks().await;
    let (text, component) = (manifest().to_string(), guest("script"));
    let release = publisher.upload("script", &text, component.clone()).await.good();
    let document = include_str!("../../../docs/signing.md");
    let recipe = document.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("release.json"), release.to_string()).unwrap();
    std::fs::write(folder.path().join("component.wasm"), component).unwrap();
    std::fs::write(folder.path().join("manifest.json"), text).unwrap();
    let output = std::process::Command::new("sh")
        .args(["-ec", recipe])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stdout).as_ref(), output.status.success()),
        ("Signature Verified Successfully\nIt is this component\nIt is this manifest\n", true),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
