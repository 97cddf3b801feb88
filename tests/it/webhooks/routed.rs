//! One URL for all installs of a plugin: who gets what.
use serde_json::{Value, json};

use super::{Headers, call, code, hex, now_s, receipt};
use crate::support::{Actor, Answer, World, guest};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const PATH: &str = "/hooks/plugins/script/chat";

fn manifest() -> Value {
    let mut manifest = World::manifest("script");
    manifest["events"].as_array_mut().unwrap().push(json!("webhook"));
    manifest["webhooks"] = json!([{ "name": "chat", "title": "Commands", "signature": "slack",
        "routing": "/team_id" }]);
    manifest
}

fn signed(world: &World, body: &[u8]) -> Headers {
    let now = now_s(world);
    let tag = code(SECRET.as_bytes(), &[b"v0", now.as_bytes(), body].join(&b':'));
    vec![("x-slack-request-timestamp", now), ("x-slack-signature", format!("v0={}", hex(&tag)))]
}

async fn says(world: &World, body: &str) -> Answer {
    let nobody = Actor::new(&world.host.url, "", "");
    call(&nobody, PATH, &signed(world, body.as_bytes()), body.as_bytes()).await
}

/// An install of the plugin at somebody's, enabled and without partners.
async fn install(who: &Actor) -> String {
    let connection =
        json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": "x" });
    let connection = who.post(&who.own("connections"), &connection).await.good();
    let grant = json!({ "capabilities": [], "partnerships": [], "populations": [], "fields": [],
        "egress_hosts": [] });
    let body = json!({ "plugin": "script", "name": "main", "grant": grant,
        "config": { "steps": { "webhook": [{ "call": "event" }] } },
        "connections": { "crm": connection["id"] } });
    let made = who.post(&who.own("installs"), &body).await.good();
    let id = made["id"].as_str().unwrap().to_owned();
    who.post(&who.own(&format!("installs/{id}/enable")), &json!({})).await.good();
    id
}

async fn open(who: &Actor, install: &str, body: &Value) -> Answer {
    who.post(&who.own(&format!("installs/{install}/webhooks/chat/open")), body).await
}

