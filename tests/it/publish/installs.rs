//! Drafts that cannot be: every problem at once, each at its place, and nothing
//! kept.
use serde_json::{Value, json};

use crate::support::{World, guest, world::CRM_TOKEN};

/// A listed plugin whose configuration has a schema, under a narrower ceiling.
async fn listed() -> World {
    let world = World::start().await;
    let mut manifest = World::manifest("script");
    manifest["config_schema"] = json!({
        "type": "object", "additionalProperties": false, "required": ["owner"],
        "properties": {
            "owner": { "type": "string", "minLength": 1 },
            "priority": { "enum": ["HIGH", "LOW"] },
            "days": { "type": "array", "items": { "type": "integer", "maximum": 31 } },
        },
    });
    let release = world.publisher.publish(&manifest, guest("script")).await.good();
    let ceiling = json!({
        "capabilities": ["overlaps:read", "state", "http:egress"], "fields": ["their-name"],
        "egress": [{ "host": "api.hubapi.com", "methods": ["GET"], "paths": ["/crm"] }],
    });
    world.approve("script", &release, &ceiling).await;
    world
}

fn grant(partnership: &str) -> Value {
    json!({
        "capabilities": ["overlaps:read", "state", "http:egress"], "partnerships": [partnership],
        "populations": ["customers"], "fields": ["their-name"], "egress_hosts": ["api.hubapi.com"],
    })
}

async fn draft(
    world: &World,
    connection: &str,
    grant: Value,
    config: Value,
) -> crate::support::Answer {
    let body = json!({
        "plugin": "script", "name": "main", "grant": grant, "config": config, "connections": { "crm": connection },
    });
    world.acme.post(&world.acme.own("installs"), &body).await
}

