//! What one plugin adds to the timeline is another one's trigger: for who asked for it, was
//! granted it, and may know what the entry was made of.
use serde_json::{Value, json};

use crate::support::{
    World, guest,
    script::{Did, Script, denied},
};

const HAPPENED_US: i64 = 1_767_225_600_000_000;

/// A manifest that asks to be told of others' entries.
fn manifest(name: &str) -> Value {
    let mut manifest = World::manifest(name);
    let capability = json!({ "name": "timeline:read", "reason": "To be tested." });
    manifest["capabilities"].as_array_mut().unwrap().push(capability);
    manifest["events"].as_array_mut().unwrap().push(json!("timeline-added"));
    manifest
}

fn grant(world: &World) -> Value {
    let mut grant = world.grant();
    grant["capabilities"].as_array_mut().unwrap().push(json!("timeline:read"));
    grant
}

/// An install of such a plugin, named as it is, which does these steps when it is told.
async fn hearing(world: &World, plugin: &str, grant: &Value, steps: Value) -> String {
    world.listed(&manifest(plugin), guest("script")).await;
    let config = json!({ "steps": { "timeline-added": steps } });
    let install = world.enabled_with(plugin, plugin, grant, &config).await;
    world.runs(&install).await;
    install
}

/// Acme's first account.
async fn account(world: &World) -> String {
    world.acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned()
}

/// The call that adds an entry with this key.
fn append(account: &str, key: &str, partnership: Value) -> Value {
    json!({ "call": "timeline.append", "entries": [{
        "account": account, "key": key, "kind": "call", "text": "They called.",
        "at": HAPPENED_US, "partnership": partnership,
    }] })
}

fn set(partnership: Value) -> Value {
    json!({ "call": "state.set", "key": "k", "value": "v", "partnership": partnership })
}

/// Its runs on what it was told, newest first.
async fn heard(world: &World, install: &str) -> Vec<Did> {
    let runs = world.runs(install).await;
    runs.into_iter().filter(|run| run["event_kind"] == "timeline-added").map(Did::of).collect()
}

