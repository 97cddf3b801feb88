//! What third parties tell an install by calling a URL, as the sender and the customer see it.
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use venn_domain::limits;

use crate::support::{Actor, Answer, World, guest};

mod answered;
pub mod killed;
mod routed;

/// With which an address begins that the server tells.
const PUBLIC: &str = "https://venn.example";

/// A manifest of the guest `script` that listens to a shop (Standard Webhooks).
pub fn manifest() -> Value {
    let mut manifest = World::manifest("script");
    manifest["events"].as_array_mut().unwrap().push(json!("webhook"));
    manifest["webhooks"] = json!([{ "name": "shop", "title": "Orders of the shop", "signature": "standard-webhooks" }]);
    manifest
}

/// The same as another plugin, which answers its calls.
pub fn asking() -> Value {
    let mut manifest = manifest();
    manifest["name"] = json!("asking");
    manifest["events"].as_array_mut().unwrap().push(json!("request"));
    manifest["webhooks"][0]["answers"] = json!(true);
    manifest
}

/// The shop: it knows the URL and the secret.
pub struct Shop {
    path: String,
    secret: Vec<u8>,
    nobody: Actor,
}

/// Headers of a call.
pub type Headers = Vec<(&'static str, String)>;

impl Shop {
    /// From what an admin was told once.
    pub fn of(server: &str, told: &Value) -> Self {
        let path = told["url"].as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned();
        let secret = told["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
        let secret = BASE64.decode(secret.as_bytes()).unwrap();
        Self { path, secret, nobody: Actor::new(server, "", "") }
    }

    /// What it calls, without the server.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The headers of a call that is signed.
    pub fn signed(&self, id: &str, at_s: &str, body: &[u8]) -> Headers {
        let tag = code(&self.secret, &[id.as_bytes(), at_s.as_bytes(), body].join(&b'.'));
        vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at_s.to_owned()),
            ("webhook-signature", format!("v1,{}", BASE64.encode(&tag))),
        ]
    }

    /// Calls with these headers.
    pub async fn calls(&self, headers: &Headers, body: &[u8]) -> Answer {
        self.calls_at("", headers, body).await
    }

    /// The same with something after the URL.
    pub async fn calls_at(&self, rest: &str, headers: &Headers, body: &[u8]) -> Answer {
        call(&self.nobody, &format!("{}{rest}", self.path), headers, body).await
    }

    /// A good call at this moment; the receipt.
    pub async fn tells(&self, world: &World, id: &str, body: &[u8]) -> String {
        let headers = self.signed(id, &now_s(world), body);
        receipt(&self.calls(&headers, body).await)
    }
}

pub fn code(secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    code.update(text);
    code.finalize().into_bytes().to_vec()
}

pub async fn call(who: &Actor, path: &str, headers: &Headers, body: &[u8]) -> Answer {
    let request = who.request(reqwest::Method::POST, path).body(body.to_vec());
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    who.send(request).await
}

/// What a sender is told of a call that was taken.
#[track_caller]
pub fn receipt(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    answer.headers["venn-receipt"].to_str().unwrap().to_owned()
}

pub fn now_s(world: &World) -> String {
    (world.host.app.clock.now().0 / 1_000_000).to_string()
}

/// Acme with the plugin enabled.
pub async fn installed(world: &World) -> String {
    world.listed(&manifest(), guest("script")).await;
    let config = json!({ "steps": { "webhook": [{ "call": "event" }] } });
    let install = world.enabled("script", &world.grant(), &config).await;
    world.runs(&install).await;
    install
}

/// The same with the webhook open: the shop that knows of it.
pub async fn opened(world: &World) -> (String, Shop) {
    let install = installed(world).await;
    let path = format!("installs/{install}/webhooks/shop/open");
    let told = world.acme.post(&world.acme.own(&path), &json!({})).await.good();
    let shop = Shop::of(&world.host.url, &told);
    (install, shop)
}

async fn listed(world: &World, install: &str) -> Value {
    let path = world.acme.own(&format!("installs/{install}/webhooks"));
    world.acme.get(&path).await.good()["webhooks"].clone()
}

