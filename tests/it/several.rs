//! Two `venn serve` with one data folder on one PostgreSQL database. Each test needs a
//! server of PostgreSQL: without one there is nothing here to be tested.
use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    access::sessions::{Browser, HOME, PASSWORD, member},
    crash::{
        AFTER, Process, Scene,
        events::{import, one_task_each},
        finished,
    },
    support::{Actor, world::rows},
    webhooks::{Shop, receipt},
};

/// Calls of the shop, in turns at both.
const CALLS: usize = 6;

fn public(command: &mut Command) {
    command.env("VENN_PUBLIC_URL", "https://venn.example");
}

/// A scene on PostgreSQL; none on an embedded database.
async fn scene() -> Option<Scene> {
    std::env::var_os(venn_cluster::VARIABLE)?;
    Some(Scene::new().await)
}

/// The first server with a run of `crm-tasks` that is held in its call, and the second,
/// which has come then.
struct Two {
    scene: Scene,
    install: String,
    first: (Process, Actor, Actor),
    second: (Process, Actor, Actor),
}

impl Two {
    async fn start(scene: Scene, install: String, held: &venn_testkit::Hold) -> Self {
        let first = scene.start_as(public).await;
        assert_eq!(first.0.said["alone"], true);
        assert!(import(&first.2).await);
        held.held(1).await;
        let second = scene.start_as(public).await;
        assert_eq!(second.0.said["alone"], false);
        Self { scene, install, first, second }
    }

    fn both(&self) -> [&(Process, Actor, Actor); 2] {
        [&self.first, &self.second]
    }
}

/// A shop that tells Acme of its orders, at each of two servers.
async fn shops(two: &Two) -> [Shop; 2] {
    let acme = &two.first.1;
    let body = json!({
        "plugin": "script", "name": "shop", "config": {},
        "grant": { "capabilities": [], "partnerships": [], "populations": [], "fields": [],
            "egress_hosts": [] },
        "connections": { "crm": acme.all("connections").await[0]["id"] },
    });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = made["id"].as_str().unwrap();
    acme.post(&acme.own(&format!("installs/{install}/enable")), &json!({})).await.good();
    let path = acme.own(&format!("installs/{install}/webhooks/shop/open"));
    let told = acme.post(&path, &json!({})).await.good();
    two.both().map(|(process, ..)| Shop::of(process.url(), &told))
}

