//! One approved release is withdrawn: nothing new is installed with it, what runs
//! with it stops, its customers are told and can go on with another one.
use serde_json::{Value, json};

use crate::support::{Actor, World, guest};

async fn listed(world: &World, version: &str) -> Value {
    let mut manifest = World::manifest("script");
    manifest["version"] = json!(version);
    world.listed(&manifest, guest("script")).await
}

async fn found(customer: &Actor) -> String {
    let answer = customer.get("/v1/marketplace/plugins/script").await.good();
    answer["version"].as_str().unwrap().to_owned()
}

/// By the publisher.
fn withdraw(world: &World, release: &Value) -> String {
    let id = release["id"].as_str().unwrap();
    world.publisher.own(&format!("plugins/script/releases/{id}/withdraw"))
}

fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}

#[tokio::test(flavor = "multi_thread")]
async fn installs_with_a_withdrawn_release_stop_until_they_choose_another() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let (acme, publisher, platform) = (&world.acme, &world.publisher, &world.host.platform);
    let first = publisher.all("plugins/script/releases").await.remove(0);
    let (second, third) = (listed(&world, "0.1.1").await, listed(&world, "0.1.2").await);
    assert_eq!(found(acme).await, "0.1.2");
    publisher.post(&withdraw(&world, &third), &because(" ")).await.refused(422, "invalid");
    publisher.post(&withdraw(&world, &third), &because("It is slow.")).await.good();
    assert_eq!(found(acme).await, "0.1.1", "the newest that is left");
    let did = script.does(json!([])).await;
    assert_eq!(did.run["ending"], "ok", "others go on: {}", did.run);

    let gone = publisher.post(&withdraw(&world, &first), &because("It repeats.")).await.good();
    assert_eq!(
        (&gone["state"], &gone["decision_reason"]),
        (&json!("yanked"), &json!("It repeats."))
    );
    script.start().await;
    let run = world.runs(&script.install).await.remove(0);
    assert_eq!(
        (&run["ending"], &run["summary"]),
        (&json!("refused"), &json!("this release was withdrawn, and no other one is chosen"))
    );
    let path = acme.own(&format!("deliveries/{}", run["delivery"].as_str().unwrap()));
    assert_eq!(acme.get(&path).await.good()["state"], "parked");
    let item = acme.all("waiting").await.remove(0);
    let upgrade = second["id"].as_str().unwrap();
    assert_eq!(
        [&item["kind"], &item["title"], &item["text"], &item["next_step"]],
        [
            "install-stopped",
            "The release of main was withdrawn",
            "It repeats. The install is stopped and its events wait; script 0.1.1 is approved.",
            &format!("venn installs upgrade {} --to 0.1.1", script.install),
        ]
    );
    for whose in [publisher, platform] {
        let entries = whose.all("audit?action=release.withdrawn").await;
        let subjects: Vec<_> = entries.iter().map(|entry| &entry["subject"]).collect();
        assert_eq!(subjects, [&first["id"], &third["id"]], "newest first");
    }

    let path = acme.own(&format!("installs/{}/upgrade", script.install));
    acme.post(&path, &json!({ "release": first["id"] })).await.refused(409, "wrong-state");
    acme.post(&path, &json!({ "release": third["id"] })).await.refused(409, "wrong-state");
    acme.post(&path, &json!({ "release": upgrade })).await.good();
    assert_eq!(world.runs(&script.install).await[0]["ending"], "ok");
    assert_eq!(acme.all("waiting").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_withdraws_the_only_release_and_nothing_is_left_to_install() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let (acme, publisher, platform) = (&world.acme, &world.publisher, &world.host.platform);
    let release = publisher.all("plugins/script/releases").await.remove(0);
    let path = format!("/v1/review/releases/{}/withdraw", release["id"].as_str().unwrap());
    platform.post(&path, &because("It leaks.")).await.good();
    acme.get("/v1/marketplace/plugins/script").await.refused(404, "not-found");
    let told = publisher.all("waiting").await.remove(0);
    assert_eq!(
        [&told["kind"], &told["title"], &told["next_step"]],
        ["release-stopped", "The platform withdrew script 0.1.0", "venn publish"]
    );
    let item = acme.all("waiting").await.remove(0);
    assert_eq!(
        [&item["text"], &item["next_step"]],
        [
            "It leaks. The install is stopped and its events wait until script has another approved release.",
            &format!("venn installs show {}", script.install),
        ]
    );
    // It stays withdrawn, whoever asks.
    let refused = platform.post(&path, &because("Again.")).await.refused(409, "wrong-state");
    assert_eq!(refused["detail"], "The release is yanked: only an approved one can be withdrawn.");
    let again = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    let go = json!({ "go": true, "reason": "After all." });
    platform.post(&again, &go).await.refused(409, "wrong-state");
    let same = publisher.publish(&World::manifest("script"), guest("script")).await.good();
    assert_eq!((&same["id"], &same["state"]), (&release["id"], &json!("yanked")));
    // What nobody decided about cannot be withdrawn.
    let mut manifest = World::manifest("script");
    manifest["version"] = json!("0.2.0");
    let submitted = publisher.publish(&manifest, guest("script")).await.good();
    let refused = publisher.post(&withdraw(&world, &submitted), &because("No.")).await;
    refused.refused(409, "wrong-state");
}
