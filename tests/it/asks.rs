//! What people ask of an install by the API: the plugin's answer is the call's.
use data_encoding::BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::limits;

use crate::support::{Actor, Answer, World, guest, storm::suspended};

/// A manifest of the guest `script` that offers one action.
pub fn manifest() -> Value {
    let mut manifest = World::manifest("script");
    manifest["events"].as_array_mut().unwrap().push(json!("request"));
    manifest["actions"] =
        json!([{ "name": "overlaps", "title": "Overlaps of a company", "text": "Its domain." }]);
    manifest
}

/// Acme with the plugin enabled, which does this when it is asked.
pub async fn offered(world: &World, steps: Value) -> String {
    world.listed(&manifest(), guest("script")).await;
    let config = json!({ "steps": { "request": steps } });
    let install = world.enabled("script", &world.grant(), &config).await;
    world.runs(&install).await;
    install
}

async fn asked(steps: Value) -> (World, String) {
    let world = World::start().await;
    let install = offered(&world, steps).await;
    (world, install)
}

fn event() -> Value {
    json!([{ "call": "event" }])
}

/// What calls a third party, which a test can hold.
fn calls_out() -> Value {
    json!([{ "call": "http.send", "method": "GET", "connection": "crm",
        "url": "https://api.hubapi.com/crm/v3/objects/tasks" }])
}

async fn ask(who: &Actor, install: &str, body: &Value) -> Answer {
    let path = format!("/v1/organizations/acme/installs/{install}/ask");
    who.post(&path, body).await
}

/// Asks for the one action that there is.
async fn asks(world: &World, install: &str) -> Answer {
    ask(&world.acme, install, &json!({ "action": "overlaps" })).await
}

/// What the plugin answered, as JSON.
fn said(told: &Value) -> Value {
    assert_eq!(told["answer"]["content_type"], "application/json", "{told}");
    let body = told["answer"]["body_base64"].as_str().unwrap();
    serde_json::from_slice(&BASE64.decode(body.as_bytes()).unwrap()).unwrap()
}

/// Its runs on what was asked, newest first.
async fn of_asks(world: &World, install: &str) -> Vec<Value> {
    let runs = world.runs(install).await;
    runs.into_iter().filter(|run| run["event_kind"] == "request").collect()
}

