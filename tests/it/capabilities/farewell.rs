//! A plugin is told that it goes, or that what it derived goes, while it can still say so
//! elsewhere; then nothing of it is left.
use serde_json::{Value, json};

use crate::support::{
    World, guest,
    script::{Did, denied},
};

/// An install that keeps a partner's task in its state and on the timeline, and deletes the
/// task when it is told to.
async fn keeping(world: &World) -> String {
    let mut manifest = World::manifest("script");
    manifest["events"].as_array_mut().unwrap().extend([json!("erase"), json!("uninstalling")]);
    world.listed(&manifest, guest("script")).await;
    let script = world.scripted(&world.grant()).await;
    let account = world.acme.all("accounts").await[0]["id"].clone();
    let entry = json!({ "account": account, "key": "k", "kind": "task", "text": "Made.", "partnership": "$subject" });
    let set =
        json!({ "call": "state.set", "key": "task", "value": "7", "partnership": "$subject" });
    let get = |of: &str| json!({ "call": "state.get", "key": "task", "partnership": of });
    let deletes = json!({ "call": "http.send", "method": "POST", "connection": "crm",
        "url": "https://api.hubapi.com/crm/v3/objects/tasks/batch/archive" });
    let find = |partnership: &str| json!({ "call": "overlaps.find", "partnership": partnership });
    let steps = json!({
        "overlaps-changed": [set, { "call": "timeline.append", "entries": [entry] }],
        "erase": [get("$subject"), find("$subject"), deletes],
        "uninstalling": [get(&world.partnership), find(&world.partnership), deletes],
    });
    let path = world.acme.own(&format!("installs/{}/config", script.install));
    world.acme.put(&path, &json!({ "steps": steps })).await.good();
    script.start().await;
    let did = script.done().await;
    assert_eq!(did.results[0], json!({ "ok": null }), "{}", did.run);
    assert_eq!(timeline(world).await.len(), 1);
    script.install
}

async fn timeline(world: &World) -> Vec<Value> {
    let account = world.acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    world.acme.all(&format!("accounts/{account}/timeline")).await
}

/// The run that this event became, once nothing runs any more.
async fn ran(world: &World, install: &str, kind: &str) -> Did {
    let runs = world.runs(install).await;
    Did::of(runs.into_iter().find(|run| run["event_kind"] == kind).expect(kind))
}

async fn erased(world: &World) -> Value {
    world.acme.all("audit?action=install.erased").await[0]["detail"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_partnership_is_told_and_what_was_derived_of_it_goes() {
    let world = World::with_overlaps(1).await;
    let install = keeping(&world).await;
    let calls = world.sim.calls().len();
    let end = world.globex.own(&format!("partnerships/{}/end", world.partnership));
    world.globex.post(&end, &json!({})).await.good();
    let did = ran(&world, &install, "erase").await;
    assert_eq!(did.run["ending"], "ok", "{}", did.run);
    assert_eq!(did.results[0], json!({ "ok": "7" }), "it knows what to delete");
    let what = format!("partnership {}", world.partnership);
    let why = "the partnership has ended";
    assert_eq!(did.results[1], denied("overlaps:read", &what, why, "customer-admin"));
    assert_eq!(world.sim.calls().len(), calls + 1, "and deletes it");
    assert_eq!(timeline(&world).await, [] as [Value; 0]);
    let partnership = &world.partnership;
    assert_eq!(
        erased(&world).await,
        json!({ "partnership": partnership, "state_keys": 1, "timeline_entries": 1 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_install_cleans_up_once_and_is_gone() {
    let world = World::with_overlaps(1).await;
    let install = keeping(&world).await;
    let (path, calls) = (world.acme.own(&format!("installs/{install}")), world.sim.calls().len());
    world.acme.delete(&path).await.good();
    let did = ran(&world, &install, "uninstalling").await;
    assert_eq!(did.results[0], json!({ "ok": "7" }), "{}", did.run);
    let why = "the install is being removed";
    assert_eq!(
        did.results[1],
        denied("overlaps:read", "capability overlaps:read", why, "customer-admin")
    );
    assert_eq!(world.sim.calls().len(), calls + 1, "it deletes the task");
    assert_eq!(world.acme.get(&path).await.good()["state"], "uninstalled");
    assert_eq!(timeline(&world).await, [] as [Value; 0]);
    assert_eq!(
        erased(&world).await,
        json!({ "partnership": null, "state_keys": 1, "timeline_entries": 1 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_clean_up_is_waited_for_unless_the_customer_does_not_want_to() {
    let world = World::with_overlaps(1).await;
    let install = keeping(&world).await;
    let steps = json!({ "uninstalling": [{ "call": "fault", "code": "x", "cause": "plugin" }] });
    let path = world.acme.own(&format!("installs/{install}"));
    world.acme.put(&format!("{path}/config"), &json!({ "steps": steps })).await.good();
    world.runs(&install).await;
    world.acme.delete(&path).await.good();
    world.runs(&install).await;
    assert_eq!(world.acme.get(&path).await.good()["state"], "uninstalling");
    assert_eq!(timeline(&world).await.len(), 1);
    let refused = world.acme.post(&format!("{path}/pause"), &json!({})).await;
    let refused = refused.refused(409, "wrong-state");
    assert_eq!(refused["detail"], "The install is being removed.");
    world.acme.delete(&path).await.good();
    assert_eq!(world.acme.get(&path).await.good()["state"], "uninstalled");
    assert_eq!(timeline(&world).await, [] as [Value; 0]);
}