/// Runs of an install on calls, newest first.
pub async fn told(world: &World, install: &str) -> Vec<Value> {
    let runs = world.runs(install).await;
    runs.into_iter().filter(|run| run["event_kind"] == "webhook").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_runs_the_plugin_with_what_was_sent() {
    let world = World::start().await;
    let install = installed(&world).await;
    let closed = json!([{ "name": "shop", "title": "Orders of the shop", "refused": [],
        "signature": "standard-webhooks", "is_open": false, "url": null, "routing_key": null,
        "previous_until": null, "received_at": null }]);
    assert_eq!(listed(&world, &install).await, closed);
    let path = world.acme.own(&format!("installs/{install}/webhooks/shop/open"));
    let opened = world.acme.post(&path, &json!({})).await.good();
    let shop = Shop::of(&world.host.url, &opened);
    let body = b"{\"order\":7,\"note\":\"\xff\"}";
    let mut headers = shop.signed("msg_1", &now_s(&world), body);
    headers.push(("content-type", "application/json".to_owned()));
    headers.push(("authorization", "Bearer canary-5521".to_owned()));
    headers.push(("x-shop-topic", "orders/paid".to_owned()));
    let answer = shop.calls_at("/eu/orders?a=1&b=%2F", &headers, body).await;
    let receipt = receipt(&answer);
    let runs = told(&world, &install).await;
    assert_eq!((runs.len(), &runs[0]["ending"]), (1, &json!("ok")), "{runs:?}");
    assert_eq!((&runs[0]["delivery"], &runs[0]["subject"]), (&json!(receipt), &json!("shop")));
    let summary: Value = serde_json::from_str(runs[0]["summary"].as_str().unwrap()).unwrap();
    let text = summary[0]["payload"].as_str().unwrap();
    let payload: Value = serde_json::from_str(text).unwrap();
    let schema = include_str!("../../wit/events/webhook.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&payload), "{payload}");
    let members = ["webhook", "method", "path", "query"].map(|name| payload[name].clone());
    assert_eq!(members, ["shop", "POST", "/eu/orders", "a=1&b=%2F"].map(|text| json!(text)));
    assert_eq!(payload["body_base64"], BASE64.encode(body));
    let sent = payload["headers"].as_array().unwrap();
    assert!(sent.contains(&json!({ "name": "x-shop-topic", "value": "orders/paid" })), "{sent:?}");
    assert!(sent.contains(&json!({ "name": "webhook-id", "value": "msg_1" })), "{sent:?}");
    assert!(!text.contains("canary-5521") && !text.contains("v1,"), "{text}");
    let now = &listed(&world, &install).await[0];
    assert_eq!((&now["is_open"], &now["url"]), (&json!(true), &opened["url"]));
    assert_eq!(now["received_at"], "2026-01-01T00:00:00.000000Z");
    // Told once: nobody reads it again, and it is nowhere in the clear.
    let secret = opened["secret"].as_str().unwrap();
    assert!(world.host.data.places_with(secret.as_bytes()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_answered_like_any_other_that_does_not_exist() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let nobody = Actor::new(&world.host.url, "", "");
    let headers = shop.signed("msg_1", &now_s(&world), b"{}");
    let nothing = call(&nobody, "/nothing", &headers, b"{}").await;
    nothing.clone().refused(404, "not-found");
    let (id, code) = shop.path.rsplit_once('_').unwrap();
    let other_code = format!("{id}_{}", code.chars().rev().collect::<String>());
    let other_id = format!("/hooks/whk_01k5v2m8q4r7t9w3x6z1b0c5d8_{code}");
    let close = world.acme.own(&format!("installs/{install}/webhooks/shop"));
    for path in [
        "/hooks/x",
        "/hooks/plugins/script",
        "/hooks/plugins/script/shop",
        "/hooks/plugins/none/shop",
        &other_code,
        &other_id,
        &shop.path[..shop.path.len() - 2],
    ] {
        let answer = call(&nobody, path, &headers, b"{}").await;
        assert_eq!((answer.status, &answer.text), (404, &nothing.text), "{path}");
    }
    // Taken under its own, and gone with it.
    receipt(&shop.calls(&headers, b"{}").await);
    let call_of = reqwest::Method::DELETE;
    world.acme.call(call_of, &close, None).await.good();
    let answer = shop.calls(&headers, b"{}").await;
    assert_eq!((answer.status, &answer.text), (404, &nothing.text));
    assert_eq!(told(&world, &install).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_or_a_wish_without_sense_is_refused_with_words() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let large = vec![b' '; (1 << 20) + 1];
    let headers = shop.signed("msg_1", &now_s(&world), &large);
    let told = shop.calls(&headers, &large).await.refused(413, "too-large");
    assert_eq!(told["detail"], "The body is larger than 1048576 bytes (limit `webhook.body`).");
    let largest = &large[1..];
    receipt(&shop.calls(&shop.signed("msg_2", &now_s(&world), largest), largest).await);
    let path = |end: &str| world.acme.own(&format!("installs/{install}/webhooks/{end}"));
    let refused = async |end: &str, body: Value| {
        let told = world.acme.post(&path(end), &body).await.refused(422, "invalid");
        let problem = &told["problems"][0];
        ["place", "reason", "next_step"]
            .map(|key| problem[key].as_str().unwrap().to_owned())
            .join(" | ")
    };
    assert_eq!(
        refused("shop/open", json!({ "secret": "" })).await,
        "secret | it has fewer than 16 bytes | Copy it from the sender's settings"
    );
    assert_eq!(
        refused("shop/open", json!({ "secret": "whsec_no base64" })).await,
        "secret | it is not `whsec_` with base64 after it | Copy it from the sender's settings"
    );
    assert_eq!(
        refused("shop/open", json!({ "routing_key": "T1" })).await,
        "routing_key | this webhook has a URL of the install's own | Leave it out"
    );
    assert_eq!(
        refused("shop/rotate", json!({ "overlap_s": 0 })).await,
        "overlap_s | it is not 1 to 2592000 seconds | Choose fewer; 1 ends the present one at once"
    );
    world.acme.post(&path("none/open"), &json!({})).await.refused(404, "not-found");
    assert_eq!(told_count(&world, &install).await, 1);
}

async fn told_count(world: &World, install: &str) -> usize {
    told(world, install).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_are_good_and_no_call_is_lost() {
    let world = World::start().await;
    let (install, before) = opened(&world).await;
    let path = world.acme.own(&format!("installs/{install}/webhooks/shop/rotate"));
    let rotated = world.acme.post(&path, &json!({ "overlap_s": 60 })).await.good();
    assert_eq!(rotated["previous_until"], "2026-01-01T00:01:00.000000Z");
    let now = Shop::of(&world.host.url, &rotated);
    assert_eq!(now.path, before.path, "the sender keeps calling the same");
    before.tells(&world, "msg_1", b"{}").await;
    now.tells(&world, "msg_2", b"{}").await;
    world.host.advance_ms(60_000);
    let late = before.signed("msg_3", &now_s(&world), b"{}");
    before.calls(&late, b"{}").await.refused(401, "webhook-unsigned");
    now.tells(&world, "msg_3", b"{}").await;
    assert_eq!(told_count(&world, &install).await, 3);
    let refused = &listed(&world, &install).await[0]["refused"];
    assert_eq!(refused, &json!([{ "reason": "wrong-signature", "count": 1 }]));
    let audit = world.acme.all("audit?action=webhook.").await;
    let audit: Vec<_> = audit.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(audit, ["webhook.rotated", "webhook.opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_an_install_is_paused_waits_for_it() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let change = async |verb: &str| {
        let path = world.acme.own(&format!("installs/{install}/{verb}"));
        world.acme.post(&path, &json!({})).await.good();
    };
    change("pause").await;
    let receipt = shop.tells(&world, "msg_1", b"{}").await;
    let done = async || {
        let runs = told(&world, &install).await;
        runs.iter().filter(|run| run["ending"] == "ok").count()
    };
    assert_eq!(done().await, 0);
    let waits = world.acme.own(&format!("deliveries/{receipt}"));
    assert_eq!(world.acme.get(&waits).await.good()["state"], "parked");
    change("resume").await;
    assert_eq!(done().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_there_may_be_are_told_when_to_come_again() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let app = &world.host.app;
    let open = app.store.webhooks(&install.parse().unwrap()).await.unwrap().remove(0);
    for _ in 0..limits::WEBHOOK_CALLS_INSTALL {
        app.heard.spend(&open, app.clock.now()).unwrap();
    }
    let headers = shop.signed("msg_1", &now_s(&world), b"{}");
    let told = shop.calls(&headers, b"{}").await;
    assert_eq!(told.headers["retry-after"], "1");
    let told = told.refused(429, "too-many");
    assert_eq!(told["detail"], "This webhook is called more often than it may be.");
    assert_eq!(told_count(&world, &install).await, 0);
    world.host.advance_ms(100);
    let first = receipt(&shop.calls(&headers, b"{}").await);
    shop.calls(&shop.signed("msg_2", &now_s(&world), b"{}"), b"{}").await.refused(429, "too-many");
    let again = shop.calls(&headers, b"{}").await;
    assert_eq!(receipt(&again), first, "what came before costs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_paused_install_is_bounded_and_what_was_taken_is_kept() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let pause = world.acme.own(&format!("installs/{install}/pause"));
    world.acme.post(&pause, &json!({})).await.good();
    let body = vec![b' '; 1 << 20];
    let mut taken = 0;
    let refused = loop {
        let headers = shop.signed(&format!("msg_{taken}"), &now_s(&world), &body);
        let answer = shop.calls(&headers, &body).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(refused.headers["retry-after"], "60");
    let detail = &refused.refused(429, "too-many")["detail"];
    let expected = "As many calls wait for this install as may (limit `webhook.waiting.bytes`).";
    assert_eq!(detail, expected);
    // A body of a megabyte is a payload of a third more.
    assert_eq!(taken, 47);
    let deliveries = world.acme.all(&format!("deliveries?install={install}")).await;
    let calls = deliveries.iter().filter(|one| one["event_kind"] == "webhook");
    assert_eq!(calls.count(), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_keeps_its_secret_until_it_is_rotated() {
    let world = World::start().await;
    let (install, shop) = opened(&world).await;
    let path = world.acme.own(&format!("installs/{install}/webhooks/shop/open"));
    let again = world.acme.post(&path, &json!({})).await.good();
    assert_eq!(again["url"], format!("{PUBLIC}{}", shop.path()));
    assert_eq!(again["secret"], Value::Null);
    let given = json!({ "secret": "whsec_OGY3NDIyMzFiMTBlODg4OGFiY2Q5OXl5eXp6ejg1YTU=" });
    let told = world.acme.post(&path, &given).await.refused(409, "wrong-state");
    assert_eq!(told["detail"], "The webhook is open already, with another secret or this one.");
    shop.tells(&world, "msg_1", b"{}").await;
}

/// Hex, as Slack writes it.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