async fn tells(shop: &Shop, id: &str) -> String {
    let headers = shop.signed(id, &jiff::Timestamp::now().as_second().to_string(), b"{}");
    receipt(&shop.calls(&headers, b"{}").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_accepted_is_done_once_though_one_is_killed_with_runs_under_way() {
    let Some(scene) = scene().await else { return };
    let install = scene.enable().await;
    let hold = scene.sim.hold("/crm");
    let mut two = Two::start(scene, install, &hold).await;
    let shops = shops(&two).await;
    let mut receipts = BTreeSet::new();
    for n in 0..CALLS {
        receipts.insert(tells(&shops[n % 2], &format!("msg_{n}")).await);
    }
    // The same call at the other server is the same event.
    assert!(!receipts.insert(tells(&shops[0], "msg_1").await));
    // What is sent to the one that came is read by the one that leads.
    let list = two.second.1.import("replace", rows(0..AFTER, "A")).await;
    assert_eq!(list["state"], "done");
    let body = json!({ "mode": "merge", "file_name": "list.csv", "columns": null, "stages": null });
    let made = two.second.2.post(&two.second.2.own("imports"), &body).await.good();
    let file = two.second.2.own(&format!("imports/{}/file", made["id"].as_str().unwrap()));
    let upload = two.second.2.request(Method::PUT, &file).body(rows(0..AFTER, "G"));
    two.second.2.send(upload).await.good();

    two.first.0.child.kill().await.unwrap();
    hold.release();
    let Two { scene, install, second: (_process, acme, globex), .. } = two;
    // Of whoever is dead the lease ends with its time, which is made to have passed.
    let over = "UPDATE delivery SET lease_until = 0 WHERE state = 'leased' AND install_id =";
    scene.data.tamper(&format!("{over} '{install}'")).await;
    let rests = |page: &Value| {
        let mut imports = page["items"].as_array().unwrap().iter();
        imports.all(|one| one["state"] == "done")
    };
    globex.until(&globex.own("imports?limit=200"), rests).await;
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    acme.until(&place, |answer| answer["pending_domains"] == 0).await;
    finished(&acme).await;
    one_task_each(&scene, &acme).await;
    assert_eq!(receipts.len(), CALLS);
    let calls = acme.all("deliveries?state=done").await;
    let calls: BTreeSet<_> = calls
        .iter()
        .filter(|one| one["event_kind"] == "webhook")
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(calls, receipts, "each is done, and nothing besides");
    let runs = acme.all("runs").await;
    let of_calls = runs.iter().filter(|run| run["event_kind"] == "webhook");
    assert_eq!(of_calls.count(), CALLS, "each was run once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_at_one_stops_a_run_at_the_other() {
    let Some(scene) = scene().await else { return };
    let install = scene.enable().await;
    let hold = scene.sim.hold("/crm");
    let two = Two::start(scene, install, &hold).await;
    let acme = &two.second.1;
    let grant = json!({
        "capabilities": ["overlaps:read", "timeline:write", "state", "http:egress"],
        "partnerships": [two.scene.prepared.partnership], "populations": ["customers"],
        "fields": ["our-name", "their-name"], "egress_hosts": [],
    });
    acme.put(&acme.own(&format!("installs/{}/grant", two.install)), &grant).await.good();
    hold.hung_up().await;
    hold.release();
    let runs = acme.own(&format!("runs?install={}", two.install));
    let denied = |page: &Value| page["items"][0]["denials"].as_u64().is_some_and(|count| count > 0);
    let told = acme.until(&runs, denied).await;
    let calls = told["items"][0]["calls"].as_array().unwrap().clone();
    let refused = calls.iter().find(|call| call["result"]["result"] == "denied").unwrap();
    assert_eq!(refused["result"]["denial"]["why"], "the customer did not grant it", "{refused}");
    assert_eq!(two.scene.sim.objects("tasks").unwrap(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_at_one_is_answered_though_the_other_runs_it() {
    let Some(scene) = scene().await else { return };
    let (first, acme, _) = scene.start_as(public).await;
    let call = json!({ "call": "http.send", "method": "GET", "connection": "crm",
        "url": "https://api.hubapi.com/crm/v3/objects/tasks" });
    let steps = json!({ "configured": [call], "request": [{ "call": "event" }] });
    let body = json!({
        "plugin": "asking", "name": "shop", "config": {},
        "grant": { "capabilities": ["http:egress"], "partnerships": [], "populations": [],
            "fields": [], "egress_hosts": ["api.hubapi.com"] },
        "connections": { "crm": acme.all("connections").await[0]["id"] },
    });
    let made = acme.post(&acme.own("installs"), &body).await.good();
    let install = acme.own(&format!("installs/{}", made["id"].as_str().unwrap()));
    acme.post(&format!("{install}/enable"), &json!({})).await.good();
    let told = acme.post(&format!("{install}/webhooks/shop/open"), &json!({})).await.good();
    finished(&acme).await;
    // A run at the first holds up what is asked at the second; the first goes on with it.
    let hold = scene.sim.hold("/crm");
    acme.put(&format!("{install}/config"), &json!({ "steps": steps })).await.good();
    hold.held(1).await;
    let (second, ..) = scene.start_as(public).await;
    let shop = Shop::of(second.url(), &told);
    let now = jiff::Timestamp::now().as_second().to_string();
    let mut headers = shop.signed("ask_1", &now, b"{}");
    headers.push(("content-type", "application/json".to_owned()));
    let asked = async {
        let waits = |page: &Value| {
            let mut waiting = page["items"].as_array().unwrap().iter();
            waiting.any(|one| one["event_kind"] == "request")
        };
        acme.until(&acme.own("deliveries?state=ready&limit=200"), waits).await;
        hold.release();
    };
    let (answer, ()) = tokio::join!(shop.calls(&headers, b"{}"), asked);
    assert_eq!((answer.status, &answer.body[0]["kind"]), (200, &json!("request")), "{answer:?}");
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_at_one_is_out_at_the_other_and_guesses_count_at_both() {
    let Some(scene) = scene().await else { return };
    let (first, acme, _) = scene.start_as(public).await;
    member(&acme, "bob@acme.example", "admin").await;
    let (second, ..) = scene.start_as(public).await;
    let mut here = Browser::of(first.url(), HOME);
    here.log_in("bob@acme.example", PASSWORD).await.good();
    let there = here.moved_to(second.url());
    for browser in [&here, &there, &here] {
        browser.get("/v1/me").await.good();
    }
    assert_eq!(there.call(Method::DELETE, "/v1/me/session", None).await.status, 204);
    for browser in [&here, &there] {
        browser.get("/v1/me").await.refused(401, "unauthenticated");
    }
    // A name that nobody has is guessed at both, and costs the same as anybody's.
    let mut guesses = 0;
    loop {
        let url = [first.url(), second.url()][guesses % 2];
        let answer = Browser::of(url, HOME).log_in("eve@acme.example", "wrong wrong wrong").await;
        if answer.status == 429 {
            break;
        }
        answer.refused(401, "login-failed");
        guesses += 1;
    }
    assert_eq!(guesses, 5, "as many as at one server");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stops_leaves_the_other_alone_and_comes_back_beside_it() {
    let Some(scene) = scene().await else { return };
    let (first, ..) = scene.start_as(public).await;
    let (second, acme, globex) = scene.start_as(public).await;
    // A rolling restart: whoever leads goes first, and what is sent meanwhile is worked on.
    first.stop().await;
    assert_eq!(globex.import("replace", rows(0..AFTER, "G")).await["state"], "done");
    let (first, ..) = scene.start_as(public).await;
    assert_eq!(first.said["alone"], false);
    second.stop().await;
    let acme = Actor::new(first.url(), "acme", &acme.token);
    let place = acme.own(&format!("partnerships/{}", scene.prepared.partnership));
    acme.until(&place, |answer| answer["pending_domains"] == 0).await;
    let list = acme.import("replace", rows(0..AFTER, "A")).await;
    assert_eq!(list["state"], "done");
}
