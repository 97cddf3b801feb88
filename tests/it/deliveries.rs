//! What becomes of deliveries that nobody needs any more: given up by a person, too old,
//! or caused by what they do themselves.
use serde_json::{Value, json};

use venn_domain::limits;

use crate::{
    support::{World, guest, script::Script, storm::suspended, world::rows},
    webhooks,
};

/// Two deliveries of one subject while the plugin is stopped: one is parked, the other
/// one waits behind it. Their ids, in order.
async fn two_that_wait(script: &Script<'_>) -> [String; 2] {
    let acme = &script.world.acme;
    suspended(script.world, "script", true).await;
    script.start().await;
    script.start().await;
    script.world.runs(&script.install).await;
    let all = acme.all(&format!("deliveries?install={}", script.install)).await;
    [1, 0].map(|at| all[at]["id"].as_str().unwrap().to_owned())
}

async fn shown(world: &World, delivery: &str) -> Value {
    world.acme.get(&world.acme.own(&format!("deliveries/{delivery}"))).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_dead_with_its_reason_and_the_next_goes_on() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let [first, second] = two_that_wait(&script).await;
    assert_eq!(shown(&world, &first).await["state"], "parked");
    assert_eq!(shown(&world, &second).await["state"], "ready");
    let acme = &world.acme;
    let path = acme.own(&format!("deliveries/{first}/discard"));
    let refused = acme.post(&path, &json!({ "reason": " " })).await.refused(422, "invalid");
    assert_eq!(refused["detail"], "The reason is missing or too long.");
    let reason = json!({ "reason": "Closed by hand." });
    world.globex.post(&path, &reason).await.refused(404, "not-found");
    let given_up = acme.post(&path, &reason).await.good();
    assert_eq!(given_up["state"], "dead");
    assert_eq!(given_up["state_reason"], "discarded: Closed by hand.");
    assert!(given_up["finished_at"].is_string(), "{given_up}");
    let twice = acme.post(&path, &json!({ "reason": "Again." })).await.refused(409, "wrong-state");
    let told = "The delivery is given up already (discarded: Closed by hand.).";
    let next = "`POST …/deliveries/{delivery}/redeliver` brings it all the same.";
    assert_eq!((&twice["detail"], &twice["next_step"]), (&json!(told), &json!(next)));

    // Who waited behind it is looked at now, and waits for the same as it did.
    world.runs(&script.install).await;
    let waits_for = "the platform has suspended this integration";
    assert_eq!(shown(&world, &second).await["state_reason"], waits_for);
    suspended(&world, "script", false).await;
    world.runs(&script.install).await;
    assert_eq!(shown(&world, &second).await["state"], "done");
    assert_eq!(shown(&world, &first).await["state"], "dead");

    let done = acme.own(&format!("deliveries/{second}/discard"));
    let refused = acme.post(&done, &reason).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "The delivery is done; only one that waits, is parked or expired can be discarded."
    );
    assert_eq!(
        refused["next_step"],
        "Wait for a run to end; a paused install (`POST …/installs/{install}/pause`) begins no further one."
    );
    let audit = acme.all("audit?action=delivery.discarded").await;
    assert_eq!((audit.len(), &audit[0]["subject"]), (1, &json!(first)));
    assert_eq!(audit[0]["detail"]["reason"], reason["reason"]);

    // A person may think better of it.
    let again = acme.own(&format!("deliveries/{first}/redeliver"));
    assert_eq!(acme.post(&again, &json!({})).await.good()["state_reason"], "");
    world.runs(&script.install).await;
    assert_eq!(shown(&world, &first).await["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_too_long_is_in_the_inbox_until_somebody_decides() {
    let world = World::start().await;
    let (install, shop) = webhooks::opened(&world).await;
    let acme = &world.acme;
    suspended(&world, "script", true).await;
    let first = shop.tells(&world, "one", b"{}").await;
    let second = shop.tells(&world, "two", b"{}").await;
    world.runs(&install).await;
    assert_eq!(shown(&world, &first).await["expires_at"], "2026-01-08T00:00:00.000000Z");
    world.host.advance_ms(limits::EVENT_AGE_WEBHOOK_MS);
    for delivery in [&first, &second] {
        let path = acme.own(&format!("deliveries/{delivery}"));
        let dead = acme.until(&path, |one| one["state"] == "dead").await;
        assert_eq!(dead["state_reason"], "it waited longer than it is of use");
    }
    let missed = async || {
        let waiting = acme.all("waiting").await;
        waiting.into_iter().find(|item| item["kind"] == "events-expired")
    };
    let item = missed().await.unwrap();
    assert_eq!((&item["title"], &item["is_owner"]), (&json!("main missed 2 events"), &json!(true)));
    assert_eq!(
        item["text"],
        "What waits longer than it is of use is given up. `venn deliveries redeliver` brings one all \
         the same, `venn deliveries discard` takes it off this list."
    );
    let next = format!("venn deliveries list --install {install} --state dead");
    assert_eq!((&item["subject"], &item["next_step"]), (&json!(install), &json!(next)));

    let discard = acme.own(&format!("deliveries/{first}/discard"));
    acme.post(&discard, &json!({ "reason": "Old." })).await.good();
    assert_eq!(missed().await.unwrap()["title"], "main missed 1 event");
    suspended(&world, "script", false).await;
    let again = acme.own(&format!("deliveries/{second}/redeliver"));
    acme.post(&again, &json!({})).await.good();
    assert!(missed().await.is_none());
    assert_eq!(webhooks::told(&world, &install).await[0]["ending"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_an_install_was_paused_reaches_it_when_it_goes_on() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let changes =
        json!({ "call": "overlaps.changes", "partnership": "$subject", "fields": ["their-name"] });
    script.set(&json!([changes])).await;
    let acme = &world.acme;
    let path = |verb: &str| acme.own(&format!("installs/{}/{verb}", script.install));
    acme.post(&path("pause"), &json!({})).await.good();
    world.host.advance_ms(30 * 86_400_000);
    acme.import("merge", rows(2..3, "A")).await;
    world.globex.import("merge", rows(2..3, "G")).await;
    world.paired().await;
    acme.post(&path("resume"), &json!({})).await.good();
    let did = script.done().await;
    assert_eq!(did.run["ending"], "ok", "{}", did.run);
    let items = did.results[0]["ok"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
}

/// A run about the partnership, written so that its words are new at each event.
fn rewrites() -> Value {
    json!({ "call": "accounts.upsert", "rows": [{
        "external_id": "h1", "name": "Company 3", "website": "https://company-3.com/",
        "owner": "$event", "stage": "Customer", "amount": "", "created_on": "",
        "population": "", "extra": [],
    }] })
}

/// How its runs about the partnership ended, newest first.
async fn endings(world: &World, install: &str) -> Vec<String> {
    let runs = world.runs(install).await;
    let about = runs.iter().filter(|run| run["event_kind"] == "overlaps-changed");
    about.map(|run| run["ending"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_causes_its_own_events_is_stopped_and_its_publisher_is_told() {
    let world = World::with_overlaps(2).await;
    world.globex.import("merge", rows(0..6, "G")).await;
    world.paired().await;
    let script = world.script(&world.grant_of_source()).await;
    world.listed(&World::manifest("watcher"), guest("script")).await;
    let watcher = world.enabled_as("watcher", "watcher", &json!({})).await;
    script.set(&json!([rewrites()])).await;
    script.start().await;
    let acme = &world.acme;
    let path = acme.own(&format!("deliveries?install={}&state=dead", script.install));
    let found = |page: &Value| page["items"].as_array().is_some_and(|items| !items.is_empty());
    let dead = acme.until(&path, found).await["items"][0].clone();
    assert_eq!(dead["state_reason"], "another attempt would fail in the same way");
    world.paired().await;
    let mut expected = vec!["ok".to_owned(); 8];
    expected.insert(0, "limit".to_owned());
    assert_eq!(endings(&world, &script.install).await, expected);
    // Whoever only hears of it is nobody's fault.
    let heard = endings(&world, &watcher).await;
    assert!(!heard.is_empty() && heard.iter().all(|ending| ending == "ok"), "{heard:?}");

    let runs = world.runs(&script.install).await;
    assert_eq!(runs[0]["summary"], "stopped by the limit event.loop");
    let verdict = &runs[0]["verdict"];
    assert_eq!(
        (&verdict["class"], &verdict["owner"], &verdict["retryable"]),
        (&json!("plugin"), &json!("publisher"), &json!(false))
    );
    assert_eq!(
        verdict["evidence"][0],
        "what the plugin writes causes its own next event, over and over: the limit `event.loop` stopped it"
    );
    let inbox = world.publisher.all("inbox").await;
    assert_eq!((inbox.len(), &inbox[0]["kind"]), (1, &json!("publisher-inbox")));

    // Once it is mended, a person brings the event again: it is not held against it.
    script.set(&json!([])).await;
    let again = acme.own(&format!("deliveries/{}/redeliver", dead["id"].as_str().unwrap()));
    acme.post(&again, &json!({})).await.good();
    assert_eq!(endings(&world, &script.install).await[0], "ok");
    assert!(acme.all("inbox?state=open").await.is_empty());
}