fn problem(place: &str, reason: &str, next_step: &str) -> Value {
    json!({ "place": place, "reason": reason, "next_step": next_step })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_breaks_its_schema_is_refused_at_the_place() {
    let world = listed().await;
    let connection = world.connection().await;
    let config = json!({ "owner": "", "priority": "MEDIUM", "days": [1, 32], "secret-canary": 1 });
    let refused = draft(&world, &connection, grant(&world.partnership), config)
        .await
        .refused(422, "bad-config");
    assert_eq!(refused["detail"], "The configuration breaks the plugin's schema.");
    let mut problems = refused["problems"].as_array().unwrap().clone();
    problems.sort_by_key(|problem| problem["place"].to_string());
    assert_eq!(
        problems,
        [
            problem("config/days/1", "it is more than 31", "Correct it"),
            problem("config/owner", "it is empty", "Correct it"),
            problem("config/priority", "it is not one of `HIGH`, `LOW`", "Correct it"),
            problem("config/secret-canary", "the plugin knows no such field", "Remove it"),
        ]
    );
    let refused = draft(&world, &connection, grant(&world.partnership), json!({}))
        .await
        .refused(422, "bad-config");
    assert_eq!(
        refused["problems"],
        json!([problem("config/owner", "it is missing", "Fill it in")])
    );
    let refused = draft(&world, &connection, grant(&world.partnership), json!("text"))
        .await
        .refused(422, "bad-config");
    assert_eq!(
        refused["problems"],
        json!([problem("config", "it is not of the type object", "Correct it")])
    );
    assert_eq!(world.acme.all("installs").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_would_take_long_to_check_is_refused_before_it_is_checked() {
    let world = World::start().await;
    let mut manifest = World::manifest("script");
    let constants: Vec<_> = (10..4_910).map(|number| json!({ "const": number })).collect();
    manifest["config_schema"] = json!({
        "type": "object", "properties": { "a": { "contains": { "anyOf": constants } } },
    });
    let release = world.publisher.publish(&manifest, guest("script")).await.good();
    let ceiling = json!({
        "capabilities": ["overlaps:read", "state", "http:egress"], "fields": ["their-name"],
        "egress": [{ "host": "api.hubapi.com", "methods": ["GET"], "paths": ["/crm"] }],
    });
    world.approve("script", &release, &ceiling).await;
    let connection = world.connection().await;
    let grant = || grant(&world.partnership);
    let made = draft(&world, &connection, grant(), json!({ "a": [4_909] })).await.good();
    let place = world.acme.own(&format!("installs/{}/config", made["id"].as_str().unwrap()));
    for (config, reason, next_step) in [
        (
            json!({ "a": vec![9; 30_000] }),
            "checking it against the plugin's schema takes up to 294179415 comparisons, at most 1000000 are allowed (limit `config.work`)",
            "Shorten it, or ask the publisher for a simpler schema",
        ),
        (
            json!({ "a": vec![9; 450_000] }),
            "it has 900007 bytes as JSON, at most 65536 are allowed (limit `config.bytes`)",
            "Shorten it; a larger table belongs to the third party",
        ),
    ] {
        let answers = [
            draft(&world, &connection, grant(), config.clone()).await,
            world.acme.put(&place, &config).await,
        ];
        for answer in answers {
            let refused = answer.refused(422, "bad-config");
            assert_eq!(refused["detail"], "The configuration is too large to be checked.");
            assert_eq!(refused["problems"], json!([problem("config", reason, next_step)]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_configurations_ends_early_and_the_next_one_goes_on() {
    let world = World::start().await;
    let mut manifest = World::manifest("script");
    manifest["config_schema"] = json!({ "type": "object" });
    world.listed(&manifest, guest("script")).await;
    let connection = world.connection().await;
    let config = json!({ "text": "x".repeat(65_000) });
    for number in 0..80 {
        let body = json!({
            "plugin": "script", "name": format!("large-{number}"), "config": config,
            "grant": grant(&world.partnership), "connections": { "crm": connection },
        });
        world.acme.post(&world.acme.own("installs"), &body).await.good();
    }
    let page = world.acme.get(&world.acme.own("installs?limit=200")).await;
    assert!(page.body["next"].is_string() && page.text.len() < 5 << 20, "{}", page.text.len());
    assert!(page.body["items"].as_array().unwrap().len() >= 60, "a page is not cut for nothing");
    assert_eq!(world.acme.all("installs").await.len(), 80, "all of them, page by page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_beyond_the_approval_names_what_is_too_much() {
    let world = listed().await;
    let connection = world.connection().await;
    let hooli = world.host.organization("hooli", true, false).await;
    let body = json!({ "partner": "hooli" });
    let proposed = world.acme.post(&world.acme.own("partnerships"), &body).await.good();
    let foreign =
        hooli.post(&hooli.own("partnerships"), &json!({ "partner": "globex" })).await.good();
    let wide = json!({
        "capabilities": ["overlaps:read", "timeline:write"],
        "partnerships": [world.partnership, proposed["id"], foreign["id"], "pty_7zzzzzzzzzzzzzzzzzzzzzzzzz"],
        "populations": ["customers", "vip"], "fields": ["their-name", "their-amount"],
        "egress_hosts": ["api.hubapi.com", "evil.example.com"],
    });
    let refused =
        draft(&world, &connection, wide, json!({ "owner": "x" })).await.refused(422, "bad-grant");
    let none = "there is no such partnership of yours";
    let choose = "Choose one of your active partnerships";
    assert_eq!(
        refused["problems"],
        json!([
            problem(
                "grant.capabilities",
                "capability timeline:write is not approved for this plugin",
                "Leave it out"
            ),
            problem(
                "grant.fields",
                "field their-amount is not approved for this plugin",
                "Leave it out"
            ),
            problem(
                "grant.egress_hosts",
                "host evil.example.com is not approved for this plugin",
                "Leave it out"
            ),
            problem("grant.partnerships[1]", "the partnership is not active", choose),
            problem("grant.partnerships[2]", none, choose),
            problem("grant.partnerships[3]", none, choose),
            problem(
                "grant.populations[1]",
                "there is no such population of yours",
                "Use some of customers, open-opportunities, prospects"
            ),
        ])
    );
    assert_eq!(world.acme.all("installs").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_for_its_own_host_and_its_own_customer() {
    let world = listed().await;
    let secret =
        json!({ "name": "other", "kind": "api-key", "host": "api.example.com", "secret": "s" });
    let other = world.acme.post(&world.acme.own("connections"), &secret).await.good();
    let globexs = json!({ "name": "hubspot", "kind": "api-key", "host": "api.hubapi.com", "secret": CRM_TOKEN });
    let globexs = world.globex.post(&world.globex.own("connections"), &globexs).await.good();
    let needs = "Give it a connection of the kind api-key for api.hubapi.com";
    for (id, reason) in [
        (
            other["id"].as_str().unwrap(),
            "the connection is of the kind api-key for api.example.com",
        ),
        (globexs["id"].as_str().unwrap(), "there is no such connection of yours"),
        ("con_7zzzzzzzzzzzzzzzzzzzzzzzzz", "there is no such connection of yours"),
    ] {
        let refused = draft(&world, id, grant(&world.partnership), json!({ "owner": "x" })).await;
        let refused = refused.refused(422, "invalid");
        assert_eq!(refused["problems"], json!([problem("connections.crm", reason, needs)]));
    }
    let body = json!({
        "plugin": "script", "name": "main", "grant": grant(&world.partnership), "config": { "owner": "x" },
        "connections": { "surprise": other["id"] },
    });
    let refused = world.acme.post(&world.acme.own("installs"), &body).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"],
        json!([
            problem("connections.crm", "it is missing", needs),
            problem("connections.surprise", "the plugin asks for no such connection", "Remove it"),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connections_secret_is_never_shown_again_and_hosts_are_names() {
    let world = World::start().await;
    let acme = &world.acme;
    let id = world.connection().await;
    let path = acme.own(&format!("connections/{id}"));
    for text in [
        acme.get(&path).await.text,
        acme.get(&acme.own("connections")).await.text,
        acme.get(&acme.own("audit")).await.text,
    ] {
        assert!(!text.contains(CRM_TOKEN), "{text}");
    }
    let body = |host: &str, secret: &str| json!({ "name": "x", "kind": "api-key", "host": host, "secret": secret });
    for host in ["127.0.0.1", "https://api.example.com", "api.example.com/path", "[::1]", "a b"] {
        let refused =
            acme.post(&acme.own("connections"), &body(host, "s")).await.refused(422, "invalid");
        assert_eq!(refused["problems"][0]["place"], "host", "{host}");
    }
    for secret in ["", "a\r\nx-evil: 1", "a b"] {
        let refused = acme.post(&acme.own("connections"), &body("api.example.com", secret)).await;
        let refused = refused.refused(422, "invalid");
        assert_eq!(refused["problems"][0]["place"], "secret");
        assert!(secret.is_empty() || !refused.to_string().contains("x-evil"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_runs_only_once_it_is_enabled_and_a_connection_in_use_stays() {
    let world = listed().await;
    let connection = world.connection().await;
    let made =
        draft(&world, &connection, grant(&world.partnership), json!({ "owner": "x" })).await.good();
    assert_eq!(
        (&made["state"], &made["check"], &made["enabled_at"]),
        (&json!("draft"), &Value::Null, &Value::Null)
    );
    let install = made["id"].as_str().unwrap();
    let backfill = world.acme.own(&format!("installs/{install}/backfill"));
    let body = json!({ "partnership": world.partnership });
    world.acme.post(&backfill, &body).await.refused(409, "wrong-state");
    let enable = world.acme.own(&format!("installs/{install}/enable"));
    let enabled = world.acme.post(&enable, &json!({})).await.good();
    assert_eq!((&enabled["state"], &enabled["check"]["ok"]), (&json!("active"), &json!(true)));
    world.acme.post(&enable, &json!({})).await.refused(409, "wrong-state");
    let path = world.acme.own(&format!("connections/{connection}"));
    let used = world.acme.delete(&path).await.refused(409, "wrong-state");
    assert_eq!(used["detail"], "The connection is used by: main.");
}