async fn change(world: &World, install: &str, verb: &str) {
    let path = world.acme.own(&format!("installs/{install}/{verb}"));
    world.acme.post(&path, &json!({})).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asks_and_gets_the_plugins_answer() {
    let (world, install) = asked(event()).await;
    let me = world.acme.get("/v1/me").await.good();
    let input = json!({ "limit": 5, "deep": { "er": [null] } });
    let body = json!({ "action": "overlaps", "text": "canary-3117 \u{202e}", "input": input });
    let answer = ask(&world.acme, &install, &body).await;
    assert_eq!((answer.status, answer.kind.as_str()), (200, "application/json"));
    let told = answer.good();
    let event = &said(&told)[0];
    assert_eq!((&event["kind"], &event["subject"]), (&json!("request"), &json!("overlaps")));
    let payload: Value = serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
    let expected = json!({ "action": "overlaps", "text": "canary-3117 \u{202e}", "input": input,
        "user": me["user_id"] });
    assert_eq!(payload, expected);
    let schema = include_str!("../../wit/events/request.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&payload), "{payload}");

    let runs = of_asks(&world, &install).await;
    assert_eq!((runs.len(), &runs[0]["ending"]), (1, &json!("ok")), "{runs:?}");
    assert_eq!((&told["run"], &told["delivery"]), (&runs[0]["id"], &runs[0]["delivery"]));
    assert_eq!((&told["state"], &told["summary"]), (&json!("done"), &runs[0]["summary"]));
    // That somebody asked is in the audit, what they typed is not.
    let mut audit = world.acme.all("audit?action=install.ask").await;
    // Which token it was, the audit adds to everything by itself.
    audit[0]["detail"].as_object_mut().unwrap().remove("token").unwrap();
    assert_eq!((audit.len(), &audit[0]["actor"]), (1, &me["user_id"]));
    assert_eq!(audit[0]["subject"], install);
    let path = world.acme.own(&format!("installs/{install}"));
    let plugin = &world.acme.get(&path).await.good()["plugin"];
    assert_eq!(audit[0]["detail"], json!({ "action": "overlaps", "plugin": plugin }));

    // Nothing but the action is needed.
    let plain = said(&asks(&world, &install).await.good());
    let payload: Value = serde_json::from_str(plain[0]["payload"].as_str().unwrap()).unwrap();
    assert_eq!((&payload["text"], &payload["input"]), (&json!(""), &json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_asked_is_listed_where_people_look() {
    let (world, install) = asked(event()).await;
    let actions =
        json!([{ "name": "overlaps", "title": "Overlaps of a company", "text": "Its domain." }]);
    let path = world.acme.own(&format!("installs/{install}/actions"));
    assert_eq!(world.acme.get(&path).await.good(), json!({ "actions": actions }));
    let listing = world.acme.get("/v1/marketplace/plugins/script").await.good();
    assert_eq!(listing["actions"], actions);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_and_nothing_is_left_of_it() {
    let (world, install) = asked(event()).await;
    let unknown = ask(&world.acme, &install, &json!({ "action": "overlap" })).await;
    let unknown = unknown.refused(422, "invalid");
    assert_eq!(unknown["detail"], "action: the plugin offers no `overlap`.");
    assert_eq!(unknown["next_step"], "Choose one of these: overlaps.");
    let body = json!({ "action": "overlaps" });
    ask(&world.globex, &install, &body).await.refused(404, "not-found");
    ask(&world.acme, "ins_7zzzzzzzzzzzzzzzzzzzzzzzzz", &body).await.refused(404, "not-found");

    change(&world, &install, "pause").await;
    let paused = asks(&world, &install).await.refused(409, "wrong-state");
    let told = ("The install is paused.", "`venn installs resume main` lets it go on.");
    assert_eq!((&paused["detail"], &paused["next_step"]), (&json!(told.0), &json!(told.1)));
    let run = world.acme.own(&format!("installs/{install}/run"));
    let paused = world.acme.post(&run, &json!({})).await.refused(409, "wrong-state");
    assert_eq!((&paused["detail"], &paused["next_step"]), (&json!(told.0), &json!(told.1)));
    change(&world, &install, "resume").await;

    suspended(&world, "script", true).await;
    let stopped = asks(&world, &install).await.refused(409, "wrong-state");
    assert_eq!(
        stopped["detail"],
        "Nothing of the install runs now (the platform suspended the plugin: A test.)."
    );
    assert_eq!(
        stopped["next_step"],
        "Ask again once it runs: `GET …/installs/{install}` says under `stopped` what is in its way."
    );
    suspended(&world, "script", false).await;

    assert!(of_asks(&world, &install).await.is_empty());
    assert!(world.acme.all("audit?action=install.ask").await.is_empty());
    assert_eq!(asks(&world, &install).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_offers_nothing_says_so() {
    let world = World::start().await;
    let script = world.script(&world.grant()).await;
    let refused = asks(&world, &script.install).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "action: this plugin offers none.");
    assert_eq!(
        refused["next_step"],
        "Ask an install whose plugin offers actions: `GET …/installs/{install}/actions`."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ask_again_runs_once() {
    let (world, install) = asked(event()).await;
    let path = world.acme.own(&format!("installs/{install}/ask"));
    let again = async || {
        let request = world.acme.request(Method::POST, &path).header("idempotency-key", "ask-1");
        let body = json!({ "action": "overlaps", "text": "acme" });
        world.acme.send(request.json(&body)).await
    };
    let (first, second) = (again().await, again().await);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.text, second.text);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(of_asks(&world, &install).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_a_plugin_that_fails_is_told_at_once_and_can_ask_again() {
    let fault = json!({ "call": "fault", "code": "x", "cause": "plugin", "message": "No luck." });
    for steps in [json!([fault]), json!([{ "call": "panic", "message": "No luck." }])] {
        let (world, install) = asked(steps).await;
        let told = asks(&world, &install).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let told = told.good();
        assert_eq!((&told["state"], &told["answer"]), (&json!("dead"), &Value::Null), "{told}");
        let run = &of_asks(&world, &install).await[0];
        assert_eq!((&told["run"], &told["summary"]), (&run["id"], &run["summary"]));
        assert_ne!(told["summary"], "");
        let delivery = told["delivery"].as_str().unwrap();
        let delivery = world.acme.own(&format!("deliveries/{delivery}"));
        let delivery = world.acme.get(&delivery).await.good();
        assert_eq!(delivery["state_reason"], "it failed, and who asked can ask again");

        // It holds up nobody, and an ask that ends well ends the trouble.
        assert_eq!(world.publisher.all("inbox?state=open").await.len(), 1);
        let config = world.acme.own(&format!("installs/{install}/config"));
        world.acme.put(&config, &json!({ "steps": { "request": event() } })).await.good();
        assert_eq!(said(&asks(&world, &install).await.good())[0]["subject"], "overlaps");
        assert!(world.publisher.all("inbox?state=open").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_that_fail_put_nothing_to_rest_and_what_rests_says_so_at_once() {
    let panics = json!([{ "call": "panic", "message": "No luck." }]);
    let (world, install) = asked(panics.clone()).await;
    let acme = &world.acme;
    let place = acme.own(&format!("installs/{install}"));
    for _ in 0..=limits::BREAKER_FAILURES {
        assert_eq!(asks(&world, &install).await.good()["state"], "dead");
    }
    assert_eq!(acme.get(&place).await.good()["resting"], Value::Null);

    // What comes by itself and fails as often does.
    let steps = json!({ "steps": { "request": event(), "overlaps-changed": panics } });
    acme.put(&format!("{place}/config"), &steps).await.good();
    let body = json!({ "partnership": world.partnership });
    let delivery = acme.post(&format!("{place}/backfill"), &body).await.good()["delivery"].clone();
    let id = delivery["id"].as_str().or(delivery.as_str()).unwrap();
    let again = acme.own(&format!("deliveries/{id}/redeliver"));
    for _ in 1..limits::BREAKER_FAILURES {
        world.runs(&install).await;
        acme.post(&again, &json!({})).await.good();
    }
    world.runs(&install).await;
    let resting = acme.get(&place).await.good()["resting"].clone();
    let next = format!(
        "`venn installs try main` lets it try now; by itself it tries next at {}.",
        resting["next_try_at"].as_str().unwrap()
    );
    let why = "The install rests after failures in a row, because its code fails.";
    let before = of_asks(&world, &install).await.len();
    for refused in [asks(&world, &install).await, acme.post(&again, &json!({})).await] {
        let refused = refused.refused(409, "wrong-state");
        assert_eq!((&refused["detail"], &refused["next_step"]), (&json!(why), &json!(next)));
    }
    assert_eq!(of_asks(&world, &install).await.len(), before);
    // It is asked again from the moment on in which it tries again.
    world.host.advance_ms(72_000);
    world.runs(&install).await;
    acme.put(&format!("{place}/config"), &json!({ "steps": { "request": event() } })).await.good();
    world.runs(&install).await;
    assert_eq!(said(&asks(&world, &install).await.good())[0]["subject"], "overlaps");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_is_told_where_to_look_and_goes_on() {
    let (world, install) = asked(calls_out()).await;
    let hold = world.sim.hold("/crm");
    let told = asks(&world, &install).await;
    assert_eq!(told.status, 202, "{}", told.text);
    let told = told.good();
    assert!(["ready", "leased"].contains(&told["state"].as_str().unwrap()), "{told}");
    let rest = ["run", "answer", "summary"].map(|key| told[key].clone());
    assert_eq!(rest, [Value::Null, Value::Null, json!("")]);
    hold.release();
    let runs = of_asks(&world, &install).await;
    assert_eq!((runs.len(), &runs[0]["ending"]), (1, &json!("ok")), "{runs:?}");
    assert_eq!(runs[0]["delivery"], told["delivery"]);
    let path = world.acme.own(&format!("deliveries/{}", told["delivery"].as_str().unwrap()));
    assert_eq!(world.acme.get(&path).await.good()["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_too_much_waits_nothing_more_can_be_asked() {
    let (world, install) = asked(calls_out()).await;
    let hold = world.sim.hold("/crm");
    let second = async {
        hold.held(1).await;
        // As if it were as large as all that may wait.
        world.host.tamper("UPDATE delivery SET call_bytes = 67108864 WHERE state = 'leased'").await;
        let refused = asks(&world, &install).await;
        hold.release();
        refused
    };
    let (first, refused) = tokio::join!(asks(&world, &install), second);
    assert_eq!(refused.headers["retry-after"], "60");
    let refused = refused.refused(429, "too-many");
    let expected = "As many calls wait for this install as may (limit `webhook.waiting.bytes`).";
    assert_eq!(refused["detail"], expected);
    first.good();
    assert_eq!(of_asks(&world, &install).await.len(), 1);
    // What is finished waits no more.
    asks(&world, &install).await.good();
}
