//! Who a publisher is: nothing of theirs is approved before the platform knows it.
use serde_json::{Value, json};

use super::{manifest, upload};
use crate::support::{World, guest, site::DOMAIN};

const OWN: &str = "verification";
const VOUCHED: &str = "/v1/review/publishers/taskworks/verification";

/// A world whose publisher nobody knows.
async fn unknown() -> World {
    let world = World::start().await;
    ends(&world, "Who is it?").await.good();
    world
}

async fn ends(world: &World, reason: &str) -> crate::support::Answer {
    let platform = &world.host.platform;
    platform.post(&format!("{VOUCHED}/end"), &json!({ "reason": reason })).await
}

async fn proves(world: &World, domain: &str) -> crate::support::Answer {
    let publisher = &world.publisher;
    publisher.post(&publisher.own(OWN), &json!({ "domain": domain })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_unknown_publisher_is_approved() {
    let world = unknown().await;
    let World { host, publisher, .. } = &world;
    publisher.post(&publisher.own("plugins"), &json!({ "name": "script" })).await.good();
    let release = upload(publisher, manifest().to_string(), guest("script")).await.good();
    let ceiling = json!({ "capabilities": [], "fields": [], "egress": [] });
    host.platform.put("/v1/review/plugins/script/approval", &ceiling).await.good();
    let decision = format!("/v1/review/releases/{}/decision", release["id"].as_str().unwrap());
    let go = json!({ "go": true, "reason": "looked at" });
    let refused = host.platform.post(&decision, &go).await.refused(409, "wrong-state");
    assert_eq!(
        refused["detail"],
        "Its publisher, taskworks, is not verified, so nothing of theirs is approved."
    );
    assert_eq!(
        refused["next_step"],
        "They show a domain of theirs (`venn orgs verification --domain DOMAIN`), or you vouch for them: `venn review vouch taskworks --reason …`."
    );
    assert_eq!(world.acme.get("/v1/marketplace/plugins").await.good()["items"], json!([]));
    world.host.vouch("taskworks").await;
    host.platform.post(&decision, &go).await.good();
    let listed = world.acme.get("/v1/marketplace/plugins/script").await.good();
    let seen = [&listed["publisher_verified"], &listed["publisher_domain"]];
    assert_eq!(seen, [&json!("vouched"), &Value::Null]);
    // Taken back, what was approved goes on, and says so.
    let news = async || publisher.all("waiting").await;
    let of_kind =
        |items: Vec<Value>| items.into_iter().find(|item| item["kind"] == "verification-ended");
    assert_eq!(of_kind(news().await), None);
    let without = ends(&world, " ").await.refused(422, "invalid");
    assert_eq!(without["problems"][0]["place"], "reason");
    ends(&world, "The company was sold.").await.good();
    ends(&world, "Again.").await.refused(404, "not-found");
    let told = of_kind(news().await).unwrap();
    assert_eq!(
        told["text"],
        "The company was sold. What was approved goes on; nothing more of yours is approved until you show a domain, or the platform vouches for you."
    );
    let known = publisher.get(&publisher.own(OWN)).await.good();
    assert_eq!(
        (&known["verified"], &known["ended_reason"]),
        (&json!("no"), &json!("The company was sold."))
    );
    assert_eq!(host.platform.get(VOUCHED).await.good(), known);
    let entry = &publisher.all("audit?action=publisher.unverified").await[0];
    assert_eq!(entry["detail"]["reason"], "The company was sold.");
    let listed = world.acme.get("/v1/marketplace/plugins/script").await.good();
    let seen = [&listed["publisher_verified"], &listed["publisher_verified_at"]];
    assert_eq!(seen, [&json!("no"), &Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_the_publishers_if_its_line_stands_there() {
    let world = unknown().await;
    let World { publisher, site, .. } = &world;
    let told = publisher.get(&publisher.own(OWN)).await.good();
    assert_eq!(told["verified"], "no");
    let line = told["line"].as_str().unwrap();
    let url = format!("https://{DOMAIN}/.well-known/venn-publisher.txt");
    let another = world.acme.get(&world.acme.own(OWN)).await.good();
    for (text, why) in [
        ("", "it answers 404"),
        ("hello", "it does not have the line"),
        (another["line"].as_str().unwrap(), "it does not have the line"),
        (&format!("x{line}"), "it does not have the line"),
        (&line[..line.len() - 1], "it does not have the line"),
        (
            &"x".repeat(70_000),
            "the answer has more than 65536 bytes, or 8388608 with all around it",
        ),
        // A redirect is not the domain's own word.
        ("redirect:https://echo.example/", "it answers 302"),
    ] {
        site.says(text);
        let refused = proves(&world, DOMAIN).await.refused(409, "not-proved");
        let detail = format!("{url} does not show that the domain is yours: {why}.");
        assert_eq!(refused["detail"], json!(detail));
        let next = format!("Put this on a line of its own there, then try again: {line}");
        assert_eq!(refused["next_step"], json!(next));
    }
    site.says(&format!("# Venn\r\n  {line}\r\nother\n"));
    let proved = proves(&world, DOMAIN).await.good();
    assert_eq!((&proved["verified"], &proved["domain"]), (&json!("domain"), &json!(DOMAIN)));
    world.listed(&manifest(), guest("script")).await;
    let listed = world.acme.get("/v1/marketplace/plugins/script").await.good();
    let seen = [&listed["publisher_verified"], &listed["publisher_domain"]];
    assert_eq!(seen, [&json!("domain"), &json!(DOMAIN)]);
    assert_eq!(listed["publisher_verified_at"], proved["verified_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_asked_past_the_guard_of_the_way_out() {
    let world = unknown().await;
    for domain in [
        "127.0.0.1",
        "localhost:8080",
        "[::1]",
        "169.254.169.254",
        "taskworks.example/x",
        "a b",
        "TASKWORKS.example",
        "taskworks.example:444",
        "user@taskworks.example",
        "",
        "x?y",
        "x#y",
        "2130706433",
    ] {
        let refused = proves(&world, domain).await.refused(422, "invalid");
        assert_eq!(refused["problems"][0]["place"], "domain", "{domain}");
    }
    // A name that leads inside is not called, and its port tells nothing.
    let refused = proves(&world, "localhost").await;
    assert!(matches!(refused.status, 409 | 422), "{}", refused.text);
    let calls = world.sim.calls().len() + world.echo.calls().len();
    assert_eq!(calls, 0);
    assert_eq!(world.publisher.get(&world.publisher.own(OWN)).await.good()["verified"], "no");
}