async fn subjects(who: &Actor, install: &str) -> Vec<String> {
    let deliveries = who.all(&format!("deliveries?install={install}")).await;
    let calls = deliveries.iter().filter(|one| one["event_kind"] == "webhook");
    let mut all: Vec<_> =
        calls.map(|one| one["event_subject"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_customer_gets_what_is_about_it_and_nobody_what_is_about_nobody() {
    let world = World::start().await;
    world.listed(&manifest(), guest("script")).await;
    let publisher = &world.publisher;
    let put = json!({ "kind": "webhook-secret", "secret": SECRET });
    let credential = publisher.own("plugins/script/credentials/chat");
    // Nobody has put the secret yet: nobody is the sender.
    says(&world, r#"{"team_id":"T1"}"#).await.refused(401, "webhook-unsigned");
    publisher.put(&credential, &put).await.good();
    let (acme, globex) = (&world.acme, &world.globex);
    let (ours, theirs) = (install(acme).await, install(globex).await);
    let none = says(&world, r#"{"team_id":"T1"}"#).await;
    assert_eq!((none.status, none.headers.get("venn-receipt")), (200, None), "nobody said so yet");

    let told = open(acme, &ours, &json!({ "routing_key": "T1" })).await.good();
    let expected = json!({ "name": "chat", "url": format!("https://venn.example{PATH}"),
        "secret": null, "routing_key": "T1", "previous_until": null });
    assert_eq!(told, expected);
    let taken = open(globex, &theirs, &json!({ "routing_key": "T1" })).await;
    assert_eq!(taken.refused(409, "taken")["detail"], "The routing key is already taken.");
    open(globex, &theirs, &json!({ "routing_key": "T2" })).await.good();
    for bad in [json!({}), json!({ "routing_key": "" }), json!({ "routing_key": "T 1" })] {
        open(acme, &ours, &bad).await.refused(422, "invalid");
    }
    for body in [r#"{"team_id":"T1","n":1}"#, r#"{"team_id":"T1","n":2}"#, r#"{"team_id":"T2"}"#] {
        receipt(&says(&world, body).await);
    }
    // About both, and about no one: not taken.
    for body in [r#"[{"team_id":"T1"},{"team_id":"T2"}]"#, "{}", "team_id=T1"] {
        let told = says(&world, body).await.refused(400, "webhook-unusable");
        assert_eq!(told["detail"], "There is no one routing key at `/team_id`.", "{body}");
    }
    assert_eq!(subjects(acme, &ours).await, ["T1", "T1"]);
    assert_eq!(subjects(globex, &theirs).await, ["T2"]);
    // Removed, it is nobody's again.
    acme.call(reqwest::Method::DELETE, &acme.own(&format!("installs/{ours}")), None).await.good();
    let none = says(&world, r#"{"team_id":"T1","n":3}"#).await;
    assert_eq!((none.status, none.headers.get("venn-receipt")), (200, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn slacks_question_whose_url_it_is_is_answered_to_slack_only() {
    let world = World::start().await;
    world.listed(&manifest(), guest("script")).await;
    let put = json!({ "kind": "webhook-secret", "secret": SECRET });
    let publisher = &world.publisher;
    publisher.put(&publisher.own("plugins/script/credentials/chat"), &put).await.good();
    let question = r#"{"type":"url_verification","challenge":"3eZbrw1aB10F"}"#;
    let answer = says(&world, question).await.good();
    assert_eq!(answer, json!({ "challenge": "3eZbrw1aB10F" }));
    let nobody = Actor::new(&world.host.url, "", "");
    let mut forged = signed(&world, question.as_bytes());
    forged[1].1 = format!("v0={}", hex(&[7; 32]));
    let told = call(&nobody, PATH, &forged, question.as_bytes()).await;
    assert!(!told.text.contains("3eZbrw1aB10F"), "{}", told.text);
    told.refused(401, "webhook-unsigned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_could_sign_nothing_is_not_kept_and_a_name_that_none_has_is_told() {
    let world = World::start().await;
    let mut manifest = manifest();
    let mut standard = manifest["webhooks"][0].clone();
    standard["name"] = json!("orders");
    standard["signature"] = json!("standard-webhooks");
    manifest["webhooks"].as_array_mut().unwrap().push(standard);
    world.listed(&manifest, guest("script")).await;
    let publisher = &world.publisher;
    let path = |name: &str| publisher.own(&format!("plugins/script/credentials/{name}"));
    let body = |secret: &str| json!({ "kind": "webhook-secret", "secret": secret });
    let told = |answer: Answer| {
        let told = answer.refused(422, "invalid");
        assert_eq!(told["detail"], "The credential has problems.");
        let problem = &told["problems"][0];
        ["place", "reason", "next_step"].map(|key| problem[key].as_str().unwrap()).join(" | ")
    };
    let copy = "Copy it from the sender's settings";
    let short = format!("secret | it has fewer than 16 bytes | {copy}");
    assert_eq!(told(publisher.put(&path("chat"), &body("fifteen-bytes-x")).await), short);
    assert!(publisher.all("plugins/script/credentials").await.is_empty());
    let set = publisher.put(&path("chat"), &body(SECRET)).await.good();
    assert_eq!(set["unused"], "");
    let rotate = format!("{}/rotate", path("chat"));
    assert_eq!(told(publisher.post(&rotate, &json!({ "secret": "s" })).await), short);
    // As its own sender writes it.
    let plain = publisher.put(&path("orders"), &body("sixteen-bytes-ok!")).await;
    let no_base64 = format!("secret | it is not `whsec_` with base64 after it | {copy}");
    assert_eq!(told(plain), no_base64);
    let coded = body("whsec_OGY3NDIyMzFiMTBlODg4OGFiY2Q5OXl5eXp6ejg1YTU=");
    assert_eq!(publisher.put(&path("orders"), &coded).await.good()["unused"], "");

    // A later release may ask for it, so that it is kept.
    let unused = publisher.put(&path("chatt"), &body(SECRET)).await.good();
    assert_eq!(
        unused["unused"],
        "the newest release, 0.1.0, asks for no secret of the publisher's for a webhook `chatt`: \
         for `chat`, `orders`"
    );
}
