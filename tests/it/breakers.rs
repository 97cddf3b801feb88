//! A bad day of a service, and what stalls without failing: nobody's integration is
//! switched off, everybody concerned is told, and it goes on by itself.
use serde_json::{Value, json};
use venn_domain::limits;
use venn_testkit::Fault;

use crate::{
    support::{Actor, CrmTasks, World, world::CRM_TOKEN},
    waiting::{NOTHING, line, waits},
    webhooks,
};

const MINUTE_MS: i64 = 60_000;
/// Longer than the longest pause, whatever chance adds.
const PAUSE_MS: i64 = 37 * MINUTE_MS;

async fn shown(world: &World, install: &str) -> Value {
    world.acme.get(&world.acme.own(&format!("installs/{install}"))).await.good()
}

async fn started(who: &Actor, world: &World, install: &str) {
    let path = who.own(&format!("installs/{install}/backfill"));
    who.post(&path, &json!({ "partnership": world.partnership })).await.good();
}

/// Acme has the example plugin enabled.
async fn with_crm_tasks() -> (World, String) {
    let world = World::with_overlaps(3).await;
    let plugin = CrmTasks::Rust;
    world.listed(&plugin.manifest(), plugin.component()).await;
    let config = json!({ "min_confidence": "likely" });
    let install = world.enabled(plugin.name(), &world.grant(), &config).await;
    world.runs(&install).await;
    (world, install)
}

