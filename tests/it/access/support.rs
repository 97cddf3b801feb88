//! Support access: what a customer lets others look at, for a while, and nothing else.
use serde_json::{Value, json};

use super::{
    people::Town,
    table::{Needs, ROWS},
};
use crate::support::{Actor, Answer, World, script::Did};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Acme with an install, and no leave.
async fn town() -> Town {
    let town = Town::start().await;
    let acme = &town.world.acme;
    for grant in acme.all("support-grants").await {
        let path = acme.own(&format!("support-grants/{}", grant["id"].as_str().unwrap()));
        assert_eq!(acme.delete(&path).await.status, 204);
    }
    town
}

async fn give(town: &Town, to: &str, things: &[&str]) -> String {
    let acme = &town.world.acme;
    let body = json!({
        "to": to, "install": town.fill("{install}", ""), "things": things, "hours": 24, "reason": "x",
    });
    let made = acme.post(&acme.own("support-grants"), &body).await.good();
    made["id"].as_str().unwrap().to_owned()
}

/// What somebody sees of Acme: the addresses that answer.
async fn visible(town: &Town, who: &Actor) -> Vec<&'static str> {
    let mut seen = Vec::new();
    let of_acme = |path: &str| path.starts_with("/organizations/{org}");
    for row in ROWS.iter().filter(|row| of_acme(row.path) && row.method == "GET") {
        // The platform may read every organization's name.
        if row.path == "/organizations/{org}" {
            continue;
        }
        let answer = town.call(who, row, &town.fill(row.path, "acme")).await;
        match answer.status {
            200 => seen.push(row.path.trim_start_matches("/organizations/{org}/")),
            _ => {
                answer.refused(404, "not-found");
            }
        }
    }
    seen
}

/// Everything that changes something is not there for a supporter.
async fn changes_nothing(town: &Town, who: &Actor) {
    for row in ROWS.iter().filter(|row| row.path.contains("{org}") && row.method != "GET") {
        if row.needs == Needs::PlatformAdmin {
            continue;
        }
        let answer = town.call(who, row, &town.fill(row.path, "acme")).await;
        answer.refused(404, "not-found");
    }
}

