//! From a list to a task: each overlap must have exactly one task and one timeline entry.
use reqwest::Method;
use serde_json::{Value, json};

use super::{AFTER, BEFORE, Scene, finished};
use crate::support::{Actor, world::rows};

walks! { killed_at:
    after_the_import_is_made = "import.created";
    while_the_file_is_in_its_place_and_nobody_knows = "import.placed";
    after_the_upload_is_on_disk = "import.uploaded";
    after_reading_has_begun = "import.begun";
    while_the_list_is_read = "import.reading";
    after_the_list_is_read = "import.read";
    before_the_import_is_committed = "import.before-commit";
    after_the_import_is_committed = "import.committed";
    after_the_file_is_gone = "import.forgotten";
    after_domains_are_taken = "pairing.taken";
    before_the_pairs_are_committed = "pairing.before-commit";
    after_the_event_is_accepted = "pairing.committed";
    before_the_lease_is_committed = "lease.before-commit";
    after_the_lease = "deliver.leased";
    before_the_guest_begins = "deliver.begun";
    before_the_call_goes_out = "deliver.before-call";
    after_the_run_before_its_record = "deliver.ran";
    after_it_is_known_what_becomes_of_it = "deliver.concluded";
    after_the_state_is_written = "record.state";
    after_the_timeline_is_written = "record.timeline";
    after_the_run_is_written = "record.rows";
    before_the_record_is_committed = "record.before-commit";
    after_the_record_is_committed = "record.committed";
}

/// Uploads the changed list without waiting; true if it was answered.
pub async fn import(globex: &Actor) -> bool {
    let body =
        json!({ "mode": "replace", "file_name": "list.csv", "columns": null, "stages": null });
    let made = globex.request(Method::POST, &globex.own("imports")).json(&body).send().await;
    let Ok(made) = made else { return false };
    let made: Value = made.json().await.unwrap();
    let path = globex.own(&format!("imports/{}/file", made["id"].as_str().unwrap()));
    let upload = globex.request(Method::PUT, &path).body(rows(0..AFTER, "G"));
    upload.send().await.is_ok_and(|answer| answer.status().is_success())
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    scene.enable().await;
    let (process, _, globex) = scene.start(Some(point)).await;
    let accepted = import(&globex).await;
    process.killed().await;

    let (_process, acme, globex) = scene.start(None).await;
    all_is_done(&scene, &acme, &globex, accepted).await;
}

/// What was accepted is done once, and what was not can be brought again.
async fn all_is_done(scene: &Scene, acme: &Actor, globex: &Actor, accepted: bool) {
    let newest =
        globex.all("imports").await.into_iter().max_by_key(|one| one["id"].to_string()).unwrap();
    if newest["state"] == "waiting-for-file" {
        assert!(!accepted, "an upload that was answered is lost");
        assert!(import(globex).await);
    }
    let rests = |page: &Value| {
        let mut imports = page["items"].as_array().unwrap().iter();
        imports.all(|one| one["state"] == "done" || one["state"] == "waiting-for-file")
    };
    globex.until(&globex.own("imports?limit=200"), rests).await;
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    acme.until(&place, |answer| answer["pending_domains"] == 0).await;
    finished(acme).await;
    one_task_each(scene, acme).await;
    let oks = acme.all("runs").await;
    let oks = oks
        .iter()
        .filter(|run| run["ending"] == "ok" && run["event_kind"] == "overlaps-changed")
        .count();
    assert!(oks >= 1);
}

/// The overlaps for which there are tasks, in order; one that has two twice.
pub fn tasks(scene: &Scene) -> Vec<String> {
    let tasks = scene.sim.objects("tasks").unwrap();
    let overlap = |task: &Value| task["properties"]["venn_overlap"].as_str().unwrap().to_owned();
    let mut keys: Vec<_> = tasks.as_array().unwrap().iter().map(overlap).collect();
    keys.sort();
    keys
}

/// The overlaps of Acme's partnership.
pub async fn overlaps(scene: &Scene, acme: &Actor) -> Vec<Value> {
    acme.all(&format!("partnerships/{}/overlaps", scene.prepared.partnership)).await
}

/// Exactly one task and one timeline entry for each overlap that is new.
pub async fn one_task_each(scene: &Scene, acme: &Actor) {
    let overlaps = overlaps(scene, acme).await;
    assert_eq!(overlaps.len(), AFTER);
    let mut keys = tasks(scene);
    let all = keys.len();
    keys.dedup();
    assert_eq!((keys.len(), all), (AFTER - BEFORE, AFTER - BEFORE));
    for overlap in
        overlaps.iter().filter(|overlap| keys.iter().any(|key| overlap["id"] == key.as_str()))
    {
        let account = overlap["our_account"].as_str().unwrap();
        let timeline = acme.all(&format!("accounts/{account}/timeline")).await;
        assert_eq!(timeline.len(), 1, "{account}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_vendor_did_it_and_before_its_answer() {
    let scene = Scene::new().await;
    scene.enable().await;
    let (mut process, _, globex) = scene.start(None).await;
    let before = scene.sim.calls().len();
    let hold = scene.sim.hold_at(
        venn_testkit::Stage::AfterEffect,
        venn_testkit::Matching::path("/crm/v3/objects/tasks"),
    );
    assert!(import(&globex).await);
    hold.held(1).await;
    process.child.kill().await.unwrap();
    hold.release();
    assert!(scene.sim.calls().len() > before);

    let (_process, acme, globex) = scene.start(None).await;
    all_is_done(&scene, &acme, &globex, true).await;
}
