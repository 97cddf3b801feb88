//! Who read what: people through the API, plugins through the host.
use serde_json::{Value, json};

use crate::support::{Actor, World};

/// Entries of one action, newest first.
async fn entries(actor: &Actor, action: &str) -> Vec<Value> {
    actor.all(&format!("audit?action={action}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_added_up_and_none_is_missing() {
    const READS: u64 = 500;
    let world = World::with_overlaps(3).await;
    let path = world.acme.own("accounts");
    for _ in 0..READS {
        world.acme.get(&path).await.good();
    }
    let found = entries(&world.acme, "accounts.read").await;
    let sum = |name: &str| found.iter().map(|e| e["detail"][name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("requests"), sum("rows")), (READS, 3 * READS));
    // One entry per second that it took, not one per read.
    assert!(found.len() < 100, "{} entries for {READS} reads", found.len());
    let token = world.acme.token.split('_').nth(1).unwrap();
    assert_eq!(found[0]["detail"]["token"], format!("tok_{token}"));
    assert!(found[0]["detail"].get("fields").is_none(), "{}", found[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_written_when_the_server_stops() {
    let world = World::with_overlaps(1).await;
    world.acme.get(&world.acme.own("accounts")).await.good();
    let data = world.host.stop().await;
    let found = data.places_with(b"accounts.read");
    assert!(!found.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_owner_sees_which_plugin_of_which_partner_read_which_fields() {
    let world = World::with_overlaps(3).await;
    let script = world.script(&world.grant()).await;
    let find = |fields: Value| json!({ "call": "overlaps.find", "fields": fields });
    let did = script
        .does(json!([find(json!(["their-name", "our-name"])), find(json!(["their-owner"]))]))
        .await;
    assert_eq!(did.run["ending"], "ok", "{}", did.run);
    let acme = world.acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let theirs = entries(&world.globex, "partner.read").await;
    let by_plugin: Vec<_> =
        theirs.iter().filter(|e| e["actor"] == script.install.as_str()).collect();
    assert_eq!(by_plugin.len(), 1, "one entry per run and partner: {theirs:#?}");
    assert_eq!(by_plugin[0]["subject"], world.partnership.as_str());
    assert_eq!(
        by_plugin[0]["detail"],
        json!({
            "plugin": "script", "partner": acme, "run": did.run["id"], "event": "overlaps-changed",
            "rows": 6, "fields": ["name", "owner"], "counts": 0,
        })
    );
    assert_eq!(entries(&world.acme, "partner.read").await.len(), 1, "the customer sees the same");
    // What a run read counts however it ended.
    script.does(json!([find(json!(["their-name"])), { "call": "panic", "message": "x" }])).await;
    assert_eq!(entries(&world.acme, "partner.read").await.len(), 2);
    // No value of an account, anywhere.
    for actor in [&world.acme, &world.globex] {
        let text = Value::from(actor.all("audit").await).to_string();
        assert!(
            !text.contains("Company 1")
                && !text.contains("company-1.com")
                && !text.contains("owner 1")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_owner_sees_that_a_partners_people_looked_and_not_who() {
    let world = World::with_overlaps(3).await;
    world
        .acme
        .get(&world.acme.own(&format!("partnerships/{}/overlaps", world.partnership)))
        .await
        .good();
    let acme = world.acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let me = world.acme.get("/v1/me").await.good()["user_id"].clone();
    let ours = entries(&world.acme, "overlaps.read").await;
    assert_eq!((&ours[0]["actor"], &ours[0]["detail"]["rows"]), (&me, &json!(3)));
    let theirs = entries(&world.globex, "partner.read").await;
    assert_eq!((&theirs[0]["actor"], &theirs[0]["detail"]["rows"]), (&acme, &json!(3)));
    assert_eq!(theirs[0]["detail"]["fields"], json!(["name", "owner"]));
    let text = theirs[0].to_string();
    assert!(!text.contains(me.as_str().unwrap()) && !text.contains("tok_"), "{text}");
}
