//! What a run changes inside Venn: state and timeline, committed with an `ok`
//! report or not at all, apart for each partnership.
use serde_json::{Value, json};

use crate::support::{
    World,
    script::{denied, refused},
};

fn get(key: &str, partnership: Value) -> Value {
    json!({ "call": "state.get", "key": key, "partnership": partnership })
}

fn set(key: &str, value: &str, partnership: Value) -> Value {
    json!({ "call": "state.set", "key": key, "value": value, "partnership": partnership })
}

fn here() -> Value {
    json!("$subject")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reads_its_own_writes_and_the_next_one_what_was_committed() {
    let world = World::start().await;
    let script = world.script(&world.grant()).await;
    let keys = json!({ "call": "state.keys", "prefix": "k", "partnership": "$subject" });
    let did = script
        .does(json!([set("k1", "one", here()), set("k2", "two", here()), set("k1", "uno", here()), get("k1", here()), { "call": "state.remove", "key": "k2", "partnership": "$subject" }, keys]))
        .await;
    assert_eq!(
        did.results[3..],
        [json!({ "ok": "uno" }), json!({ "ok": null }), json!({ "ok": ["k1"] })]
    );
    assert_eq!(script.asks(get("k1", here())).await, json!({ "ok": "uno" }));

    // A run that does not end well leaves nothing.
    for end in [
        json!({ "call": "panic", "message": "gone" }),
        json!({ "call": "fault", "code": "x", "cause": "plugin" }),
    ] {
        let did =
            script.does(json!([set("k1", "lost", here()), set("k3", "lost", here()), end])).await;
        assert_ne!(did.run["ending"], "ok");
        // The fault is tried again later, with steps that only look.
        script.set(&json!([get("k1", here()), get("k3", here())])).await;
        script.start().await;
        world.host.advance_ms(3_600_000);
        let now = script.done().await;
        assert_eq!(now.results, [json!({ "ok": "uno" }), json!({ "ok": null })]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_of_one_partner_stays_in_its_partition() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let account = world.acme.all("accounts").await[0]["id"].clone();
    let entry = |partnership: Value| {
        json!({ "call": "timeline.append", "entries": [
            { "account": account, "key": "k", "kind": "seen", "text": "t", "partnership": partnership }] })
    };
    let why = "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`)";
    let state = denied("state", "write for no partnership", why, "publisher");
    let timeline = denied("timeline:write", "write for no partnership", why, "publisher");
    let done = json!({ "ok": null });
    // Rows read by a query.
    let did = script
        .does(json!([set("a", "before", Value::Null), { "call": "overlaps.find" }, set("b", "x", Value::Null), entry(Value::Null), set("c", "x", here()), entry(here())]))
        .await;
    assert_eq!(did.results[0], done);
    assert_eq!(did.results[2..], [state.clone(), timeline.clone(), done.clone(), done]);
    // And rows that come back out of the partition's own state.
    let did = script
        .does(json!([get("c", here()), set("d", "laundered", Value::Null), get("d", Value::Null)]))
        .await;
    assert_eq!(did.results, [json!({ "ok": "x" }), state, json!({ "ok": null })]);
    // A partnership that was not granted has no partition.
    let nobody = "pty_7zzzzzzzzzzzzzzzzzzzzzzzzz";
    let did = script.does(json!([set("e", "x", json!(nobody)), get("e", json!(nobody))])).await;
    let why = "the customer did not grant it";
    assert_eq!(
        did.results[0],
        denied("state", &format!("state of partnership {nobody}"), why, "customer-admin")
    );
    assert_eq!(did.results[1], did.results[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_the_installs_own() {
    let world = World::start().await;
    let first = world.script(&world.grant()).await;
    first.asks(set("secret", "of the first", Value::Null)).await;
    let second = first.another().await;
    let did = second.does(json!([get("secret", Value::Null), { "call": "state.keys" }])).await;
    assert_eq!(did.results, [json!({ "ok": null }), json!({ "ok": [] })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_timeline_beyond_their_limits_are_refused_by_the_limits_name() {
    let world = World::start().await;
    let script = world.script(&world.grant()).await;
    let entry = |text: &str| json!({ "account": "acc_1", "key": "k", "kind": "k", "text": text });
    let append = |entries: Vec<Value>| json!({ "call": "timeline.append", "entries": entries });
    let long = |bytes: u32| json!({ "call": "state.set", "key": "k", "value": { "$times": bytes, "of": "v" } });
    let did = script
        .does(json!([
            long(65_536),
            long(65_537),
            set(&"k".repeat(512), "v", Value::Null),
            set(&"k".repeat(513), "v", Value::Null),
            set("", "v", Value::Null),
            append(vec![entry(&"t".repeat(2_049))]),
            append(vec![entry("t"); 501]),
            append(vec![json!({ "account": "", "key": "k", "kind": "k", "text": "t" })]),
        ]))
        .await;
    let done = json!({ "ok": null });
    assert_eq!(
        did.results,
        [
            done.clone(),
            refused("limit", "state.value: a value has at most 65536 bytes"),
            done,
            refused("limit", "state.key: a key has at most 512 bytes"),
            refused("invalid", "`key` must not be empty"),
            refused("limit", "timeline.text: a text has at most 2048 bytes"),
            refused("limit", "timeline.batch: at most 500 entries in one call"),
            refused("invalid", "a timeline entry's `account` must have 1 to 256 bytes"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_entry_and_others_accounts_get_none() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let ours = world.acme.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let theirs = world.globex.all("accounts").await[0]["id"].as_str().unwrap().to_owned();
    let entry = |account: &str, key: &str, text: &str| json!({ "account": account, "key": key, "kind": "seen", "text": text, "at": 1_767_225_600_000_000_i64 });
    // Not by its key is the intruder's left out.
    let entries = [
        entry(&ours, "same", "first"),
        entry(&ours, "same", "again"),
        entry(&theirs, "other", "intruder"),
    ];
    let append = json!({ "call": "timeline.append", "entries": entries });
    for _ in 0..2 {
        assert_eq!(script.asks(append.clone()).await, json!({ "ok": null }));
    }
    let timeline = world.acme.all(&format!("accounts/{ours}/timeline")).await;
    assert_eq!(
        timeline,
        [
            json!({ "install": script.install, "plugin": "script", "key": "same", "kind": "seen", "text": "first",
                 "at": "2026-01-01T00:00:00.000000Z", "partnership": "" })
        ]
    );
    let intruded = world.globex.all(&format!("accounts/{theirs}/timeline")).await;
    assert_eq!(intruded, Vec::<Value>::new());
}

/// A hundred thousand runs are not made here: the row says that they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_runs_is_ended_by_its_limit_and_its_last_run_leaves_nothing() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let again = json!({ "call": "again", "times": 2 });
    for (step, ending) in [(99_998, "ok"), (99_999, "limit")] {
        let fault = json!({ "call": "fault", "code": "x", "cause": "plugin" });
        assert_eq!(script.does(json!([fault])).await.run["ending"], "fault");
        let waiting =
            format!("UPDATE delivery SET step = {step} WHERE state IN ('ready', 'parked')");
        world.host.tamper(&waiting).await;
        // Another configuration is what a delivery that failed may have waited for.
        script.set(&json!([set("last", ending, here()), again])).await;
        world.host.advance_ms(3_600_000);
        let runs = world.runs(&script.install).await;
        let run = runs.iter().find(|run| run["step"] == step && run["attempt"] == 2);
        let run = run.unwrap_or_else(|| panic!("no run at step {step}: {runs:#?}"));
        let limit = if ending == "ok" { Value::Null } else { json!("delivery.steps") };
        assert_eq!((&run["ending"], &run["ending_detail"]["limit"]), (&json!(ending), &limit));
    }
    assert_eq!(script.asks(get("last", here())).await, json!({ "ok": "ok" }));
}
