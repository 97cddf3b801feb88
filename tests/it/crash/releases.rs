//! A release that is published, and decided about, while the server dies.
use serde_json::json;

use super::{
    Process, Scene,
    calls::{entries, is_kept},
    unanswered,
};
use crate::{
    support::{Actor, guest},
    webhooks,
};

walks! { killed_at:
    after_the_component_is_on_disk = "release.component";
    after_its_artifact_is_on_disk = "release.artifact";
    before_a_release_is_committed = "release.before-commit";
    after_a_release_is_committed = "release.committed";
    before_an_approval_is_committed = "approval.before-commit";
    after_an_approval_is_committed = "approval.committed";
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    if point.starts_with("approval") {
        decided(&scene, point).await;
    } else {
        published(&scene, point).await;
    }
}

fn publisher(scene: &Scene, process: &Process) -> Actor {
    Actor::new(process.url(), "taskworks", &scene.prepared.publisher)
}

/// A newer one of the plugin `script`: other bytes, so that all of it is kept anew.
async fn publish(publisher: &Actor) -> u16 {
    let mut manifest = webhooks::manifest();
    manifest["version"] = json!("0.2.0");
    publisher.publish(&manifest, guest("clock_random")).await.status
}

async fn versions(publisher: &Actor) -> Vec<String> {
    let releases = publisher.all("plugins/script/releases").await;
    releases.iter().map(|one| one["version"].as_str().unwrap().to_owned()).collect()
}

async fn published(scene: &Scene, point: &str) {
    let (process, _, _) = scene.start(Some(point)).await;
    let caller = publisher(scene, &process);
    unanswered(async move { publish(&caller).await }).await;
    process.killed().await;

    let (process, _, _) = scene.start(None).await;
    let publisher = publisher(scene, &process);
    let kept = is_kept(point);
    let expected = if kept { &["0.2.0", "0.1.0"][..] } else { &["0.1.0"] };
    assert_eq!(versions(&publisher).await, expected);
    let before = entries(&publisher, "release.uploaded").await;
    assert_eq!(publish(&publisher).await, if kept { 200 } else { 201 });
    assert_eq!(versions(&publisher).await, ["0.2.0", "0.1.0"]);
    let more = entries(&publisher, "release.uploaded").await - before;
    assert_eq!(more, usize::from(!kept));
}

async fn decided(scene: &Scene, point: &str) {
    let (mut process, _, _) = scene.start(None).await;
    let publisher = publisher(scene, &process);
    publish(&publisher).await;
    let newest = publisher.all("plugins/script/releases").await.remove(0);
    let path = format!("/v1/review/releases/{}/decision", newest["id"].as_str().unwrap());
    process.child.kill().await.unwrap();
    let platform =
        |process: &Process| Actor::new(process.url(), "platform", &scene.prepared.platform);
    let go = json!({ "go": true, "reason": "looked at" });
    let (process, _, _) = scene.start(Some(point)).await;
    let (caller, to, sent) = (platform(&process), path.clone(), go.clone());
    unanswered(async move { caller.post(&to, &sent).await }).await;
    process.killed().await;

    let (process, _, _) = scene.start(None).await;
    let publisher = self::publisher(scene, &process);
    let kept = is_kept(point);
    let state = async || publisher.all("plugins/script/releases").await[0]["state"].clone();
    assert_eq!(state().await, if kept { "approved" } else { "submitted" });
    let again = platform(&process).post(&path, &go).await;
    assert_eq!(again.status, if kept { 409 } else { 200 }, "{}", again.text);
    assert_eq!(state().await, "approved");
}
