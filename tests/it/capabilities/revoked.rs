//! What is taken away while a plugin runs: the next call is denied, the call in
//! flight is cut off, and nothing is committed for what was revoked.
use serde_json::{Value, json};

use crate::support::{
    World,
    script::{Did, Script, denied},
};

const URL: &str = "https://api.hubapi.com/crm/v3/objects/tasks";

fn call() -> Value {
    json!({ "call": "http.send", "method": "GET", "url": URL, "connection": "crm" })
}

fn set(key: &str) -> Value {
    json!({ "call": "state.set", "key": key, "value": "v" })
}

/// The grant without one member's value.
fn without(world: &World, member: &str, value: &str) -> Value {
    let mut grant = world.grant();
    grant[member].as_array_mut().unwrap().retain(|one| one != value);
    grant
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_is_cut_off_when_its_host_is_revoked() {
    let world = World::start().await;
    let script = world.script(&world.grant()).await;
    script.set(&json!([call(), call(), set("kept")])).await;
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    world.regrant(&script.install, &without(&world, "egress_hosts", "api.hubapi.com")).await;
    hold.hung_up().await;
    hold.release();
    let did = script.done().await;
    let denial = denied(
        "http:egress",
        &format!("GET {URL}"),
        "the customer did not grant it",
        "customer-admin",
    );
    assert_eq!(did.results, [denial.clone(), denial, json!({ "ok": null })], "{}", did.run);
    assert_eq!((&did.run["ending"], &did.run["denials"]), (&json!("ok"), &json!(2)));
    assert_eq!(world.sim.calls().len(), 1, "the second one was not sent");
    assert_eq!(world.acme.all("audit?action=run.denied").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_for_what_was_revoked_meanwhile() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let account = world.acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let append = json!({ "call": "timeline.append", "entries": [{ "account": account, "key": "k", "kind": "k", "text": "t" }] });
    script.set(&json!([set("early"), append, call(), set("late")])).await;
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    world.regrant(&script.install, &without(&world, "capabilities", "state")).await;
    hold.release();
    let did = script.done().await;
    let why = "the customer did not grant it";
    assert_eq!(did.results[2]["ok"]["status"], 200, "the call itself was still allowed");
    assert_eq!(did.results[3], denied("state", "capability state", why, "customer-admin"));
    assert_eq!((&did.run["ending"], &did.run["effects_dropped"]), (&json!("ok"), &json!(1)));
    assert_eq!(world.acme.all(&format!("accounts/{account}/timeline")).await.len(), 1);
    world.regrant(&script.install, &world.grant()).await;
    let keys = script.asks(json!({ "call": "state.keys" })).await;
    assert_eq!(keys, json!({ "ok": [] }));
}

/// Reads, keeps what it derived, is held in a call, and reads again.
async fn held_between_reads(
    world: &World,
    script: &Script<'_>,
    meanwhile: impl Future<Output = ()>,
) -> Did {
    let find = json!({ "call": "overlaps.find", "partnership": "$subject" });
    let keep =
        json!({ "call": "state.set", "key": "derived", "value": "v", "partnership": "$subject" });
    script.set(&json!([find.clone(), keep, call(), find])).await;
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    meanwhile.await;
    hold.release();
    let did = script.done().await;
    assert_eq!(did.results[0]["ok"]["items"].as_array().unwrap().len(), 2, "{}", did.run);
    assert_eq!(did.run["effects_dropped"], 1, "what was derived is not kept: {}", did.run);
    did
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_changes_counts_in_the_middle_of_a_run() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let meanwhile = world.share(&world.globex, "overlaps", &["name"], "plugins");
    let did = held_between_reads(&world, &script, meanwhile).await;
    let what = format!("partnership {}", world.partnership);
    let why = "the data owner does not let plugins that send data elsewhere read its accounts";
    assert_eq!(did.results[3], denied("overlaps:read", &what, why, "data-owner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partnership_that_ends_counts_in_the_middle_of_a_run() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let meanwhile = async {
        let end = world.globex.own(&format!("partnerships/{}/end", world.partnership));
        world.globex.post(&end, &json!({})).await.good();
    };
    let did = held_between_reads(&world, &script, meanwhile).await;
    let what = format!("partnership {}", world.partnership);
    assert_eq!(
        did.results[3],
        denied("overlaps:read", &what, "the partnership has ended", "customer-admin")
    );
    // It cannot be brought to the plugin again.
    let calls = world.sim.calls().len();
    let path =
        world.acme.own(&format!("installs/{}/backfill", did.run["install"].as_str().unwrap()));
    let body = json!({ "partnership": world.partnership });
    let refused = world.acme.post(&path, &body).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "The partnership is ended, so it cannot be brought to the plugin."
    );
    assert_eq!(world.sim.calls().len(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn pausing_or_suspending_stops_a_running_plugin_at_its_next_call() {
    let world = World::start().await;
    let script = world.script(&world.grant()).await;
    script.set(&json!([set("early"), call(), call(), set("late")])).await;
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    let suspend = "/v1/review/plugins/script/suspend";
    world.host.platform.post(suspend, &json!({ "reason": "sends too much" })).await.good();
    hold.hung_up().await;
    hold.release();
    let did = script.done().await;
    for result in &did.results[1..] {
        assert_eq!(result["denied"]["what"], "anything", "{}", did.run);
    }
    assert_eq!(did.run["effects_dropped"], 1, "{}", did.run);
    assert_eq!(world.sim.calls().len(), 1);
    // Nothing of it was kept, so that it waits; so does what comes meanwhile.
    world.sim.clear_calls();
    let backfill = world.acme.own(&format!("installs/{}/backfill", script.install));
    let started =
        world.acme.post(&backfill, &json!({ "partnership": world.partnership })).await.good();
    world.runs(&script.install).await;
    let place = |id: &Value| world.acme.own(&format!("deliveries/{}", id.as_str().unwrap()));
    let stopped = place(&did.run["delivery"]);
    let waiting = world.acme.until(&stopped, |delivery| delivery["state"] == "parked").await;
    assert_eq!(waiting["state_reason"], "the platform has suspended this integration");
    assert_eq!(world.sim.calls().len(), 0);
    // Both go on by themselves.
    world.host.platform.post("/v1/review/plugins/script/resume", &json!({})).await.good();
    for path in [stopped, place(&started["delivery"])] {
        world.acme.until(&path, |delivery| delivery["state"] == "done").await;
    }
    assert_eq!(world.sim.calls().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pause_stopped_in_the_middle_is_run_again_and_loses_nothing() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let account = world.acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let append = json!({ "call": "timeline.append", "entries": [{ "account": account, "key": "k", "kind": "k", "text": "t" }] });
    script.set(&json!([set("early"), append, call()])).await;
    let change = async |verb: &str| {
        let path = world.acme.own(&format!("installs/{}/{verb}", script.install));
        world.acme.post(&path, &json!({})).await.good();
    };
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    change("pause").await;
    hold.hung_up().await;
    hold.release();
    let runs = world.runs(&script.install).await;
    let of_overlaps = |run: &&Value| run["event_kind"] == "overlaps-changed";
    let run = runs.iter().rfind(of_overlaps).unwrap();
    // It says that it went well, and knows nothing of what is not kept.
    assert_eq!((&run["ending"], &run["effects_dropped"]), (&json!("ok"), &json!(2)));
    let timeline = format!("accounts/{account}/timeline");
    assert_eq!(world.acme.all(&timeline).await.len(), 0);
    let path = world.acme.own(&format!("deliveries/{}", run["delivery"].as_str().unwrap()));
    let waits = world.acme.until(&path, |delivery| delivery["state"] == "parked").await;
    assert_eq!(waits["state_reason"], "the installation is paused");
    change("resume").await;
    world.acme.until(&path, |delivery| delivery["state"] == "done").await;
    assert_eq!(world.acme.all(&timeline).await.len(), 1);
    assert_eq!(script.asks(json!({ "call": "state.keys" })).await, json!({ "ok": ["early"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_denied_replays_to_the_same_without_network() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let steps = json!([{ "call": "overlaps.find" }, { "call": "overlaps.find", "fields": ["their-amount"] }, call(), set("x"), { "call": "fault", "code": "crm-down", "cause": "third-party" }]);
    let did = script.does(steps).await;
    assert_eq!(did.run["ending"], "fault");
    world.share(&world.globex, "hidden", &[], "view").await;
    let calls = world.sim.calls().len();
    let path = world.acme.own(&format!("runs/{}/replay", did.run["id"].as_str().unwrap()));
    let replay = world.acme.post(&path, &json!({})).await.good();
    assert_eq!((&replay["result"], &replay["at_call"]), (&json!("same"), &Value::Null), "{replay}");
    assert_eq!(world.sim.calls().len(), calls);
}
