//! Partnerships: both sides agree, each shows what it chose, either ends it.
//!
//! - here: the life of a partnership
//! - [`rules`]: level, fields and purpose for people; nothing hidden leaks
//! - [`pairs`]: counts, leftovers, "why not?", and what people decide
mod pairs;
mod rules;

use serde_json::{Value, json};

use crate::support::{Actor, Host, world::rows};

/// What reads a partner's accounts, below `partnerships/{id}/`.
const READS: [&str; 3] = ["matrix", "overlaps", "unpaired"];

async fn two() -> (Host, Actor, Actor) {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    let globex = host.organization("globex", true, false).await;
    acme.import("replace", rows(0..6, "A")).await;
    globex.import("replace", rows(0..6, "G")).await;
    (host, acme, globex)
}

async fn propose(from: &Actor, to: &str) -> String {
    let made = from.post(&from.own("partnerships"), &json!({ "partner": to })).await.good();
    made["id"].as_str().unwrap().to_owned()
}

async fn put_rules(owner: &Actor, id: &str, rules: Value) {
    let path = owner.own(&format!("partnerships/{id}/sharing-rules"));
    owner.put(&path, &json!({ "rules": rules })).await.good();
}

/// The refusals of every read of the partnership by one side.
async fn refusals(actor: &Actor, id: &str) -> Vec<Value> {
    let account = actor.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let mut paths: Vec<_> = READS.iter().map(|read| format!("partnerships/{id}/{read}")).collect();
    paths.push(format!("accounts/{account}/why-not?partnership={id}"));
    let mut refusals = Vec::new();
    for path in paths {
        refusals.push(actor.get(&actor.own(&path)).await.refused(409, "wrong-state"));
    }
    refusals
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_before_both_sides_agree() {
    let (_host, acme, globex) = two().await;
    let id = propose(&acme, "globex").await;
    let everything = json!([{ "population": "customers", "level": "all", "fields": ["name"], "purpose": "egress" }]);
    put_rules(&acme, &id, everything.clone()).await;
    put_rules(&globex, &id, everything).await;
    for side in [&acme, &globex] {
        for refusal in refusals(side, &id).await {
            assert_eq!(refusal["detail"], "The partnership is proposed, so it cannot be read.");
            assert_eq!(refusal["next_step"], "The side that did not propose it accepts it first.");
        }
    }
    // Not by the one that asks for it.
    let accept = |side: &Actor| side.own(&format!("partnerships/{id}/accept"));
    let own = acme.post(&accept(&acme), &json!({})).await.refused(409, "wrong-state");
    assert_eq!(own["detail"], "The partnership was proposed by your own organization.");
    assert_eq!(own["next_step"], "Ask an admin of the partner to accept it.");
    let pending = acme.get(&acme.own(&format!("partnerships/{id}"))).await.good();
    assert_eq!((&pending["state"], &pending["pending_domains"]), (&json!("proposed"), &json!(0)));

    let accepted = globex.post(&accept(&globex), &json!({})).await.good();
    assert_eq!((&accepted["state"], &accepted["proposed_by"]), (&json!("active"), &json!("them")));
    globex.post(&accept(&globex), &json!({})).await.refused(409, "wrong-state");
    acme.until(&acme.own(&format!("partnerships/{id}")), |one| one["pending_domains"] == 0).await;
    for side in [&acme, &globex] {
        assert_eq!(side.all(&format!("partnerships/{id}/overlaps")).await.len(), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_are_other_customers_and_each_once() {
    let (host, acme, globex) = two().await;
    host.organization("taskworks", false, true).await;
    let refused = |from: Actor, to: &'static str| async move {
        let body = json!({ "partner": to });
        let refused = from.post(&from.own("partnerships"), &body).await.refused(422, "invalid");
        refused["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        refused(acme.clone(), "acme").await,
        "partner: an organization is no partner of itself."
    );
    assert_eq!(refused(acme.clone(), "nowhere").await, "partner: there is no customer `nowhere`.");
    assert_eq!(
        refused(acme.clone(), "taskworks").await,
        "partner: there is no customer `taskworks`."
    );
    assert_eq!(
        refused(acme.clone(), "platform").await,
        "partner: there is no customer `platform`."
    );
    let id = propose(&acme, "globex").await;
    for (from, to) in [(&acme, "globex"), (&globex, "acme")] {
        let body = json!({ "partner": to });
        let taken = from.post(&from.own("partnerships"), &body).await.refused(409, "taken");
        assert_eq!(taken["detail"], "a partnership with this organization is already taken.");
    }
    let seen = globex.all("partnerships").await;
    assert_eq!((&seen[0]["id"], &seen[0]["partner_slug"]), (&json!(id), &json!("acme")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_by_either_side_cuts_every_read_of_both() {
    let (_host, acme, globex) = two().await;
    let id = propose(&acme, "globex").await;
    globex.post(&globex.own(&format!("partnerships/{id}/accept")), &json!({})).await.good();
    let rule = json!([{ "population": "customers", "level": "all", "fields": ["name"], "purpose": "view" }]);
    put_rules(&acme, &id, rule.clone()).await;
    put_rules(&globex, &id, rule.clone()).await;
    acme.until(&acme.own(&format!("partnerships/{id}")), |one| one["pending_domains"] == 0).await;
    let overlaps = acme.all(&format!("partnerships/{id}/overlaps")).await;
    let ended =
        globex.post(&globex.own(&format!("partnerships/{id}/end")), &json!({})).await.good();
    assert!(ended["ended_at"].is_string());
    for side in [&acme, &globex] {
        for refusal in refusals(side, &id).await {
            assert_eq!(refusal["detail"], "The partnership is ended, so it cannot be read.");
            assert_eq!(
                refusal["next_step"],
                "Propose a new partnership; an ended one stays ended."
            );
        }
        side.post(&side.own(&format!("partnerships/{id}/end")), &json!({}))
            .await
            .refused(409, "wrong-state");
    }
    let path = acme.own(&format!("partnerships/{id}/sharing-rules"));
    acme.put(&path, &json!({ "rules": rule })).await.refused(409, "wrong-state");
    let decision = json!({
        "our_account": overlaps[0]["our_account"], "their_account": overlaps[0]["their_account"], "decision": "confirm",
    });
    acme.post(&acme.own(&format!("partnerships/{id}/pairings")), &decision)
        .await
        .refused(409, "wrong-state");
    // Both audits say so, and a new one begins from nothing.
    for side in [&acme, &globex] {
        let audit = side.all("audit?action=partnership.").await;
        assert!(audit.iter().any(|entry| entry["action"] == "partnership.ended"), "{audit:?}");
    }
    let again = propose(&globex, "acme").await;
    assert_ne!(again, id);
    let rules = acme.get(&acme.own(&format!("partnerships/{again}/sharing-rules"))).await.good();
    assert_eq!(rules, json!({ "ours": [], "theirs": [] }));
}
