//! What waits for somebody's decision is in their inbox, with the command to type,
//! from the moment that it waits until it is decided; nobody else is told.
use serde_json::{Value, json};

use crate::support::{Actor, World, guest, world::rows};

/// Kind, title, command, and whether there is something to do.
pub async fn waits(actor: &Actor) -> Vec<(String, String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |item: &Value| {
        let is_owner = item["is_owner"].as_bool().unwrap();
        (text(&item["kind"]), text(&item["title"]), text(&item["next_step"]), is_owner)
    };
    actor.all("waiting").await.iter().map(line).collect()
}

pub fn line(
    kind: &str,
    title: &str,
    next: &str,
    is_owner: bool,
) -> Vec<(String, String, String, bool)> {
    vec![(kind.to_owned(), title.to_owned(), next.to_owned(), is_owner)]
}

pub const NOTHING: [(String, String, String, bool); 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_for_the_platform_and_the_answer_is_told_to_its_publisher() {
    let world = World::start().await;
    let (platform, publisher) = (&world.host.platform, &world.publisher);
    let mut manifest = World::manifest("script");
    let release = publisher.publish(&manifest, guest("script")).await.good();
    let title = "script 0.1.0 waits for your review";
    let review = line("release-to-review", title, "venn review show script@0.1.0", true);
    assert_eq!(waits(platform).await, review);
    assert_eq!(waits(publisher).await, NOTHING);
    let decision = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    let no = json!({ "go": false, "reason": "It asks for every field." });
    platform.post(&decision, &no).await.good();
    assert_eq!(waits(platform).await, NOTHING);
    let refused = line("release-refused", "script 0.1.0 was refused", "venn publish", true);
    assert_eq!(waits(publisher).await, refused);
    assert_eq!(
        publisher.all("waiting").await[0]["text"],
        "It asks for every field. Correct it, raise the version, and publish again."
    );
    manifest["version"] = json!("0.1.1");
    world.listed(&manifest, guest("script")).await;
    let news = "script 0.1.1 was approved";
    let approved = line("release-approved", news, "venn marketplace show script", false);
    assert_eq!(waits(publisher).await, approved);
    assert_eq!(waits(&world.acme).await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_plugin_is_told_to_its_publisher_and_to_those_who_have_it() {
    let world = World::with_overlaps(1).await;
    let _script = world.script(&world.grant()).await;
    world.host.advance_ms(8 * 24 * 60 * 60 * 1_000);
    let platform = &world.host.platform;
    let reason = json!({ "reason": "It sends too much." });
    platform.post("/v1/review/plugins/script/suspend", &reason).await.good();
    let title = "The platform suspended script";
    let next = "venn plugins show script";
    assert_eq!(waits(&world.publisher).await, line("plugin-suspended", title, next, true));
    let told = line("integration-suspended", title, "venn installs list", false);
    assert_eq!(waits(&world.acme).await, told);
    let item = &world.acme.all("waiting").await[0];
    assert_eq!(
        item["text"],
        "It sends too much. Your installs of it are stopped; events wait until it is resumed."
    );
    assert_eq!(
        item["created_at"],
        world.host.app.clock.now().to_string(),
        "since then, not since it was made"
    );
    assert_eq!(waits(&world.globex).await, NOTHING);
    platform.post("/v1/review/plugins/script/resume", &json!({})).await.good();
    assert_eq!((waits(&world.publisher).await, waits(&world.acme).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_from_a_plugin_is_told_to_its_publisher_and_to_those_who_have_it() {
    let world = World::with_overlaps(1).await;
    let script = world.script(&world.grant()).await;
    world.host.advance_ms(8 * 24 * 60 * 60 * 1_000);
    let platform = &world.host.platform;
    let path = "/v1/review/plugins/script/approval";
    let mut ceiling = platform.get("/v1/review/releases").await.good()["items"][0]["id"].clone();
    let review = format!("/v1/review/releases/{}", ceiling.as_str().unwrap());
    ceiling = platform.get(&review).await.good()["approval"].clone();
    let install = world.acme.own(&format!("installs/{}", script.install));
    assert_eq!(world.acme.get(&install).await.good()["not_approved"], json!([]));
    let whole = ceiling.clone();
    ceiling["egress"] = json!([]);
    platform.put(path, &ceiling).await.good();
    let title = "The platform allows less of script";
    let next = "venn plugins show script";
    assert_eq!(waits(&world.publisher).await, line("plugin-narrowed", title, next, false));
    let told = line("integration-narrowed", title, "venn installs list", false);
    assert_eq!(waits(&world.acme).await, told);
    assert_eq!(waits(&world.globex).await, NOTHING);
    assert_eq!(
        world.acme.all("waiting").await[0]["text"],
        "No more: host api.hubapi.com. What needs it is denied, whatever your grant says."
    );
    let denied = json!(["host api.hubapi.com"]);
    assert_eq!(world.acme.get(&install).await.good()["not_approved"], denied);
    assert_eq!(world.acme.all("installs").await[0]["not_approved"], denied);
    // Given back, it is no news any more.
    platform.put(path, &whole).await.good();
    assert_eq!((waits(&world.publisher).await, waits(&world.acme).await), (vec![], vec![]));
    assert_eq!(world.acme.get(&install).await.good()["not_approved"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_waits_for_the_one_that_it_was_made_to() {
    let world = World::start().await;
    let hooli = world.host.organization("hooli", true, false).await;
    let asked = line(
        "partnership-proposed",
        "Hooli proposes a partnership",
        "venn partner accept hooli",
        true,
    );
    for answer in ["end", "accept"] {
        let body = json!({ "partner": "acme" });
        let made = hooli.post(&hooli.own("partnerships"), &body).await.good();
        assert_eq!(waits(&world.acme).await, asked);
        assert_eq!((waits(&hooli).await, waits(&world.globex).await), (vec![], vec![]));
        let path = format!("partnerships/{}/{answer}", made["id"].as_str().unwrap());
        world.acme.post(&world.acme.own(&path), &json!({})).await.good();
        assert_eq!(waits(&world.acme).await, NOTHING);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_wait_for_a_yes_or_a_no() {
    let world = World::with_overlaps(1).await;
    let acme = &world.acme;
    let script = world.script(&world.grant_of_source()).await;
    let row = |n: u32| {
        json!({ "external_id": format!("h{n}"), "name": format!("Company {n}"), "website": "",
                "owner": "", "stage": "Customer", "amount": "", "created_on": "",
                "population": "", "extra": [] })
    };
    let added: Vec<_> = (0..10).map(row).collect();
    script.does(json!([{ "call": "accounts.upsert", "rows": added }])).await;
    assert_eq!(waits(acme).await, NOTHING);
    let all: Vec<_> = (0..10).map(|n| format!("h{n}")).collect();
    script.does(json!([{ "call": "accounts.remove", "external_ids": all }])).await;
    let install = &script.install;
    let title = "The source main wants to remove 10 accounts";
    let next = format!("venn sources confirm {install}");
    assert_eq!(waits(acme).await, line("removals-to-confirm", title, &next, true));
    let path = acme.own(&format!("sources/{install}/confirm"));
    acme.post(&path, &json!({ "removes": 10 })).await.good();
    assert_eq!(waits(acme).await, NOTHING);

    acme.import("merge", rows(0..9, "A")).await;
    let import = acme.import("replace", rows(0..1, "A")).await;
    assert_eq!(import["state"], "waiting-for-confirmation");
    let id = import["id"].as_str().unwrap();
    let title = "The list list.csv would remove many accounts";
    let next = format!("venn imports confirm {id}");
    assert_eq!(waits(acme).await, line("import-to-confirm", title, &next, true));
    acme.post(&acme.own(&format!("imports/{id}/cancel")), &json!({})).await.good();
    assert_eq!(waits(acme).await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proposed_to_a_partner_that_was_erased() {
    let world = World::start().await;
    let end = world.globex.own(&format!("partnerships/{}/end", world.partnership));
    world.globex.post(&end, &json!({})).await.good();
    let title = "Globex ended your partnership";
    let ended = line("partnership-ended", title, "venn partner propose globex", false);
    assert_eq!(waits(&world.acme).await, ended);
    // As an erasure leaves it (`store erasure.rs`).
    let erased =
        "UPDATE organization SET slug = id, name = 'An erased organization' WHERE slug = 'globex'";
    world.host.tamper(erased).await;
    let title = "An erased organization had a partnership with you";
    assert_eq!(waits(&world.acme).await, line("partnership-ended", title, "", false));
}
