//! Review: nobody decides about their own, nobody approves more than was asked
//! for, and customers find what is approved, in plain words.
use serde_json::{Value, json};

use super::{manifest, submitted, taskworks, upload};
use crate::support::{Actor, guest};

fn ceiling() -> Value {
    json!({
        "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
        "fields": ["our-name", "their-name"],
        "egress": [{ "host": "api.hubapi.com", "port": 443, "methods": ["GET"], "paths": ["/crm"] }],
    })
}

fn decision(release: &Value) -> String {
    format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap())
}

const GO: fn() -> Value = || json!({ "go": true, "reason": "looked at" });
const APPROVAL: &str = "/v1/review/plugins/script/approval";
const SUSPEND: &str = "/v1/review/plugins/script/suspend";
const RESUME: &str = "/v1/review/plugins/script/resume";

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_go_without_a_ceiling_and_no_ceiling_beyond_the_manifest() {
    let (host, publisher) = taskworks().await;
    let platform = &host.platform;
    let early = platform.put(APPROVAL, &ceiling()).await.refused(409, "wrong-state");
    assert_eq!(early["detail"], "The plugin has no release that was submitted.");
    let release = submitted(&publisher).await;
    let refused = platform.post(&decision(&release), &GO()).await.refused(409, "wrong-state");
    assert_eq!(
        refused["next_step"],
        "Set the plugin's approval first; a decided release stays decided."
    );

    let wider = json!({
        "capabilities": ["overlaps:read"], "fields": ["their-stage"],
        "egress": [
            { "host": "api.hubapi.com", "methods": ["GET", "DELETE"], "paths": ["/crm"] },
            { "host": "api.hubapi.com", "methods": ["GET"], "paths": ["/oauth"] },
            { "host": "evil.example.com", "methods": ["GET"], "paths": ["/crm"] },
        ],
    });
    let refused = platform.put(APPROVAL, &wider).await.refused(422, "bad-grant");
    let problem = |place: &str, what: &str| {
        let reason = format!("{what} is not asked for by the release's manifest");
        json!({ "place": place, "reason": reason, "next_step": "Leave it out" })
    };
    assert_eq!(
        refused["problems"],
        json!([
            problem("fields", "field their-stage"),
            problem("egress", "host api.hubapi.com"),
            problem("egress", "host api.hubapi.com"),
            problem("egress", "host evil.example.com"),
        ])
    );
    platform.put(APPROVAL, &ceiling()).await.good();
    let reasonless = json!({ "go": true, "reason": " " });
    platform.post(&decision(&release), &reasonless).await.refused(422, "invalid");
    let approved = platform.post(&decision(&release), &GO()).await.good();
    assert_eq!(
        (&approved["state"], &approved["decision_reason"]),
        (&json!("approved"), &json!("looked at"))
    );
    // Decided once.
    let no = json!({ "go": false, "reason": "changed my mind" });
    platform.post(&decision(&release), &no).await.refused(409, "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_the_publisher_decides_in_its_favour() {
    let (host, publisher) = taskworks().await;
    let release = submitted(&publisher).await;
    let me = host.platform.get("/v1/me").await.good();
    let both = json!({ "email": me["user_email"], "name": "Both", "role": "support" });
    publisher.post(&publisher.own("members"), &both).await.good();
    let detail = "You are a member of the publisher.";
    let refused = host.platform.put(APPROVAL, &ceiling()).await.refused(403, "own-release");
    assert_eq!(refused["detail"], detail);
    let second = second_admin(&host.platform).await;
    second.put(APPROVAL, &ceiling()).await.good();
    let refused = host.platform.post(&decision(&release), &GO()).await.refused(403, "own-release");
    assert_eq!(
        (&refused["detail"], &refused["next_step"]),
        (&json!(detail), &json!("Ask another admin of the platform to decide."))
    );
    second.post(&decision(&release), &GO()).await.good();
    // Nor do they vouch for it, or let it go on; stopping is for everybody.
    let reason = json!({ "reason": "It is us." });
    let vouch = "/v1/review/publishers/taskworks/verification";
    let refused = host.platform.put(vouch, &reason).await.refused(403, "own-release");
    assert_eq!(refused["detail"], detail);
    host.platform.post(SUSPEND, &reason).await.good();
    let refused = host.platform.post(RESUME, &json!({})).await.refused(403, "own-release");
    assert_eq!(refused["detail"], detail);
    second.put(vouch, &reason).await.good();
    second.post(RESUME, &json!({})).await.good();
}

async fn second_admin(platform: &Actor) -> Actor {
    crate::access::member(platform, "admin", &["read", "write", "publish", "admin"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_own_plugin_needs_a_second_admin() {
    let (host, _publisher) = taskworks().await;
    let platform = &host.platform;
    let mut manifest = manifest();
    manifest["name"] = json!("own");
    let release = platform.publish(&manifest, guest("script")).await.good();
    let approval = "/v1/review/plugins/own/approval";
    let refused = platform.put(approval, &ceiling()).await.refused(403, "own-release");
    assert_eq!(refused["detail"], "You uploaded this release yourself.");
    platform.post(&decision(&release), &GO()).await.refused(403, "own-release");
    let second = second_admin(platform).await;
    second.put(approval, &ceiling()).await.good();
    second.post(&decision(&release), &GO()).await.good();
    let listed = second.get("/v1/marketplace/plugins/own").await.good();
    assert_eq!(
        (&listed["owner_name"], &listed["owner_kind"]),
        (&json!("Platform"), &json!("first-party"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_find_what_is_approved_and_read_what_it_may_do() {
    let (host, publisher) = taskworks().await;
    let acme = host.organization("acme", true, false).await;
    let release = submitted(&publisher).await;
    let find =
        || async { acme.get("/v1/marketplace/plugins?limit=10").await.good()["items"].clone() };
    assert_eq!(find().await, json!([]));
    acme.get("/v1/marketplace/plugins/script").await.refused(404, "not-found");
    host.platform.put(APPROVAL, &ceiling()).await.good();
    assert_eq!(find().await, json!([]), "a ceiling alone lists nothing");
    let review = host
        .platform
        .get(&format!("/v1/review/releases/{}", release["id"].as_str().unwrap()))
        .await
        .good();
    assert_eq!(review["covered"], false);
    let lacks =
        ["capability accounts:write", "field our-owner", "field their-owner", "field their-amount"];
    assert_eq!(
        review["beyond"],
        json!(lacks.map(|what| format!("{what} is not approved for this plugin")))
    );
    host.platform.post(&decision(&release), &GO()).await.good();

    assert_eq!(find().await.as_array().unwrap().len(), 1);
    let listed = acme.get("/v1/marketplace/plugins/script").await.good();
    let mut shown = listed.clone();
    let shown_object = shown.as_object_mut().unwrap();
    assert_eq!(shown_object.shift_remove("release").unwrap(), release["id"]);
    let signature = shown_object.shift_remove("signature").unwrap();
    let (key, signed) = (&signature["key"], &release["signature"]);
    assert_eq!((key, &signature["public_key"]), (&signed["key"], &signed["public_key"]));
    assert_eq!(
        (&signature["signed_at"], &signature["sound"]),
        (&signed["signed_at"], &json!(true))
    );
    let keys = publisher.all("signing-keys").await;
    assert_eq!(signature["key_since"], keys[0]["created_at"]);
    insta::assert_json_snapshot!(shown);
    let none = acme.get("/v1/marketplace/plugins?category=crm").await.good();
    assert_eq!(none["items"], json!([]));
    let found = acme.get("/v1/marketplace/plugins?q=TEST%20GUEST&category=other").await.good();
    assert_eq!(found["items"][0], listed);
    // The publisher's next release waits; customers see the approved one.
    let mut next = manifest();
    next["version"] = json!("0.2.0");
    next["title"] = json!("Next");
    upload(&publisher, next.to_string(), guest("script")).await.good();
    assert_eq!(find().await[0]["version"], "0.1.0");
    host.platform
        .post("/v1/review/plugins/script/suspend", &json!({ "reason": "sends too much" }))
        .await
        .good();
    assert_eq!(find().await, json!([]));
    host.platform.post("/v1/review/plugins/script/resume", &json!({})).await.good();
    assert_eq!(find().await[0], listed);
}