/// The same plugin at Globex.
async fn at_globex(world: &World) -> String {
    let globex = &world.globex;
    world.share(&world.acme, "overlaps", &["name", "owner"], "egress").await;
    let body = json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": CRM_TOKEN });
    let connection = globex.post(&globex.own("connections"), &body).await.good();
    let body = json!({
        "plugin": "crm-tasks", "name": "theirs", "grant": world.grant(),
        "config": { "min_confidence": "likely" }, "connections": { "crm": connection["id"] },
    });
    let made = globex.post(&globex.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap().to_owned();
    globex.post(&globex.own(&format!("installs/{install}/enable")), &json!({})).await.good();
    install
}

/// Waits until all work of an organization is done.
async fn all_done(who: &Actor) {
    let done =
        |page: &Value| page["items"].as_array().unwrap().iter().all(|one| one["state"] == "done");
    who.until(&who.own("deliveries?limit=200"), done).await;
}

/// Lets the service fail until the install rests.
async fn rested(world: &World, install: &str) -> Value {
    world.sim.fail(Fault::Unavailable { retry_after_s: None });
    for _ in 0..3 {
        started(&world.acme, world, install).await;
    }
    for _ in 0..8 {
        world.runs(install).await;
        let resting = shown(world, install).await["resting"].clone();
        if !resting.is_null() {
            return resting;
        }
        world.host.advance_ms(150 * MINUTE_MS);
    }
    panic!("it does not rest: {}", shown(world, install).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_for_a_day_switches_nothing_off_and_loses_nothing() {
    let (world, install) = with_crm_tasks().await;
    let theirs = at_globex(&world).await;
    world.paired().await;
    all_done(&world.globex).await;
    let resting = rested(&world, &install).await;
    let next = resting["next_try_at"].as_str().unwrap().to_owned();
    assert_eq!(
        (&resting["failures"], &resting["why"]),
        (&json!(5), &json!("a service that it calls has trouble"))
    );
    assert_eq!(resting["since"], world.host.app.clock.now().to_string());
    assert_eq!(shown(&world, &install).await["state"], "active");

    // Never silent: customer, publisher and platform are told, and nobody else.
    let title = "main rests after failures in a row";
    let us = line("install-resting", title, "venn installs try main", false);
    assert_eq!(waits(&world.acme).await, us);
    let text = format!(
        "Because a service that it calls has trouble. It is tried again by itself, next at {next}; \
         until it works, its events wait, and none is lost."
    );
    assert_eq!(world.acme.all("waiting").await[0]["text"], text);
    let title = "1 install of crm-tasks rests after failures in a row";
    let plugin = line("plugin-resting", title, "venn marketplace show crm-tasks", false);
    let told = waits(&world.publisher).await;
    assert!(told.contains(&plugin[0]), "{told:?}");
    assert_eq!(waits(&world.host.platform).await, plugin);
    assert_eq!(waits(&world.globex).await, NOTHING);
    assert_eq!(world.host.app.store.backlog().await.unwrap().resting, 1);

    // For a day one event is tried now and then, and nothing else is called.
    let before = world.sim.calls().len();
    for _ in 0..40 {
        world.host.advance_ms(PAUSE_MS);
        // The moment has come, so it does not rest until that probe has ended.
        world.runs(&install).await;
    }
    let calls = world.sim.calls().len() - before;
    assert!((40..=80).contains(&calls), "{calls} calls in a day");
    let deliveries = world.acme.all(&format!("deliveries?install={install}")).await;
    for one in &deliveries {
        assert!(one["state"] == "done" || one["state"] == "ready", "{one}");
        assert!(one["attempt"].as_u64().unwrap() <= limits::BREAKER_FAILURES, "{one}");
    }

    // The service is back. Who does not rest goes on at once, and the other by itself.
    world.sim.clear_faults();
    started(&world.globex, &world, &theirs).await;
    all_done(&world.globex).await;
    assert!(!shown(&world, &install).await["resting"].is_null());
    world.host.advance_ms(PAUSE_MS);
    all_done(&world.acme).await;
    let healed = shown(&world, &install).await;
    assert_eq!((&healed["state"], &healed["resting"]), (&json!("active"), &Value::Null));
    assert_eq!(waits(&world.acme).await, NOTHING);
    assert_eq!(waits(&world.host.platform).await, NOTHING);
    assert_eq!(world.acme.all("inbox?state=open").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_wait_tries_now() {
    let (world, install) = with_crm_tasks().await;
    rested(&world, &install).await;
    world.sim.clear_faults();
    let path = world.acme.own(&format!("installs/{install}/try"));
    let tried = world.acme.post(&path, &json!({})).await.good();
    assert_eq!(tried["id"], install);
    all_done(&world.acme).await;
    assert_eq!(shown(&world, &install).await["resting"], Value::Null);
    let audit = world.acme.all("audit?action=install.tried").await;
    assert_eq!((audit.len(), &audit[0]["detail"]["rested"]), (1, &json!(true)));
    // Of one that does not rest nothing changes.
    assert_eq!(world.acme.post(&path, &json!({})).await.good()["resting"], Value::Null);
    world.acme.post(&world.acme.own(&format!("installs/{install}/pause")), &json!({})).await.good();
    let refused = world.acme.post(&path, &json!({})).await.refused(409, "wrong-state");
    assert_eq!(refused["detail"], "The install is paused.");
    world.globex.post(&path, &json!({})).await.refused(404, "not-found");
}

/// What an inbox has of detectors.
async fn found(who: &Actor, state: &str) -> Vec<Value> {
    let mut items = who.all(&format!("inbox?state={state}")).await;
    items.retain(|item| item["kind"] == "triage");
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_end_well_and_get_nowhere_are_told_with_the_twentieth() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let call = json!({ "call": "http.send", "method": "GET", "connection": "crm",
        "url": "https://api.hubapi.com/crm/v3/objects/tasks" });
    script.set(&json!([call])).await;
    world.sim.fail(Fault::Unavailable { retry_after_s: None });
    let some_runs = async |times: u64| {
        for _ in 0..times {
            script.start().await;
        }
        let did = script.done().await;
        assert_eq!(did.run["ending"], "ok", "{}", did.run);
    };
    some_runs(limits::STILL_RUNS - 1).await;
    assert_eq!(found(&world.host.platform, "open").await, Vec::<Value>::new());
    some_runs(2).await;
    let open = found(&world.host.platform, "open").await;
    assert_eq!(open.len(), 1, "told once: {open:?}");
    assert_eq!(
        (&open[0]["title"], &open[0]["is_owner"]),
        (&json!("script runs and gets nowhere"), &json!(true))
    );
    for who in [&world.acme, &world.publisher] {
        let told = found(who, "open").await;
        assert_eq!((told.len(), &told[0]["is_owner"]), (1, &json!(false)));
    }
    assert_eq!(found(&world.globex, "open").await, Vec::<Value>::new());
    let incident = &world.acme.all("incidents").await[0];
    assert_eq!((&incident["class"], &incident["kind"]), (&json!("unknown"), &json!("no-progress")));
    world.sim.clear_faults();
    some_runs(1).await;
    assert_eq!(found(&world.host.platform, "open").await, Vec::<Value>::new());
    assert_eq!(found(&world.acme, "resolved").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_goes_silent_is_told_ten_minutes_after_three_of_its_gaps() {
    let world = World::start().await;
    let (install, shop) = webhooks::opened(&world).await;
    for call in 0..12 {
        world.host.advance_ms(60 * MINUTE_MS);
        shop.tells(&world, &format!("msg_{call}"), b"{}").await;
        world.runs(&install).await;
    }
    assert_eq!(found(&world.host.platform, "open").await, Vec::<Value>::new());
    world.host.advance_ms(3 * 60 * MINUTE_MS + limits::SILENCE_LOOK_MS.cast_signed());
    let path = world.host.platform.own("inbox?state=open");
    let told = |page: &Value| page["items"][0]["title"] == "script has gone silent";
    world.host.platform.until(&path, told).await;
    assert_eq!(found(&world.acme, "open").await.len(), 1);
    assert_eq!(world.host.app.store.backlog().await.unwrap().stalled["silence"], 1);
    shop.tells(&world, "msg_late", b"{}").await;
    world.runs(&install).await;
    assert_eq!(found(&world.acme, "open").await, Vec::<Value>::new());
    assert_eq!(found(&world.host.platform, "resolved").await.len(), 1);
}
