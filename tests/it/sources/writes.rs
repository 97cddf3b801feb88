//! What a guest may write as a source: allowed, denied, exceeded; and what
//! becomes of it.
use serde_json::{Value, json};

use crate::support::{
    World,
    script::{Did, Script, denied, refused},
    world::rows,
};

fn row(id: &str, number: u32) -> Value {
    json!({ "external_id": id, "name": format!("Company {number}"),
            "website": format!("https://company-{number}.com/"), "owner": "", "stage": "Customer",
            "amount": "", "created_on": "", "population": "", "extra": [] })
}

/// The row with one member otherwise.
fn with(mut row: Value, member: &str, value: Value) -> Value {
    row[member] = value;
    row
}

fn upsert(rows: &[Value]) -> Value {
    json!({ "call": "accounts.upsert", "rows": rows })
}

fn remove(ids: &[&str]) -> Value {
    json!({ "call": "accounts.remove", "external_ids": ids })
}

fn result(added: u32, changed: u32, unchanged: u32) -> Value {
    json!({ "ok": { "added": added, "changed": changed, "unchanged": unchanged } })
}

async fn source(script: &Script<'_>) -> Value {
    let path = script.world.acme.own(&format!("sources/{}", script.install));
    script.world.acme.get(&path).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_writes_pairs_and_replays_like_anything_else() {
    let world = World::with_overlaps(2).await;
    world.globex.import("merge", rows(0..6, "G")).await;
    world.paired().await;
    let script = world.script(&world.grant_of_source()).await;
    assert_eq!(source(&script).await["state"], "never-synced");
    script
        .does(json!([
            upsert(&[
                row("h1", 3),
                with(row("h2", 4), "extra", json!([{ "name": "tier", "value": "gold" }]))
            ]),
            upsert(&[row("h1", 3), with(row("h2", 5), "amount", json!("1.234,50"))]),
            remove(&["h2", "A00000", "nobody"]),
            upsert(&[row("h2", 5)]),
        ]))
        .await;
    // What it writes makes overlaps, which may have started it again already.
    let runs = world.runs(&script.install).await;
    let did = Did::of(runs.into_iter().find(|run| run["accounts_added"] == 2).expect("its run"));
    assert_eq!(
        did.results,
        [result(2, 0, 0), result(0, 1, 1), json!({ "ok": 1 }), result(1, 0, 0)]
    );
    assert_eq!((&did.run["accounts_added"], &did.run["accounts_removed"]), (&json!(2), &json!(0)));
    world.paired().await;
    let overlaps = world.acme.all(&format!("partnerships/{}/overlaps", world.partnership)).await;
    assert_eq!(overlaps.len(), 4);
    // How old our side is, and nothing of the partner's.
    assert!(overlaps.iter().all(|one| one["our_synced_at"].is_string()));
    assert!(overlaps.iter().all(|one| one.get("their_synced_at").is_none()));
    let accounts = world.acme.all("accounts").await;
    let kept: Vec<_> =
        accounts.iter().filter(|account| account["source"] == script.install.as_str()).collect();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0]["population"], "customers");
    assert!(accounts.iter().filter(|account| account["source"] == "import").count() == 2);
    let seen = source(&script).await;
    assert_eq!(
        (&seen["state"], &seen["accounts"], &seen["age_s"]),
        (&json!("synced"), &json!(2), &json!(0))
    );
    let path = world.acme.own(&format!("runs/{}/replay", did.run["id"].as_str().unwrap()));
    assert_eq!(world.acme.post(&path, &Value::Null).await.good()["result"], "same");
    // Another organization has no such source, and none of its accounts moved.
    let foreign = world.globex.own(&format!("sources/{}", script.install));
    world.globex.get(&foreign).await.refused(404, "not-found");
    assert!(world.globex.all("accounts").await.iter().all(|one| one["source"] == "import"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_by_row_and_field_and_nothing_of_the_call_is_kept() {
    let world = World::start().await;
    let script = world.script(&world.grant_of_source()).await;
    let many = json!({ "$times": 501, "of": row("one", 1) });
    let extra: Vec<_> = (0..51).map(|n| json!({ "name": format!("f{n}"), "value": "x" })).collect();
    let good = row("good", 1);
    let bad =
        |member: &str, value: Value| upsert(&[good.clone(), with(row("bad", 2), member, value)]);
    let did = script
        .does(json!([
            json!({ "call": "accounts.upsert", "rows": many }),
            bad("external_id", json!(" ")),
            bad("external_id", json!("good")),
            bad("amount", json!("much")),
            bad("created_on", json!("03/04/2026")),
            bad("name", json!("a$nulb")),
            bad("owner", json!({ "$times": 65_537, "of": "x" })),
            bad("extra", json!(extra)),
            bad("population", json!("No Such")),
            remove(&["good", ""]),
        ]))
        .await;
    let invalid = |text: &str| refused("invalid", text);
    assert_eq!(
        did.results,
        [
            refused("limit", "accounts.batch: at most 500 rows in one call"),
            invalid(
                "row 1, external-id: this account has no id. Every account needs the id that the CRM gave it."
            ),
            invalid("row 1, external-id: it is that of row 0 already. Send one of the two."),
            invalid(
                "row 1, amount: \"much\" isn't an amount. Write it as a plain number with a decimal point, such as 1234.50."
            ),
            invalid(
                "row 1, created-on: \"03/04/2026\" isn't a date, or could be two. Write it as YYYY-MM-DD."
            ),
            invalid(
                "row 1, name: it has a NUL character. Take it out: no name or address has one."
            ),
            invalid("row 1, owner: it has more than 65536 bytes. Shorten it, or leave it out."),
            refused("limit", "accounts.extra: row 1 has more than 50 further values"),
            invalid(
                "row 1, population: `No Such` is not a key: use 1 to 64 of a-z, 0-9 and `-`, starting and ending with a letter or digit"
            ),
            invalid("row 1, external-id: an id has 1 to 256 bytes, and no NUL"),
        ]
    );
    assert_eq!(world.acme.all("accounts").await, Vec::<Value>::new());
    assert_eq!(source(&script).await["state"], "never-synced");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_is_denied_by_the_layer_that_lacks_it() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let why = "the customer did not grant it";
    let answer = script.asks(upsert(&[])).await;
    assert_eq!(
        answer,
        denied("accounts:write", "capability accounts:write", why, "customer-admin")
    );
    let mut narrow = world.grant_of_source();
    narrow["populations"] = json!(["prospects"]);
    world.regrant(&script.install, &narrow).await;
    let lead = with(row("lead", 7), "stage", json!("Lead"));
    let stolen = with(row("A00000", 7), "stage", json!("Lead"));
    let did =
        script.does(json!([upsert(&[lead]), upsert(&[row("x", 8)]), upsert(&[stolen])])).await;
    let population = denied("accounts:write", "population customers", why, "customer-admin");
    assert_eq!(did.results, [result(1, 0, 0), population.clone(), population]);
    // What was read of a partner does not go into the customer's own list.
    world.regrant(&script.install, &world.grant_of_source()).await;
    let did = script
        .does(json!([{ "call": "overlaps.find" }, upsert(&[row("y", 9)]), remove(&["lead"])]))
        .await;
    let apart = "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`)";
    let apart = denied("accounts:write", "write for no partnership", apart, "publisher");
    assert_eq!(did.results[1..], [apart.clone(), apart]);
    assert_eq!(world.acme.all("accounts").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_writes_no_accounts() {
    let world = World::start().await;
    let script = world.script(&world.grant_of_source()).await;
    script.does(json!([upsert(&[row("a", 1)]), { "call": "panic", "message": "gone" }])).await;
    assert_eq!(world.acme.all("accounts").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_allowed_any_more_writes_no_accounts() {
    let world = World::start().await;
    let script = world.script(&world.grant_of_source()).await;
    let call = json!({ "call": "http.send", "method": "GET",
                       "url": "https://api.hubapi.com/crm/v3/objects/tasks", "connection": "crm" });
    script.set(&json!([upsert(&[row("a", 1), row("b", 2)]), call])).await;
    let hold = world.sim.hold("/crm");
    script.start().await;
    hold.held(1).await;
    world.regrant(&script.install, &world.grant()).await;
    hold.release();
    let did = script.done().await;
    assert_eq!((&did.run["ending"], &did.run["effects_dropped"]), (&json!("ok"), &json!(2)));
    assert_eq!(world.acme.all("accounts").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_wants_everything_gone_waits_for_a_yes() {
    let world = World::start().await;
    let script = world.script(&world.grant_of_source()).await;
    let rows: Vec<_> = (0..10).map(|n| row(&format!("h{n}"), n)).collect();
    script.does(json!([upsert(&rows)])).await;
    let all: Vec<String> = (0..10).map(|n| format!("h{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let did = script.does(json!([remove(&all), remove(&all)])).await;
    assert_eq!(did.results, [json!({ "ok": 10 }), json!({ "ok": 0 })]);
    assert_eq!(did.run["accounts_removed"], 0);
    let asked = source(&script).await;
    assert_eq!(asked["state"], "waiting-for-confirmation");
    let question =
        "The source lacks 10 of the 10 accounts that came from it (100 %). Shall they be removed?";
    assert_eq!(
        asked["confirm"],
        json!({ "removes": 10, "of": 10, "percent": 100, "question": question })
    );
    assert_eq!(world.acme.all("accounts").await.len(), 10);
    let place = world.acme.own(&format!("sources/{}", script.install));
    let wrong = world.acme.post(&format!("{place}/confirm"), &json!({ "removes": 9 })).await;
    assert_eq!(wrong.refused(409, "wrong-state")["detail"], "It is about 10 accounts by now.");
    let no = world.acme.post(&format!("{place}/cancel"), &json!({})).await.good();
    assert_eq!((&no["state"], &no["accounts"]), (&json!("synced"), &json!(10)));
    script.does(json!([remove(&all)])).await;
    let yes = world.acme.post(&format!("{place}/confirm"), &json!({ "removes": 10 })).await.good();
    assert_eq!(
        (&yes["state"], &yes["accounts"], &yes["removed"]),
        (&json!("synced"), &json!(0), &json!(10))
    );
    let actions: Vec<_> =
        world.acme.all("audit").await.into_iter().map(|one| one["action"].clone()).collect();
    for action in ["source.synced", "source.cancelled", "source.confirmed"] {
        assert!(actions.contains(&json!(action)), "{actions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sources_never_share_an_account() {
    let world = World::start().await;
    let first = world.script(&world.grant_of_source()).await;
    first.asks(upsert(&[row("1001", 1)])).await;
    let second = first.another().await;
    world.regrant(&second.install, &world.grant_of_source()).await;
    let did = second.does(json!([upsert(&[row("1001", 2)]), remove(&["1001"])])).await;
    let text = "row 0, external-id: it is that of an account that another source keeps. Give the ids of this source a prefix.";
    assert_eq!(did.results, [refused("invalid", text), json!({ "ok": 0 })]);
    // Its accounts stay when a source is gone.
    let path = world.acme.own(&format!("installs/{}", first.install));
    world.acme.delete(&path).await;
    let accounts = world.acme.all("accounts").await;
    assert_eq!((accounts.len(), &accounts[0]["source"]), (1, &json!("import")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_person_asks_for_waits_once() {
    let world = World::start().await;
    let script = world.script(&world.grant_of_source()).await;
    let steps = json!({ "steps": { "schedule": [{ "call": "event" }, upsert(&[])] } });
    let config = world.acme.own(&format!("installs/{}/config", script.install));
    world.acme.put(&config, &steps).await.good();
    world.runs(&script.install).await;
    let place = world.acme.own(&format!("installs/{}", script.install));
    let run = async || world.acme.post(&format!("{place}/run"), &json!({})).await;
    let first = run().await.good();
    assert_eq!(first["waited_already"], false);
    let runs = world.runs(&script.install).await;
    let done = runs.iter().find(|run| run["event_kind"] == "schedule").unwrap();
    assert_eq!((&done["subject"], &done["ending"]), (&json!("run-now"), &json!("ok")));
    let summary: Value = serde_json::from_str(done["summary"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_str(summary[0]["payload"].as_str().unwrap()).unwrap();
    let me = world.acme.get("/v1/me").await.good();
    assert_eq!((&payload["schedule"], &payload["asked_by"]), (&json!("run-now"), &me["user_id"]));
    let schema = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../wit/events/schedule.schema.json"
    ));
    let schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &payload), "{payload}");
    // While one waits, asking again brings no other.
    let steps = json!({ "steps": { "schedule": [{ "call": "fault", "code": "x", "cause": "third-party" }] } });
    world.acme.put(&config, &steps).await.good();
    world.runs(&script.install).await;
    let waiting = run().await.good();
    world.runs(&script.install).await;
    let again = run().await.good();
    assert_eq!(
        (&again["delivery"], &again["waited_already"]),
        (&waiting["delivery"], &json!(true))
    );
    // Each who asks is in the audit.
    let asked = world.acme.all("audit?action=install.run").await;
    let asked: Vec<_> = asked.iter().map(|entry| &entry["detail"]["waited_already"]).collect();
    assert_eq!(asked, [&json!(true), &json!(false), &json!(false)]);
    world.acme.post(&format!("{place}/pause"), &json!({})).await.good();
    run().await.refused(409, "wrong-state");
}
