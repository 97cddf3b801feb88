//! One call of a customer in which the server dies: what it changes is there as a whole or
//! not at all, with its entry in the audit, and can be asked for again.
use serde_json::{Value, json};

use super::{BEFORE, Scene, finished, unanswered};
use crate::support::Actor;

walks! { killed_at:
    after_an_install_is_made = "install.created";
    before_an_install_is_changed = "install.before-commit";
    after_an_install_is_changed = "install.committed";
    after_the_audit_is_written = "audit.appended";
    before_a_backfill_is_committed = "backfill.before-commit";
    after_a_backfill_is_committed = "backfill.committed";
    before_usage_is_committed = "usage.before-commit";
    after_usage_is_committed = "usage.committed";
    while_old_things_are_swept = "sweep.before-commit";
    after_old_things_are_swept = "sweep.committed";
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    match point.split_once('.').unwrap() {
        ("install", "created") => made(&scene, point).await,
        ("install" | "audit", _) => changed(&scene, point).await,
        ("backfill", _) => backfilled(&scene, point).await,
        ("usage", _) => counted(&scene, point).await,
        _ => swept(&scene, point).await,
    }
}

/// The whole audit, newest first; no place of it is empty.
pub async fn audit(actor: &Actor) -> Vec<Value> {
    let all = actor.all("audit").await;
    let seqs: Vec<_> = all.iter().rev().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");
    all
}

/// How many entries of this action it has.
pub async fn entries(actor: &Actor, action: &str) -> usize {
    audit(actor).await.iter().filter(|entry| entry["action"] == action).count()
}

/// Whether the point stands after the commit.
pub fn is_kept(point: &str) -> bool {
    ["committed", "created", "opened"].iter().any(|end| point.ends_with(end))
}

async fn made(scene: &Scene, point: &str) {
    let (process, acme, _) = scene.start(Some(point)).await;
    let caller = acme.clone();
    let body = json!({ "plugin": "script", "name": "made", "config": {},
        "grant": { "capabilities": [], "partnerships": [], "populations": [], "fields": [],
            "egress_hosts": [] },
        "connections": { "crm": scene.prepared.connection } });
    unanswered(async move { caller.post(&caller.own("installs"), &body).await }).await;
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    let installs = acme.all("installs").await;
    assert_eq!((installs.len(), &installs[0]["name"]), (1, &json!("made")));
    assert_eq!(entries(&acme, "install.created").await, 1);
}

async fn changed(scene: &Scene, point: &str) {
    let (mut process, acme, _) = scene.start(None).await;
    let install = scene.enabled(&acme, "changed", "script", json!({})).await;
    finished(&acme).await;
    process.child.kill().await.unwrap();
    let (process, acme, _) = scene.start(Some(point)).await;
    let path = acme.own(&format!("installs/{install}"));
    let (caller, config) = (acme.clone(), format!("{path}/config"));
    unanswered(async move { caller.put(&config, &json!({ "note": 1 })).await }).await;
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    let kept = usize::from(is_kept(point));
    let config = acme.get(&path).await.good()["config"].clone();
    assert_eq!(config, if kept == 1 { json!({ "note": 1 }) } else { json!({}) });
    assert_eq!(entries(&acme, "install.configured").await, kept);
    acme.put(&format!("{path}/config"), &json!({ "note": 1 })).await.good();
    assert_eq!(acme.get(&path).await.good()["config"], json!({ "note": 1 }));
    finished(&acme).await;
    // The plugin is told of each that was kept.
    let told = acme.all(&format!("deliveries?install={install}")).await;
    let told = told.iter().filter(|one| one["event_kind"] == "configured").count();
    assert_eq!(told, kept + 1);
}

async fn backfilled(scene: &Scene, point: &str) {
    let install = scene.enable().await;
    let (process, acme, _) = scene.start(Some(point)).await;
    let path = acme.own(&format!("installs/{install}/backfill"));
    let body = json!({ "partnership": scene.prepared.partnership });
    let (caller, to, sent) = (acme.clone(), path.clone(), body.clone());
    unanswered(async move { caller.post(&to, &sent).await }).await;
    process.killed().await;

    let (_process, acme, _) = scene.start(None).await;
    finished(&acme).await;
    let tasks = || scene.sim.objects("tasks").unwrap().as_array().unwrap().len();
    let kept = is_kept(point);
    assert_eq!(tasks(), if kept { BEFORE } else { 0 });
    assert_eq!(entries(&acme, "install.backfilled").await, usize::from(kept));
    acme.post(&path, &body).await.good();
    finished(&acme).await;
    assert_eq!(tasks(), BEFORE, "a second one makes no task twice");
}

/// How often the API's own count has the call that lists accounts.
async fn calls(acme: &Actor) -> u64 {
    let usage = acme.all("api-usage?call=account-list").await;
    usage.iter().map(|record| record["calls"].as_u64().unwrap()).sum()
}

async fn counted(scene: &Scene, point: &str) {
    let (process, acme, _) = scene.start(Some(point)).await;
    for _ in 0..3 {
        acme.all("accounts").await;
    }
    // It writes them before it ends.
    process.terminate();
    process.killed().await;

    let (process, acme, _) = scene.start(None).await;
    let kept = if is_kept(point) { 3 } else { 0 };
    assert_eq!(calls(&acme).await, kept);
    acme.all("accounts").await;
    process.stop().await;
    let (_process, acme, _) = scene.start(None).await;
    assert_eq!(calls(&acme).await, kept + 1);
}

async fn swept(scene: &Scene, point: &str) {
    let (process, _, _) = scene.start(Some(point)).await;
    process.killed().await;
    scene.enable().await;
}
