//! Reading overlaps: what everyone concerned agreed on, and nothing else.
use serde_json::{Value, json};

use crate::support::{
    World, guest,
    script::{denied, refused},
    world::rows,
};

const READ: &str = "overlaps:read";
const NOT_ASKED: &str = "the manifest does not ask for it";
const NOT_APPROVED: &str = "the platform did not approve it for this plugin";
const NOT_GRANTED: &str = "the customer did not grant it";

fn find(more: Value) -> Value {
    let mut step = json!({ "call": "overlaps.find" });
    for (key, value) in more.as_object().unwrap() {
        step[key] = value.clone();
    }
    step
}

/// The grant with one member changed.
fn with(world: &World, member: &str, value: Value) -> Value {
    let mut grant = world.grant();
    grant[member] = value;
    grant
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_is_read_and_no_other_field_is_filled() {
    let world = World::with_overlaps(3).await;
    let script = world.script(&world.grant()).await;
    let did = script
        .does(json!([
            find(json!({})),
            find(json!({ "partnership": "$subject", "our_populations": ["customers"], "fields": ["their-name"], "limit": 2 })),
            { "call": "overlaps.lookup", "domain": "https://www.company-1.com/about" },
            { "call": "overlaps.counts" },
            { "call": "overlaps.changes", "partnership": "$subject" },
        ]))
        .await;
    let [all, page, one, counts, changes] = did.results.as_slice() else { panic!("{}", did.run) };
    let items = all["ok"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let filled: Vec<_> = items[0]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| **value != json!(""))
        .map(|(key, _)| key.as_str())
        .collect();
    let known = [
        "id",
        "partnership",
        "partner",
        "domain",
        "evidence",
        "confidence",
        "paired-at",
        "our-account",
        "our-population",
        "our-name",
        "their-account",
        "their-population",
        "their-name",
        "their-owner",
        "extra",
    ];
    assert_eq!(filled, known);
    assert_eq!((&items[0]["partner"], &items[0]["extra"]), (&json!("Globex"), &json!([])));
    let items = page["ok"]["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["their-owner"], &items[0]["our-name"]),
        (2, &json!(""), &json!(""))
    );
    assert!(page["ok"]["cursor"].is_string());
    assert_eq!(one["ok"]["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["ok"]["items"][0]["domain"], "company-1.com");
    let customers = counts["ok"]
        .as_array()
        .unwrap()
        .iter()
        .find(|count| count["our-population"] == "customers");
    assert_eq!(customers.unwrap()["count"], 3);
    // Without a cursor it begins where the install was enabled.
    assert_eq!((&changes["ok"]["items"], &changes["ok"]["more"]), (&json!([]), &json!(false)));
    assert_eq!(did.run["denials"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_denied_in_whole_sentences() {
    let world = World::with_overlaps(3).await;
    let hooli = world.host.organization("hooli", true, false).await;
    let made = world
        .acme
        .post(&world.acme.own("partnerships"), &json!({ "partner": "hooli" }))
        .await
        .good();
    let other = made["id"].as_str().unwrap().to_owned();
    hooli.post(&hooli.own(&format!("partnerships/{other}/accept")), &json!({})).await.good();
    let mut manifest = World::manifest("script");
    manifest["capabilities"].as_array_mut().unwrap().retain(|one| one["name"] != "accounts:write");
    let release = world.publisher.publish(&manifest, guest("script")).await.good();
    let ceiling = json!({
        "capabilities": [READ, "state", "http:egress"], "fields": ["our-name", "their-name", "their-amount"],
        "egress": [{ "host": "api.hubapi.com", "methods": ["GET"], "paths": ["/crm"] }],
    });
    world.approve("script", &release, &ceiling).await;
    let grant = json!({
        "capabilities": [READ, "http:egress"], "partnerships": [world.partnership], "populations": ["customers"],
        "fields": ["their-name"], "egress_hosts": ["api.hubapi.com"],
    });
    let script = world.scripted(&grant).await;
    let entry = json!({ "account": "a", "key": "k", "kind": "k", "text": "t" });
    let did = script
        .does(json!([
            find(json!({ "fields": ["their-name", "their-amount"] })),
            find(json!({ "fields": ["their-owner"] })),
            find(json!({ "fields": ["their-stage"] })),
            { "call": "overlaps.changes", "partnership": "$subject", "fields": ["our-name"] },
            find(json!({ "our_populations": ["customers", "prospects"] })),
            find(json!({ "partnership": other })),
            { "call": "overlaps.counts", "partnership": "pty_7zzzzzzzzzzzzzzzzzzzzzzzzz" },
            { "call": "state.get", "key": "k" },
            { "call": "timeline.append", "entries": [entry] },
            { "call": "accounts.remove", "external_ids": ["1"] },
            { "call": "host.last-denial" },
        ]))
        .await;
    let customer = "customer-admin";
    let last = denied("accounts:write", "capability accounts:write", NOT_ASKED, "publisher");
    let expected = [
        denied(READ, "field their-amount", NOT_GRANTED, customer),
        denied(READ, "field their-owner", NOT_APPROVED, "platform-admin"),
        denied(READ, "field their-stage", NOT_ASKED, "publisher"),
        denied(READ, "field our-name", NOT_GRANTED, customer),
        denied(READ, "population prospects", NOT_GRANTED, customer),
        denied(READ, &format!("partnership {other}"), NOT_GRANTED, customer),
        denied(READ, "partnership pty_7zzzzzzzzzzzzzzzzzzzzzzzzz", NOT_GRANTED, customer),
        denied("state", "capability state", NOT_GRANTED, customer),
        denied("timeline:write", "capability timeline:write", NOT_APPROVED, "platform-admin"),
        last.clone(),
        json!({ "ok": last["denied"] }),
    ];
    assert_eq!(did.results, expected);
    assert_eq!((&did.run["ending"], &did.run["denials"]), (&json!("ok"), &json!(10)), "no trap");

    // Each stands in the audit of the customer, with who can change it.
    let audit = world.acme.all("audit?action=run.denied").await;
    let mut audited: Vec<_> = audit.iter().map(|entry| entry["detail"]["denial"].clone()).collect();
    audited.sort_by_key(|denial| denial["what"].to_string());
    let mut whats: Vec<_> =
        expected[..10].iter().map(|one| one["denied"]["what"].clone()).collect();
    whats.sort_by_key(Value::to_string);
    assert_eq!(audited.iter().map(|denial| denial["what"].clone()).collect::<Vec<_>>(), whats);
    assert!(audit.iter().all(|entry| entry["subject"] == did.run["id"]), "{audit:?}");
    assert!(audit.iter().all(|entry| entry["detail"]["denial"]["who_can_change_it"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_allows_plugins_only_is_not_read_by_one_that_sends_data_elsewhere() {
    let world = World::with_overlaps(3).await;
    let script = world.script(&world.grant()).await;
    let steps = json!([
        find(json!({ "partnership": "$subject" })),
        { "call": "overlaps.changes", "partnership": "$subject" },
        { "call": "overlaps.counts", "partnership": "$subject" },
        find(json!({})),
        { "call": "overlaps.lookup", "domain": "company-1.com" },
        { "call": "overlaps.counts" },
    ]);
    world.share(&world.globex, "overlaps", &["name", "owner"], "plugins").await;
    let did = script.does(steps.clone()).await;
    let denial = denied(
        READ,
        &format!("partnership {}", world.partnership),
        "the data owner does not let plugins that send data elsewhere read its accounts",
        "data-owner",
    );
    assert_eq!(did.results[..3], [denial.clone(), denial.clone(), denial.clone()]);
    for over_all in &did.results[3..5] {
        assert_eq!(over_all["ok"]["items"], json!([]));
        assert_eq!(over_all["ok"]["withheld-partners"], json!(["Globex"]));
    }
    assert_eq!(did.results[5]["ok"], json!([]));
    assert!(!did.run.to_string().contains("Company 1"), "{}", did.run);

    // The same install without any host granted may read them.
    world.regrant(&script.install, &with(&world, "egress_hosts", json!([]))).await;
    let did = script.does(steps.clone()).await;
    assert_eq!(did.results[0]["ok"]["items"].as_array().unwrap().len(), 3, "{}", did.run);
    assert_eq!(did.results[3]["ok"]["withheld-partners"], json!([]));
    assert_eq!(did.results[5]["ok"].as_array().unwrap().len(), 2);

    // And one whose owner lets people only look may not, egress or not.
    world.share(&world.globex, "all", &["name"], "view").await;
    let did = script.does(steps).await;
    let why = "the data owner does not let plugins read its accounts";
    let what = format!("partnership {}", world.partnership);
    assert_eq!(did.results[0], denied(READ, &what, why, "data-owner"));
    assert_eq!(did.results[3]["ok"]["withheld-partners"], json!(["Globex"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_the_owner_keeps_is_withheld_and_named() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    world.share(&world.globex, "overlaps", &["name"], "egress").await;
    let page = script.asks(find(json!({ "fields": ["their-name", "their-owner"] }))).await;
    let items = page["ok"]["items"].as_array().unwrap();
    assert!(
        items.iter().all(|item| item["their-owner"] == "" && item["their-name"] != ""),
        "{page}"
    );
    assert_eq!(page["ok"]["withheld"], json!(["their-owner"]));
    assert_eq!(page["ok"]["withheld-partners"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_cursors_are_bounded_and_the_installs_own() {
    let world = World::with_overlaps(2).await;
    let script = world.script(&world.grant()).await;
    let did = script
        .does(json!([
            find(json!({ "limit": 1_001 })),
            find(json!({ "cursor": "forged" })),
            { "call": "overlaps.changes", "partnership": "$subject", "cursor": "forged" },
            find(json!({ "fields": ["name"] })),
            { "call": "overlaps.lookup", "domain": "com" },
            { "call": "overlaps.lookup", "domain": "x".repeat(2_049) },
            { "call": "overlaps.changes", "partnership": "nonsense" },
        ]))
        .await;
    assert_eq!(did.results[0], refused("invalid", "`limit` is at most 1000"));
    for forged in &did.results[1..3] {
        assert_eq!(forged["error"]["kind"], "invalid", "{forged}");
    }
    assert_eq!(
        did.results[3],
        refused(
            "invalid",
            "`name` is not a field of an overlap: names start with `our-` or `their-`"
        )
    );
    assert_eq!(did.results[4]["error"]["kind"], "invalid");
    assert_eq!(did.results[5], refused("invalid", "`domain` must have 1 to 2048 bytes"));
    assert_eq!(did.results[6]["error"]["kind"], "invalid");

    // A cursor of one install is nothing to another.
    let first = script.asks(json!({ "call": "overlaps.changes", "partnership": "$subject" })).await;
    let cursor = first["ok"]["cursor"].as_str().unwrap();
    let second = script.another().await;
    let answer = second
        .asks(json!({ "call": "overlaps.changes", "partnership": "$subject", "cursor": cursor }))
        .await;
    assert_eq!(answer["error"]["kind"], "invalid", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_in_order_and_once() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    let ask = |cursor: Value| json!({ "call": "overlaps.changes", "partnership": "$subject", "cursor": cursor, "limit": 2 });
    let start = script.asks(ask(Value::Null)).await["ok"]["cursor"].clone();
    world.acme.import("merge", rows(0..6, "A")).await;
    world.globex.import("merge", rows(0..6, "G")).await;
    world.paired().await;
    let (mut cursor, mut seen) = (start, Vec::new());
    loop {
        let page = script.asks(ask(cursor.clone())).await["ok"].clone();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["overlap"]["domain"].clone()),
        );
        let left = page["remaining"].as_u64().unwrap();
        assert_eq!(page["more"], left > 0, "{page}");
        cursor = page["cursor"].clone();
        if left == 0 {
            break;
        }
    }
    seen.sort_by_key(Value::to_string);
    assert_eq!(seen, (1..6).map(|n| json!(format!("company-{n}.com"))).collect::<Vec<_>>());
    let rest = script.asks(ask(cursor)).await;
    assert_eq!(rest["ok"]["items"], json!([]));
}
