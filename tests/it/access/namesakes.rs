//! Naming somebody's address in one organization gives no hold on who they are
//! in another one.
use serde_json::{Value, json};

use crate::support::{World, guest};

async fn add(actor: &crate::support::Actor, email: &str) -> Value {
    let body = json!({ "email": email, "name": "Z", "role": "developer" });
    actor.post(&actor.own("members"), &body).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_address_in_two_organizations_is_two_persons() {
    let world = World::start().await;
    let real = world.acme.get("/v1/me").await.good();
    let named = add(&world.publisher, "admin@acme.example").await;
    assert_ne!(named["user_id"], real["user_id"]);
    assert_eq!(named["user_name"], "Z", "the name that is known elsewhere is not told");
    let mint = json!({ "name": "t", "scopes": ["read"], "user": real["user_id"] });
    let path = world.publisher.own("tokens");
    world.publisher.post(&path, &mint).await.refused(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_cannot_keep_an_admin_from_refusing_its_release() {
    let world = World::start().await;
    let admin = world.host.platform.get("/v1/me").await.good();
    add(&world.publisher, admin["user_email"].as_str().unwrap()).await;
    let release = world.publisher.publish(&World::manifest("script"), guest("script")).await.good();
    let path = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    let platform = &world.host.platform;
    let approve = json!({ "go": true, "reason": "looked at" });
    platform.post(&path, &approve).await.refused(403, "own-release");
    let refuse = json!({ "go": false, "reason": "looked at" });
    assert_eq!(platform.post(&path, &refuse).await.good()["state"], "refused");
}
