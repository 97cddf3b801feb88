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