/// Subjects of what it was told.
async fn subjects(world: &World, install: &str) -> Vec<Value> {
    world.runs(install).await;
    let all = world.acme.all(&format!("deliveries?install={install}")).await;
    let told = all.iter().filter(|one| one["event_kind"] == "timeline-added");
    told.map(|one| one["event_subject"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plugins_entry_is_told_with_its_text_and_stays_with_its_partner() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let steps = json!([{ "call": "event" }, set(Value::Null), set(json!("$subject"))]);
    let install = hearing(&world, "hearer", &grant(&world), steps).await;
    let account = account(&world).await;
    let added = append(&account, "call-1", json!("$subject"));
    assert_eq!(script.asks(added).await, json!({ "ok": null }));

    let did = heard(&world, &install).await.remove(0);
    assert_eq!(did.run["ending"], "ok", "{}", did.run);
    let told = &did.results[0];
    assert_eq!(told["subject"], json!(world.partnership));
    let payload: Value = serde_json::from_str(told["payload"].as_str().unwrap()).unwrap();
    assert_eq!(
        payload,
        json!({ "entries": [{ "plugin": "script", "account": account, "key": "call-1",
            "kind": "call", "text": "They called.", "at": HAPPENED_US }] })
    );
    let schema = include_str!("../../../wit/events/timeline-added.schema.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    assert!(validator.is_valid(&payload), "{payload}");

    // It has read no row by a call, and still it was told of one.
    let why = "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`)";
    let apart = denied("state", "write for no partnership", why, "publisher");
    assert_eq!(did.results[1..], [apart, json!({ "ok": null })]);
    let acme = world.acme.get("/v1/organizations/acme").await.good()["id"].clone();
    let read = world.globex.all("audit?action=partner.read").await;
    let read: Vec<_> = read.iter().filter(|one| one["actor"] == install.as_str()).collect();
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(
        (&read[0]["subject"], &read[0]["detail"]),
        (
            &json!(world.partnership),
            &json!({ "plugin": "hearer", "partner": acme, "run": did.run["id"],
                "event": "timeline-added", "rows": 1, "fields": [], "counts": 0 })
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_again_is_told_to_nobody() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let install = hearing(&world, "hearer", &grant(&world), json!([])).await;
    let account = account(&world).await;
    for key in ["one", "one", "two"] {
        script.asks(append(&account, key, Value::Null)).await;
    }
    assert_eq!(subjects(&world, &install).await, ["", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_who_was_not_granted_it_who_wrote_it_or_who_is_another_customers() {
    let world = World::with_overlaps(1).await;
    let writes = append(&account(&world).await, "$event", Value::Null);
    let writer = hearing(&world, "writer", &grant(&world), json!([])).await;
    let deaf = hearing(&world, "deaf", &world.grant(), json!([])).await;
    let hearer = hearing(&world, "hearer", &grant(&world), json!([])).await;
    let globex = &world.globex;
    let crm = json!({ "name": "crm", "kind": "api-key", "host": "api.hubapi.com", "secret": "x" });
    let crm = globex.post(&globex.own("connections"), &crm).await.good()["id"].clone();
    let body = json!({ "plugin": "hearer", "name": "theirs", "config": {},
        "connections": { "crm": crm },
        "grant": { "capabilities": ["timeline:read"], "partnerships": [world.partnership],
                   "populations": [], "fields": [], "egress_hosts": [] } });
    let theirs = globex.post(&globex.own("installs"), &body).await.good()["id"].clone();
    let theirs = theirs.as_str().unwrap();
    globex.post(&globex.own(&format!("installs/{theirs}/enable")), &json!({})).await.good();

    let script = Script { world: &world, install: writer.clone() };
    assert_eq!(script.asks(writes).await, json!({ "ok": null }));
    assert_eq!(subjects(&world, &hearer).await, [""]);
    for silent in [&writer, &deaf] {
        assert_eq!(subjects(&world, silent).await, [] as [Value; 0]);
    }
    let of_theirs = globex.all(&format!("deliveries?install={theirs}")).await;
    assert!(of_theirs.iter().all(|one| one["event_kind"] != "timeline-added"), "{of_theirs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partners_is_told_only_to_who_may_read_the_partnership_for_its_purpose() {
    let world = World::with_overlaps(1).await;
    world.share(&world.globex, "overlaps", &["name"], "plugins").await;
    let script = world.script(&world.grant()).await;
    let sending = hearing(&world, "sending", &grant(&world), json!([])).await;
    let without = |member: &str, gone: &str| {
        let mut grant = grant(&world);
        grant[member].as_array_mut().unwrap().retain(|one| one != gone);
        grant
    };
    let keeping = without("capabilities", "http:egress");
    let keeping = hearing(&world, "keeping", &keeping, json!([])).await;
    let apart = without("partnerships", &world.partnership);
    let apart = hearing(&world, "apart", &apart, json!([])).await;
    let account = account(&world).await;
    script.asks(append(&account, "ours", Value::Null)).await;
    script.asks(append(&account, "theirs", json!("$subject"))).await;
    assert_eq!(subjects(&world, &sending).await, [""]);
    assert_eq!(subjects(&world, &apart).await, [""]);
    // Newest first.
    assert_eq!(subjects(&world, &keeping).await, [json!(world.partnership), json!("")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_not_told_once_it_may_not_be_known_any_more() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let granted = hearing(&world, "granted", &grant(&world), json!([{ "call": "event" }])).await;
    let partner = hearing(&world, "partner", &grant(&world), json!([{ "call": "event" }])).await;
    let acme = &world.acme;
    let path = |install: &str, verb: &str| acme.own(&format!("installs/{install}/{verb}"));
    for install in [&granted, &partner] {
        acme.post(&path(install, "pause"), &json!({})).await.good();
    }
    script.asks(append(&account(&world).await, "call-1", json!("$subject"))).await;
    for install in [&granted, &partner] {
        let waits = acme.all(&format!("deliveries?install={install}")).await[0].clone();
        assert_eq!(waits["event_subject"], json!(world.partnership), "{waits}");
    }
    let resumed = async |install: &str| {
        acme.post(&path(install, "resume"), &json!({})).await.good();
        world.runs(install).await;
        let all = acme.all(&format!("deliveries?install={install}")).await;
        let told = all.into_iter().find(|one| one["event_kind"] == "timeline-added").unwrap();
        assert_eq!(told["state"], "dead", "{told}");
        told["state_reason"].clone()
    };
    world.regrant(&granted, &world.grant()).await;
    assert_eq!(resumed(&granted).await, "the installation may not be told of it any more");
    let end = world.globex.own(&format!("partnerships/{}/end", world.partnership));
    world.globex.post(&end, &json!({})).await.good();
    assert_eq!(resumed(&partner).await, "the partnership has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_works_off_nothing_hears_of_no_more_and_its_customer_is_told() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let install = hearing(&world, "hearer", &grant(&world), json!([])).await;
    let account = account(&world).await;
    let acme = &world.acme;
    let path = |verb: &str| acme.own(&format!("installs/{install}/{verb}"));
    acme.post(&path("pause"), &json!({})).await.good();
    script.asks(append(&account, "one", Value::Null)).await;
    // As if it were as large as all that may wait.
    world.host.tamper("UPDATE delivery SET told_bytes = 67108864 WHERE told_bytes > 0").await;
    script.asks(append(&account, "two", Value::Null)).await;
    let waiting = acme.all("waiting").await;
    let item = waiting.iter().find(|item| item["kind"] == "entries-untold").unwrap();
    assert_eq!(
        (&item["title"], &item["subject"], &item["is_owner"]),
        (&json!("hearer was not told of 1 timeline entry"), &json!(install), &json!(true))
    );
    assert_eq!(
        item["text"],
        "As much waited for it as may: it is paused, or slower than what other integrations add. It \
         stands on the timeline, and does not come later; the install hears of what is added once it \
         has worked some off."
    );
    assert_eq!(item["next_step"], format!("venn deliveries list --install {install}"));
    acme.post(&path("resume"), &json!({})).await.good();
    world.runs(&install).await;
    script.asks(append(&account, "three", Value::Null)).await;
    assert_eq!(subjects(&world, &install).await, ["", ""], "the first and the third");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_plugins_that_answer_each_others_entries_are_stopped_and_one_publisher_is_told() {
    let world = World::with_overlaps(1).await;
    let answers = json!([append(&account(&world).await, "$event", Value::Null)]);
    let ping = hearing(&world, "ping", &grant(&world), answers.clone()).await;
    let pong = hearing(&world, "pong", &grant(&world), answers.clone()).await;
    let acme = &world.acme;
    let config = json!({ "steps": { "overlaps-changed": answers, "timeline-added": answers } });
    acme.put(&acme.own(&format!("installs/{ping}/config")), &config).await.good();
    world.runs(&ping).await;
    Script { world: &world, install: ping.clone() }.start().await;
    let path = acme.own(&format!("deliveries?install={ping}&state=dead"));
    let found = |page: &Value| page["items"].as_array().is_some_and(|items| !items.is_empty());
    acme.until(&path, found).await;

    let endings = |heard: Vec<Did>| -> Vec<Value> {
        heard.into_iter().map(|did| did.run["ending"].clone()).collect()
    };
    let runs = heard(&world, &ping).await;
    assert_eq!(runs[0].run["summary"], "stopped by the limit event.loop");
    let verdict = runs[0].run["verdict"].clone();
    let mut expected = vec!["ok"; 7];
    expected.insert(0, "limit");
    assert_eq!(endings(runs), expected, "it began it");
    assert_eq!(endings(heard(&world, &pong).await), ["ok"; 8]);
    assert_eq!(
        (&verdict["class"], &verdict["owner"], &verdict["evidence"][0]),
        (
            &json!("plugin"),
            &json!("publisher"),
            &json!(
                "what the plugin writes causes its own next event, over and over: the limit `event.loop` stopped it"
            )
        )
    );
    let inbox = world.publisher.all("inbox").await;
    assert_eq!((inbox.len(), &inbox[0]["kind"]), (1, &json!("publisher-inbox")));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_that_answer_each_other_one_entry_makes_few_runs_and_then_none() {
    let world = World::with_overlaps(1).await;
    let answers = json!([append(&account(&world).await, "$event", Value::Null)]);
    let mut installs = Vec::new();
    for name in ["ping", "pong", "peng"] {
        installs.push(hearing(&world, name, &grant(&world), answers.clone()).await);
    }
    let acme = &world.acme;
    let config = json!({ "steps": { "overlaps-changed": answers, "timeline-added": answers } });
    acme.put(&acme.own(&format!("installs/{}/config", installs[0])), &config).await.good();
    world.runs(&installs[0]).await;
    Script { world: &world, install: installs[0].clone() }.start().await;
    let rests = |page: &Value| {
        let mut all = page["items"].as_array().unwrap().iter();
        all.all(|one| one["state"] != "ready" && one["state"] != "leased")
    };
    acme.until(&acme.own("deliveries?limit=200"), rests).await;
    let (mut all, mut stopped) = (0, 0);
    for install in &installs {
        let runs = heard(&world, install).await;
        all += runs.len();
        stopped += runs.iter().filter(|did| did.run["ending"] == "limit").count();
    }
    // Without end they would be as many as there is time for: hundreds a second.
    assert!(stopped > 0 && all <= 120, "{all} runs, {stopped} of them stopped");
}