async fn looks(acme: &Actor) -> Vec<Value> {
    acme.all("audit?action=support.read").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supporter_sees_what_leave_names_and_nothing_else_of_the_customer() {
    let town = town().await;
    let (acme, publisher) = (&town.world.acme, &town.world.publisher);
    let platform = &town.world.host.platform;
    assert!(visible(&town, publisher).await.is_empty());
    give(&town, "publisher", &["runs"]).await;
    assert_eq!(visible(&town, publisher).await, ["runs", "runs/{run}"]);
    changes_nothing(&town, publisher).await;
    for other in [platform, &town.stranger, &town.world.globex] {
        assert!(visible(&town, other).await.is_empty());
    }
    give(&town, "platform", &["logs", "deliveries"]).await;
    let seen = visible(&town, platform).await;
    assert_eq!(seen, ["deliveries", "deliveries/{delivery}", "runs/{run}/log"]);
    changes_nothing(&town, platform).await;
    assert_eq!(visible(&town, publisher).await, ["runs", "runs/{run}"]);
    // Every look is told, with who looked.
    let me = publisher.get("/v1/me").await.good();
    let told = looks(acme).await;
    let theirs: Vec<_> = told.iter().filter(|entry| entry["actor"] == me["user_id"]).collect();
    assert_eq!((told.len(), theirs.len()), (7, 4));
    assert_eq!(theirs[0]["detail"]["by"], me["organization_id"]);
    assert_eq!(theirs[0]["detail"]["of"], town.fill("{run}", ""));
    // In the publisher's own audit is nothing of it.
    assert!(publisher.all("audit?action=support").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_is_for_one_install_and_ends_at_once_or_by_itself() {
    let town = town().await;
    let (acme, publisher) = (&town.world.acme, &town.world.publisher);
    let runs = async |query: &str| -> Answer {
        publisher.get(&format!("/v1/organizations/acme/runs{query}")).await
    };
    let grant = give(&town, "publisher", &["runs", "logs"]).await;
    let install = town.fill("{install}", "");
    let page = runs("").await.good();
    let items = page["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.iter().all(|run| run["install"] == install.as_str()));
    runs(&format!("?install={install}")).await.good();
    runs("?install=ins_7zzzzzzzzzzzzzzzzzzzzzzzzz").await.refused(404, "not-found");
    // Another install of the same plugin is another one.
    let body = json!({
        "plugin": "script", "name": "another", "config": {}, "connections": { "crm": town.fill("{connection}", "") },
        "grant": { "capabilities": [], "partnerships": [], "populations": [], "fields": [], "egress_hosts": [] },
    });
    let other = acme.post(&acme.own("installs"), &body).await.good();
    let other = other["id"].as_str().unwrap();
    runs(&format!("?install={other}")).await.refused(404, "not-found");
    let received = publisher.get("/v1/support-grants").await.good();
    assert_eq!(received["items"][0]["organization_slug"], "acme");

    // Nobody but an admin of the customer takes it back.
    for who in [publisher, &town.stranger] {
        for org in ["acme", who.org.as_str()] {
            let path = format!("/v1/organizations/{org}/support-grants/{grant}");
            who.delete(&path).await.refused(404, "not-found");
        }
    }
    let path = acme.own(&format!("support-grants/{grant}"));
    assert_eq!(acme.delete(&path).await.status, 204);
    runs("").await.refused(404, "not-found");
    acme.delete(&path).await.refused(404, "not-found");
    assert_eq!(publisher.get("/v1/support-grants").await.good()["items"], json!([]));

    give(&town, "publisher", &["runs"]).await;
    town.world.host.advance_ms(24 * HOUR_MS - 1);
    runs("").await.good();
    town.world.host.advance_ms(1);
    runs("").await.refused(404, "not-found");
    assert_eq!(publisher.get("/v1/support-grants").await.good()["items"], json!([]));
    let told = acme.all("audit?action=support").await;
    let of = |action: &str| told.iter().filter(|entry| entry["action"] == action).count();
    // One that the town had is taken back, too.
    assert_eq!((of("support.granted"), of("support.revoked"), of("support.read")), (3, 2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_is_given_of_ones_own_install_for_a_bounded_time() {
    let town = town().await;
    let (acme, globex) = (&town.world.acme, &town.world.globex);
    let body = |install: &str, things: &[&str], hours: u32| json!({ "to": "platform", "install": install, "things": things, "hours": hours, "reason": "x" });
    let install = town.fill("{install}", "");
    let places = async |who: &Actor, body: Value| {
        let refused = who.post(&who.own("support-grants"), &body).await.refused(422, "invalid");
        let problems = refused["problems"].as_array().unwrap().clone();
        problems.iter().map(|one| one["place"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(places(acme, body(&install, &[], 0)).await, ["things", "hours"]);
    assert_eq!(places(acme, body(&install, &["runs"], 337)).await, ["hours"]);
    assert_eq!(places(globex, body(&install, &["runs"], 1)).await, ["install"]);
}

/// A partner's data is its owner's to show: leave of the customer does not reach it.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_may_tell_of_a_partners_accounts_is_not_a_supporters() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let (acme, publisher) = (&world.acme, &world.publisher);
    let body = json!({
        "to": "publisher", "install": script.install, "things": ["runs", "logs"], "hours": 24, "reason": "x",
    });
    acme.post(&acme.own("support-grants"), &body).await.good();
    let log = |text: &str| json!({ "call": "log.write", "level": "info", "message": text });
    let send = json!({ "call": "http.send", "method": "GET", "connection": "crm",
                       "url": "https://api.hubapi.com/crm/company-0.com" });
    let kept =
        json!({ "call": "state.set", "partnership": null, "key": "k", "value": "company-0.com" });
    let read = json!({ "call": "overlaps.find", "fields": ["their-name"] });
    let look = json!({ "call": "state.get", "partnership": null, "key": "k" });
    let last = |did: &Did| did.run["id"].as_str().unwrap().to_owned();
    let of = async |who: &Actor, run: &str, what: &str| {
        who.get(&format!("/v1/organizations/acme/runs/{run}{what}")).await.good()
    };

    // What reads nothing of a partner is told in its own words.
    let plain = last(&script.does(json!([log("it began"), send.clone(), kept])).await);
    let told = of(publisher, &plain, "/log").await;
    assert_eq!(told, of(acme, &plain, "/log").await);
    assert_eq!(told["items"][0]["message"], "it began");
    let run = of(publisher, &plain, "").await;
    assert_eq!(run["calls"][0]["target"], "GET api.hubapi.com/crm/company-0.com");

    let reads = last(&script.does(json!([read, log("company-0.com"), send])).await);
    let looks = last(&script.does(json!([look, log("company-0.com")])).await);
    let end = acme.own(&format!("partnerships/{}/end", world.partnership));
    world.globex.post(&end.replace("acme", "globex"), &json!({})).await.good();
    for run in [&reads, &looks] {
        assert!(of(acme, run, "/log").await.to_string().contains("company-0.com"));
        let told = of(publisher, run, "/log").await;
        let line = told["items"].as_array().unwrap();
        assert_eq!((line.len(), &line[0]["level"]), (1, &json!("withheld")), "{told}");
        assert_eq!(
            line[0]["message"],
            "What this run logged is not told to supporters: it was told of a partner's accounts or of \
             another plugin's entries, or read what an earlier run had kept. The customer's own people \
             can read it."
        );
        let run = of(publisher, run, "").await;
        assert!(!run.to_string().contains("company-0"), "{run}");
    }
    let run = of(publisher, &reads, "").await;
    assert_eq!(run["calls"][1]["target"], "GET api.hubapi.com/…");
}
