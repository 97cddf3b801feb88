//! A run that failed, and is killed while that is written down: one incident, told once.
use serde_json::json;
use venn_testkit::Fault;

use super::{BEFORE, Scene, finished};

walks! { failure_killed_at:
    after_the_incident_is_opened = "record.incident";
    after_its_owner_is_told = "record.route";
    after_the_delivery_is_parked = "record.moved";
    before_the_failure_is_committed = "record.before-commit";
    after_the_failure_is_committed = "record.committed";
}

async fn failure_killed_at(point: &str) {
    let scene = Scene::new().await;
    let install = scene.enable().await;
    let (process, acme, _) = scene.start(Some(point)).await;
    scene.sim.fail(Fault::Unauthorized);
    let backfill = acme.own(&format!("installs/{install}/backfill"));
    let body = json!({ "partnership": scene.prepared.partnership });
    let started = acme.post(&backfill, &body).await.good();
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    let delivery = acme.own(&format!("deliveries/{}", started["delivery"].as_str().unwrap()));
    acme.until(&delivery, |one| one["state"] == "parked").await;
    assert_eq!(acme.all("inbox").await.len(), 1);
    scene.sim.clear_faults();
    acme.post(&format!("{delivery}/redeliver"), &json!({})).await.good();
    finished(&acme).await;
    let tasks = scene.sim.objects("tasks").unwrap();
    assert_eq!(tasks.as_array().unwrap().len(), BEFORE, "{tasks}");
}
