//! Whose fault is it, and who is told: each failure reaches the one who can
//! fix it in one step.
use serde_json::{Value, json};
use venn_testkit::{Fault, Token};

use crate::{
    in_each_language,
    support::{CrmTasks, World, guest, world::CRM_TOKEN},
};

/// A token that may do everything.
fn token(value: &str) -> Token {
    Token { value: value.to_owned(), scopes: None }
}

async fn with_crm_tasks(plugin: CrmTasks) -> (World, String) {
    let world = World::with_overlaps(3).await;
    world.listed(&plugin.manifest(), plugin.component()).await;
    let config = json!({ "min_confidence": "likely" });
    let install = world.enabled(plugin.name(), &world.grant(), &config).await;
    world.runs(&install).await;
    (world, install)
}

fn verdict(run: &Value) -> (&str, &str, bool) {
    let verdict = &run["verdict"];
    (
        verdict["class"].as_str().unwrap_or_default(),
        verdict["owner"].as_str().unwrap_or_default(),
        verdict["retryable"].as_bool().unwrap_or_default(),
    )
}

fn route<'i>(inbox: &'i [Value], run: &Value) -> &'i Value {
    inbox.iter().find(|route| route["run"] == run["id"]).expect("a route for the run")
}

in_each_language! {
    async fn a_refused_credential_is_the_customers_and_names_the_field_to_fix(plugin) {
        let (world, install) = with_crm_tasks(plugin).await;
        world.sim.set_tokens(vec![token("another")]);
        let run = world.backfilled(&install).await;
        assert_eq!(verdict(&run).0, "customer-config");
        assert_eq!(verdict(&run).1, "customer-admin");
        let inbox = world.acme.all("inbox").await;
        let route = route(&inbox, &run);
        assert_eq!((&route["kind"], &route["is_owner"]), (&json!("faq"), &json!(true)));
        assert_eq!(route["detail"]["faq"]["field"], "crm");
        assert!(world.publisher.all("inbox").await.is_empty(), "the publisher is not bothered");

        // It is not hammered: it waits until the customer acts, then goes on by itself.
        let delivery = &world.acme.all("deliveries?state=parked").await[0];
        assert_eq!(delivery["id"], run["delivery"]);
        world.sim.set_tokens(vec![token(CRM_TOKEN)]);
        let connection = &world.acme.all("connections").await[0];
        let secret =
            world.acme.own(&format!("connections/{}/secret", connection["id"].as_str().unwrap()));
        world.acme.put(&secret, &json!({ "secret": CRM_TOKEN })).await.good();
        let runs = world.runs(&install).await;
        assert_eq!(runs[0]["ending"], "ok", "{}", runs[0]);
    }

    async fn a_service_that_is_down_is_nobodys_fault_here_and_is_tried_again(plugin) {
        let (world, install) = with_crm_tasks(plugin).await;
        world.sim.fail_next(1, Fault::Unavailable { retry_after_s: None });
        let run = world.backfilled(&install).await;
        assert_eq!(verdict(&run), ("third-party", "publisher", true));
        let inbox = world.acme.all("inbox").await;
        assert_eq!(route(&inbox, &run)["kind"], "status-note");
        world.host.advance_ms(60_000);
        let runs = world.runs(&install).await;
        assert_eq!((&runs[0]["ending"], &runs[0]["attempt"]), (&json!("ok"), &json!(2)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_goes_to_the_publishers_inbox_with_a_redacted_bundle() {
    let world = World::with_overlaps(3).await;
    world.listed(&World::manifest("trapper"), guest("trap_unreachable")).await;
    let install = world.enabled("trapper", &world.grant(), &json!({})).await;
    let run = world.backfilled(&install).await;
    assert_eq!((&run["ending"], verdict(&run)), (&json!("trap"), ("plugin", "publisher", true)));
    let inbox = world.publisher.all("inbox").await;
    let kinds: Vec<_> = inbox.iter().map(|route| route["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["publisher-inbox"], "equal failures are one issue");
    let bundle = inbox[0]["detail"].to_string();
    for value in ["Company 1", "G owner", "company-1.com", CRM_TOKEN, "acme"] {
        assert!(!bundle.contains(value), "{value} is in the bundle: {bundle}");
    }
    assert_eq!(inbox[0]["detail"]["ending"]["code"], "unreachable");
}

/// Starts a backfill and does not wait for it.
async fn started(world: &World, install: &str) {
    let path = world.acme.own(&format!("installs/{install}/backfill"));
    world.acme.post(&path, &json!({ "partnership": world.partnership })).await.good();
}

/// Gives Acme's connection the right token again: what is parked goes on.
async fn rotated(world: &World, install: &str) {
    world.sim.set_tokens(vec![token(CRM_TOKEN)]);
    let connection = &world.acme.all("connections").await[0];
    let path = format!("connections/{}/secret", connection["id"].as_str().unwrap());
    world.acme.put(&world.acme.own(&path), &json!({ "secret": CRM_TOKEN })).await.good();
    let runs = world.runs(install).await;
    assert_eq!(runs[0]["ending"], "ok", "{}", runs[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mended_is_not_to_do_any_more_and_fails_anew_as_news() {
    let (world, install) = with_crm_tasks(CrmTasks::Rust).await;
    let open = async || world.acme.all("inbox?state=open").await;
    world.sim.set_tokens(vec![token("another")]);
    let failed = world.backfilled(&install).await;
    let first = open().await;
    assert_eq!((first.len(), &first[0]["run"]), (1, &failed["id"]));
    // The same failure again is the same incident, and no news.
    let parked = &world.acme.all("deliveries?state=parked").await[0]["id"];
    let again = world.acme.own(&format!("deliveries/{}/redeliver", parked.as_str().unwrap()));
    world.acme.post(&again, &json!({})).await.good();
    world.runs(&install).await;
    assert_eq!(open().await, first);
    assert_eq!(world.acme.all("incidents").await[0]["runs"], 2);

    rotated(&world, &install).await;
    assert_eq!(open().await, Vec::<Value>::new());
    let incident = &world.acme.all("incidents").await[0];
    assert_eq!(incident["state"], "resolved");
    let item = &world.acme.all("inbox").await[0];
    assert_eq!((&item["state"], &item["id"]), (&json!("resolved"), &first[0]["id"]));
    assert_eq!(item["resolved_at"], incident["resolved_at"]);
    assert!(item["resolved_at"].is_string(), "{item}");

    world.sim.set_tokens(vec![token("another")]);
    world.backfilled(&install).await;
    let news = open().await;
    assert_eq!(news.len(), 1);
    assert_ne!(news[0]["id"], first[0]["id"]);
    assert_eq!(world.acme.all("incidents").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_another_kind_that_ends_well_mends_nothing() {
    let (world, install) = with_crm_tasks(CrmTasks::Rust).await;
    world.sim.set_tokens(vec![token("another")]);
    world.backfilled(&install).await;
    let config = world.acme.own(&format!("installs/{install}/config"));
    world.acme.put(&config, &json!({ "min_confidence": "sure" })).await.good();
    let runs = world.runs(&install).await;
    let configured = runs.iter().find(|run| run["event_kind"] == "configured");
    assert!(configured.is_none_or(|run| run["ending"] == "ok"), "{runs:?}");
    assert_eq!(world.acme.all("inbox?state=open").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_says_that_it_is_done_and_nobody_else() {
    let world = World::with_overlaps(3).await;
    world.listed(&World::manifest("trapper"), guest("trap_unreachable")).await;
    let install = world.enabled("trapper", &world.grant(), &json!({})).await;
    world.backfilled(&install).await;
    let item = world.publisher.all("inbox").await.remove(0);
    let id = item["id"].as_str().unwrap();
    assert_eq!(item["is_own_run"], false);
    // Its own incident, without the ids of somebody else's install.
    let incident = world.publisher.all("incidents").await.remove(0);
    assert_eq!((&incident["id"], &incident["state"]), (&item["incident"], &json!("open")));
    for hidden in ["install", "fingerprint", "first_run", "last_run"] {
        assert_eq!(incident[hidden], "", "{hidden}");
    }
    assert!(world.globex.all("incidents").await.is_empty());

    let done = format!("inbox/{id}/done");
    for other in [&world.acme, &world.globex] {
        other.post(&other.own(&done), &json!({})).await.refused(404, "not-found");
        other.get(&other.own(&format!("inbox/{id}"))).await.refused(404, "not-found");
    }
    let resolved = world.publisher.post(&world.publisher.own(&done), &json!({})).await.good();
    assert_eq!(resolved["state"], "resolved");
    assert_eq!(
        world.publisher.get(&world.publisher.own(&format!("inbox/{id}"))).await.good(),
        resolved
    );
    world.publisher.post(&world.publisher.own(&done), &json!({})).await.good();
    let audit = world.publisher.all("audit?action=incident.resolved").await;
    assert_eq!(audit.len(), 1, "the second time changes nothing: {audit:?}");
    assert_eq!(audit[0]["subject"], item["incident"]);
    assert_eq!(audit[0]["detail"]["item"], id);
    world.host.advance_ms(60_000);
    world.runs(&install).await;
    assert_eq!(world.publisher.all("inbox?state=open").await.len(), 1, "news again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_parked_one_is_not_overdue_and_ends_with_its_partnership() {
    let (world, install) = with_crm_tasks(CrmTasks::Rust).await;
    world.sim.set_tokens(vec![token("another")]);
    world.backfilled(&install).await;
    started(&world, &install).await;
    world.host.advance_ms(10 * 60 * 1_000);
    let store = &world.host.app.store;
    assert_eq!(store.backlog().await.unwrap().overdue_us, 0);
    let states = |deliveries: Vec<Value>| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        deliveries.iter().map(|one| (text(&one["state"]), text(&one["state_reason"]))).collect()
    };
    let two = states(world.acme.all("deliveries").await);
    assert_eq!((two[0].0.as_str(), two[1].0.as_str()), ("ready", "parked"));

    // Also where the installation is paused: it is over for good.
    let path = |verb: &str| world.acme.own(&format!("installs/{install}/{verb}"));
    world.acme.post(&path("pause"), &json!({})).await.good();
    let end = world.globex.own(&format!("partnerships/{}/end", world.partnership));
    world.globex.post(&end, &json!({})).await.good();
    world.runs(&install).await;
    let ended = ("dead".to_owned(), "the partnership has ended".to_owned());
    assert_eq!(states(world.acme.all("deliveries").await)[..2], [ended.clone(), ended]);

    world.acme.post(&path("resume"), &json!({})).await.good();
    let body = json!({ "partnership": world.partnership });
    let refused = world.acme.post(&path("backfill"), &body).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "The partnership is ended, so it cannot be brought to the plugin."
    );
    assert_eq!(refused["next_step"], "Propose a new partnership; an ended one stays ended.");
}
