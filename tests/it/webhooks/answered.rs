//! Calls at whose other end a person waits: the plugin's answer is the call's.
use serde_json::{Value, json};

use super::{Headers, Shop, asking, now_s, receipt};
use crate::support::{Answer, World, guest};

/// Acme with a shop whose calls the plugin answers: with what it does for a `request`.
async fn asked(steps: Value) -> (World, String, Shop) {
    let world = World::start().await;
    world.listed(&asking(), guest("script")).await;
    let config = json!({ "steps": { "request": steps } });
    let install = world.enabled("asking", &world.grant(), &config).await;
    world.runs(&install).await;
    let path = format!("installs/{install}/webhooks/shop/open");
    let told = world.acme.post(&world.acme.own(&path), &json!({})).await.good();
    let shop = Shop::of(&world.host.url, &told);
    (world, install, shop)
}

async fn asks(world: &World, shop: &Shop, id: &str, kind: &'static str, body: &[u8]) -> Answer {
    let mut headers: Headers = shop.signed(id, &now_s(world), body);
    headers.push(("content-type", kind.to_owned()));
    shop.calls(&headers, body).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_by_a_call_gets_the_plugins_answer() {
    let (world, install, shop) = asked(json!([{ "call": "event" }])).await;
    let answer = asks(&world, &shop, "ask_1", FORM, b"command=%2Foverlaps&text=acme").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let event = &answer.body[0];
    assert_eq!(event["kind"], "request");
    let payload: Value = serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
    let input = json!({ "command": "/overlaps", "text": "acme" });
    assert_eq!(payload, json!({ "action": "shop", "text": "acme", "input": input, "user": null }));
    // The same call once more has the same answer, of the same run.
    let again = asks(&world, &shop, "ask_1", FORM, b"command=%2Foverlaps&text=acme").await;
    assert_eq!(again.text, answer.text);
    assert_eq!(again.headers["venn-receipt"], answer.headers["venn-receipt"]);
    let runs = world.runs(&install).await;
    assert_eq!(runs.iter().filter(|run| run["event_kind"] == "request").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_have_asked_is_refused() {
    let (world, install, shop) = asked(json!([{ "call": "event" }])).await;
    let refused = asks(&world, &shop, "ask_1", "application/json", b"[1]").await;
    assert_eq!(refused.body["detail"], "The body is neither a form nor a JSON object.");
    refused.refused(400, "webhook-unusable");
    let runs = world.runs(&install).await;
    assert!(runs.iter().all(|run| run["event_kind"] != "request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_answers_nothing() {
    let fault = json!({ "call": "fault", "code": "x", "cause": "plugin", "message": "<b>no</b>" });
    let (world, _, shop) = asked(json!([fault])).await;
    receipt(&asks(&world, &shop, "ask_1", "application/json", b"{}").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_holds_up_the_next_no_longer_than_its_answer_is_of_use() {
    let panics = json!([{ "call": "panic", "message": "No luck." }]);
    let (world, install, shop) = asked(panics).await;
    let delivery = receipt(&asks(&world, &shop, "ask_1", "application/json", b"{}").await);
    world.runs(&install).await;
    let path = world.acme.own(&format!("deliveries/{delivery}"));
    assert_eq!(world.acme.get(&path).await.good()["state"], "ready", "it is tried once more soon");
    world.host.advance_ms(6_000);
    // The attempt after that one would begin when it is given up in any case.
    let dead = world.acme.until(&path, |one| one["state"] == "dead").await;
    assert_eq!(dead["state_reason"], "another attempt would come too late");
}
