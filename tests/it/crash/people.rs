//! People who set a password and log in, while the server dies.
use reqwest::Method;
use serde_json::json;

use super::{
    Scene,
    calls::{entries, is_kept},
};
use crate::{
    access::sessions::{PASSWORD, invite, member},
    support::Actor,
};

walks! { killed_at:
    before_a_password_is_committed = "password.before-commit";
    after_a_password_is_committed = "password.committed";
    before_a_session_is_committed = "session.before-commit";
    after_a_session_is_committed = "session.committed";
}

const BOB: &str = "bob@acme.example";

async fn killed_at(point: &str) {
    let scene = Scene::new().await;
    if point.starts_with("password") {
        set(&scene, point).await;
    } else {
        logged_in(&scene, point).await;
    }
}

/// Logs Bob in as a page of ours does; none if the server died.
async fn log_in(server: &str) -> Option<u16> {
    let nobody = Actor::new(server, "acme", "");
    let body = json!({ "organization": "acme", "email": BOB, "password": PASSWORD });
    let request = nobody.request(Method::POST, "/v1/sessions").json(&body);
    let request = request.header("origin", server).header("sec-fetch-site", "same-origin");
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

async fn set(scene: &Scene, point: &str) {
    let (mut process, acme, _) = scene.start(None).await;
    let person = json!({ "email": BOB, "name": "Bob", "role": "user" });
    let made = acme.post(&acme.own("members"), &person).await.good();
    let invitation = invite(&acme, made["user_id"].as_str().unwrap()).await;
    process.child.kill().await.unwrap();
    let body = json!({ "invitation": invitation, "password": PASSWORD });
    let set = async |server: &str| {
        let nobody = Actor::new(server, "acme", "");
        let sent = nobody.request(Method::POST, "/v1/passwords").json(&body).send().await;
        sent.ok().map(|answer| answer.status().as_u16())
    };
    let (process, _, _) = scene.start(Some(point)).await;
    assert_eq!(set(process.url()).await, None);
    process.killed().await;

    let (process, acme, _) = scene.start(None).await;
    let kept = is_kept(point);
    assert_eq!(log_in(process.url()).await, Some(if kept { 201 } else { 401 }));
    assert_eq!(entries(&acme, "password.set").await, usize::from(kept));
    assert_eq!(set(process.url()).await, Some(if kept { 422 } else { 204 }), "used once");
    assert_eq!(log_in(process.url()).await, Some(201));
}

async fn logged_in(scene: &Scene, point: &str) {
    let (mut process, acme, _) = scene.start(None).await;
    member(&acme, BOB, "user").await;
    process.child.kill().await.unwrap();
    let (process, _, _) = scene.start(Some(point)).await;
    assert_eq!(log_in(process.url()).await, None);
    process.killed().await;

    let (process, acme, _) = scene.start(None).await;
    let kept = usize::from(is_kept(point));
    assert_eq!(entries(&acme, "session.created").await, kept);
    assert_eq!(log_in(process.url()).await, Some(201));
    assert_eq!(entries(&acme, "session.created").await, kept + 1);
}
