//! The server is killed while it takes a call: what was answered is there, and a call that
//! is sent again is one event.
use serde_json::{Value, json};

use super::{Shop, call};
use crate::{
    crash::{PUBLIC, Scene, finished},
    support::Actor,
};

/// Calls before the one in which it dies.
const BEFORE: usize = 3;

/// On the way of a call.
pub const POINTS: &[&str] = &["webhook.before-commit", "webhook.committed", "webhook.opened"];

/// An enabled install that listens; its id.
async fn listening(scene: &Scene) -> String {
    let (mut process, acme, _) = scene.start_as(public).await;
    let install = scene.enabled(&acme, "shop", "script", json!({})).await;
    finished(&acme).await;
    process.child.kill().await.unwrap();
    install
}

fn public(command: &mut tokio::process::Command) {
    command.env(PUBLIC.0, PUBLIC.1);
}

fn now() -> String {
    jiff::Timestamp::now().as_second().to_string()
}

/// A call of which the sender hears nothing.
async fn unheard(server: &str, shop: &Shop, id: &str) {
    let nobody = Actor::new(server, "", "");
    let request = nobody.request(reqwest::Method::POST, shop.path()).body("{}");
    let headers = shop.signed(id, &now(), b"{}");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    assert!(request.send().await.is_err(), "it was answered by who was dead");
}

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    let install = listening(&scene).await;
    let (mut process, acme, _) = scene.start_as(public).await;
    let path = acme.own(&format!("installs/{install}/webhooks/shop/open"));
    let told = acme.post(&path, &json!({})).await.good();
    process.child.kill().await.unwrap();

    let armed = format!("{point}:{}", BEFORE + 1);
    let (process, _, _) = scene
        .start_as(|command| {
            public(command);
            command.env("VENN_CRASH_AT", armed);
        })
        .await;
    let shop = Shop::of(process.url(), &told);
    let mut answered = Vec::new();
    for n in 0..BEFORE {
        let headers = shop.signed(&format!("msg_{n}"), &now(), b"{}");
        answered.push(super::receipt(&shop.calls(&headers, b"{}").await));
    }
    unheard(process.url(), &shop, "msg_last").await;
    process.killed().await;

    let (process, acme, _) = scene.start_as(public).await;
    for receipt in &answered {
        acme.get(&acme.own(&format!("deliveries/{receipt}"))).await.good();
    }
    // The sender had no answer and calls again: it is the event that was taken, or a new one.
    let again = Shop::of(process.url(), &told);
    let headers = again.signed("msg_last", &now(), b"{}");
    let nobody = Actor::new(process.url(), "", "");
    let receipt = super::receipt(&call(&nobody, again.path(), &headers, b"{}").await);
    assert!(!answered.contains(&receipt));
    finished(&acme).await;
    let deliveries = acme.all(&format!("deliveries?install={install}")).await;
    let calls = deliveries.iter().filter(|one| one["event_kind"] == "webhook");
    assert_eq!(calls.count(), BEFORE + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_call_is_committed() {
    killed_at(POINTS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_call_is_committed_and_before_it_is_answered() {
    killed_at(POINTS[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_webhook_is_opened_and_before_its_secret_is_told() {
    let scene = Scene::new().await;
    let install = listening(&scene).await;
    let (process, acme, _) = scene
        .start_as(|command| {
            public(command);
            command.env("VENN_CRASH_AT", POINTS[2]);
        })
        .await;
    let path = acme.own(&format!("installs/{install}/webhooks/shop/open"));
    let request = acme.request(reqwest::Method::POST, &path).json(&json!({}));
    assert!(request.send().await.is_err(), "it was answered by who was dead");
    process.killed().await;

    let (process, acme, _) = scene.start_as(public).await;
    let again = acme.post(&path, &json!({})).await.good();
    assert_eq!(again["secret"], Value::Null, "nobody was told it, and nobody is");
    let rotate = acme.own(&format!("installs/{install}/webhooks/shop/rotate"));
    let told = acme.post(&rotate, &json!({})).await.good();
    let shop = Shop::of(process.url(), &told);
    super::receipt(&shop.calls(&shop.signed("msg_1", &now(), b"{}"), b"{}").await);
}
