//! The server is killed while it takes a call: what was answered is there, and a call that
//! is sent again is one event.
use serde_json::json;

use super::{Shop, call};
use crate::{
    crash::{Scene, finished},
    support::Actor,
};

/// Calls before the one in which it dies.
const BEFORE: usize = 3;

/// On the way of a call.
pub const POINTS: [&str; 2] = ["webhook.before-commit", "webhook.committed"];

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    let public = |command: &mut tokio::process::Command| {
        command.env("VENN_PUBLIC_URL", "https://venn.example");
    };
    let (mut process, acme, _) = scene.start_as(public).await;
    let body = json!({
        "plugin": "script", "name": "shop", "config": {},
        "grant": { "capabilities": [], "partnerships": [], "populations": [], "fields": [],
            "egress_hosts": [] },
        "connections": { "crm": acme.all("connections").await[0]["id"] },
    });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap().to_owned();
    acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
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
    let now = || (jiff::Timestamp::now().as_second()).to_string();
    let mut answered = Vec::new();
    for n in 0..BEFORE {
        let headers = shop.signed(&format!("msg_{n}"), &now(), b"{}");
        answered.push(super::receipt(&shop.calls(&headers, b"{}").await));
    }
    let last = shop.signed("msg_last", &now(), b"{}");
    let nobody = Actor::new(process.url(), "", "");
    let request = nobody.request(reqwest::Method::POST, shop.path()).body("{}");
    let request = last.iter().fold(request, |request, (name, value)| request.header(*name, value));
    assert!(request.send().await.is_err(), "it was answered by who was dead");
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
