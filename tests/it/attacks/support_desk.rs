//! Attacks on those who read what failed: 131 to 137 of the catalogue.
use serde_json::{Value, json};
use venn_testkit::Token;

use super::scene::Scene;
use crate::support::script::Script;

/// What must be text wherever it is shown.
const MARKUP: &str =
    "<script>alert(1)</script> {{7*7}} =cmd|' /C calc'!A0 \u{1b}[31m\nERROR forged \u{202e}fdp.exe";

fn fault(code: &str, cause: &str, message: &str) -> Value {
    json!({ "call": "fault", "code": code, "cause": cause, "message": message })
}

/// Every text in it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(members) => members.values().map(shown).collect(),
        _ => String::new(),
    }
}

async fn script(scene: &Scene) -> Script<'_> {
    scene.world.script(&scene.world.grant()).await
}

pub async fn words_that_are_markup(scene: &Scene) -> String {
    let script = script(scene).await;
    let did = script.does(json!([fault(MARKUP, "plugin", MARKUP)])).await;
    let message = did.run["ending_detail"]["message"].as_str().unwrap();
    let turns = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!message.chars().any(turns), "{message:?}");
    let readers = [&scene.world.acme, &scene.world.publisher];
    for reader in readers {
        let answer = reader.get(&reader.own("inbox")).await;
        assert_eq!(answer.kind, "application/json");
        let items = answer.body["items"].as_array().unwrap();
        assert!(items.iter().all(|item| !shown(item).contains(turns)), "{}", answer.text);
    }
    "one line of text, in JSON, for everyone".to_owned()
}

pub async fn a_fault_that_blames_the_platform(scene: &Scene) -> String {
    let script = script(scene).await;
    let claim = fault("internal", "platform", "internal error: the host's database is down");
    let did = script.does(json!([claim])).await;
    assert_eq!(did.run["ending"], "fault", "{}", did.run);
    let verdict = &did.run["verdict"];
    // Nobody is accused on its word, and a second time is the same incident.
    let class = (&verdict["class"], &verdict["claimed_class"]);
    assert_eq!(class, (&json!("unknown"), &json!("platform")), "{verdict}");
    script.does(json!([fault("other", "platform", "internal error: out of memory")])).await;
    assert_eq!(scene.world.acme.all("incidents").await.len(), 1);
    assert!(scene.world.host.platform.all("inbox").await.len() <= 1);
    "of unknown cause: its word counts for nothing, and it is one incident".to_owned()
}

/// Each failure is at another path, which the plugin makes up.
pub async fn a_flood_of_different_failures(scene: &Scene) -> String {
    let script = script(scene).await;
    for number in 0..26_u8 {
        let place = char::from(b'a' + number).to_string().repeat(3);
        let url = format!("https://api.hubapi.com/crm/{place}");
        let call = json!({ "call": "http.send", "method": "GET", "url": url, "connection": "crm" });
        script.does(json!([call, fault(&place, "plugin", &format!("failed at {place}"))])).await;
    }
    let incidents = scene.world.acme.all("incidents").await;
    assert!(incidents.len() <= 21, "{} incidents of 26 failures", incidents.len());
    let runs: u64 = incidents.iter().map(|one| one["runs"].as_u64().unwrap()).sum();
    assert!(runs >= 26, "every failure is counted somewhere: {incidents:?}");
    format!("26 different failures are {} incidents", incidents.len())
}

/// The customer hears of the one that it can mend, and only of that.
pub async fn a_storm_that_hides_one_real_fault(scene: &Scene) -> String {
    let script = script(scene).await;
    let panics = json!([{ "call": "panic", "message": "no more" }]);
    script.set(&panics).await;
    for _ in 0..5 {
        script.start().await;
        script.done().await;
    }
    let world = &scene.world;
    assert_eq!(world.publisher.all("inbox?state=open").await.len(), 1);
    world.sim.set_tokens(vec![Token { value: "another".to_owned(), scopes: None }]);
    let url = "https://api.hubapi.com/crm/v3/objects/tasks";
    let call = json!({ "call": "http.send", "method": "GET", "url": url, "connection": "crm" });
    let did = script.does(json!([call, fault("crm-unauthorized", "third-party", "401")])).await;
    assert_eq!(did.run["verdict"]["class"], "customer-config", "{}", did.run);
    let customers = world.acme.all("inbox?state=open").await;
    assert!(customers.iter().any(|item| item["run"] == did.run["id"]), "{customers:?}");
    assert_eq!(world.host.platform.all("inbox").await, Vec::<Value>::new());
    "the storm is one item of the publisher's, the fault one of the customer's".to_owned()
}
