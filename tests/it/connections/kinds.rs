//! Names with passwords, and clients of a customer's own.
use serde_json::{Value, json};

use super::{API, TOKEN_ENDPOINT, asked, call, connection, drafted, enabled, manifest};
use crate::support::{
    World, guest,
    script::{Script, denied},
    world::CLIENT,
};

const PASSWORD: &str = "pw canary: 5f+/ä";

fn made_of(kind: &str, host: &str) -> Value {
    let mut manifest = manifest();
    manifest["connections"] =
        json!([{ "name": "crm", "title": "The CRM", "kind": kind, "host": host }]);
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_password_go_along_as_the_standard_has_it_and_do_not_come_back() {
    let world = World::start().await;
    world.listed(&made_of("basic", "echo.example"), guest("script")).await;
    let acme = &world.acme;
    let body = json!({ "name": "echo", "kind": "basic", "host": "echo.example", "user": "jö",
                       "secret": PASSWORD });
    let crm = acme.post(&acme.own("connections"), &body).await.good()["id"].clone();
    let install = drafted(&world, "main", json!({ "crm": crm })).await;
    enabled(&world, &install).await;
    let script = Script { world: &world, install };
    let mut step = call("crm", "https://echo.example/x");
    step["headers"] = json!([["x-a", "1"]]);
    let did = script.does(json!([step])).await;
    let body = did.results[0]["ok"]["body"].as_str().unwrap();
    assert!(body.contains("Basic [redacted]"), "{body}");
    let sent = data_encoding::BASE64.encode(format!("jö:{PASSWORD}").as_bytes());
    assert!(!did.run.to_string().contains(&sent));

    // What is missing or too much is told with its place.
    let places = async |body: Value| {
        let refused = acme.post(&acme.own("connections"), &body).await.refused(422, "invalid");
        let problems = refused["problems"].as_array().unwrap().clone();
        problems.iter().map(|one| one["place"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let of =
        |kind: &str| json!({ "name": "x", "kind": kind, "host": "echo.example", "secret": "x" });
    assert_eq!(places(of("basic")).await, ["user"]);
    assert_eq!(places(of("client-credentials")).await, ["client_id", "token_endpoint"]);
    assert_eq!(places(of("oauth2")).await, ["kind"]);
    assert_eq!(places(of("backend-key")).await, ["kind"]);
    let mut odd = of("api-key");
    odd["user"] = json!("x");
    odd["token_endpoint"] = json!("https://x.example/token");
    assert_eq!(places(odd).await, ["user", "token_endpoint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_customers_own_gets_its_token_with_the_first_call() {
    let world = World::start().await;
    let mut manifest = made_of("client-credentials", "api.example");
    manifest["connections"][0]["oauth"] =
        json!({ "token_endpoint": TOKEN_ENDPOINT, "client_authentication": "body" });
    world.listed(&manifest, guest("script")).await;
    let acme = &world.acme;
    let client = |endpoint: &str, name: &str| {
        json!({ "name": name, "kind": "client-credentials", "host": "api.example",
                "client_id": CLIENT.0, "secret": CLIENT.1, "token_endpoint": endpoint })
    };
    // Its secret goes where the customer said, and nowhere else.
    let other = client("https://echo.example/token", "other");
    let other = acme.post(&acme.own("connections"), &other).await.good()["id"].clone();
    let body = json!({ "plugin": "script", "name": "main", "grant": super::grant(&world), "config": {},
                       "connections": { "crm": other } });
    let refused = acme.post(&acme.own("installs"), &body).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"][0],
        json!({ "place": "connections.crm", "reason": "its tokens come from https://echo.example/token",
                "next_step": format!("Give it a connection of the kind client-credentials for api.example with tokens from {TOKEN_ENDPOINT}") })
    );
    let path = acme.own(&format!("connections/{}", other.as_str().unwrap()));
    acme.delete(&path).await.good();

    let crm = acme.post(&acme.own("connections"), &client(TOKEN_ENDPOINT, "crm")).await.good();
    assert_eq!((&crm["state"], &crm["token_expires_at"]), (&json!("active"), &Value::Null));
    let install = drafted(&world, "main", json!({ "crm": crm["id"] })).await;
    enabled(&world, &install).await;
    let script = Script { world: &world, install };
    for _ in 0..2 {
        let did = script.does(json!([call("crm", API)])).await;
        assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
    }
    assert_eq!(asked(&world), 1);
    world.host.advance_ms(3_600_000);
    script.does(json!([call("crm", API)])).await;
    assert_eq!(asked(&world), 2);

    // The service refuses the client: only the customer can mend that.
    world.service.forget_secret(CLIENT.1);
    world.host.advance_ms(3_600_000);
    let did = script.does(json!([call("crm", API)])).await;
    let reason =
        "login.example refuses your client id and secret (`invalid_client`); give the right ones";
    assert_eq!(did.results[0], denied("http:egress", "connection crm", reason, "customer-admin"));
    assert_eq!(connection(&world).await["state"], "reconnect-required");
    world.service.add_secret("cs-canary-newer");
    let path = acme.own(&format!("connections/{}/secret", crm["id"].as_str().unwrap()));
    acme.put(&path, &json!({ "secret": "cs-canary-newer", "client_id": CLIENT.0 })).await.good();
    let did = script.does(json!([call("crm", API)])).await;
    assert_eq!(did.results[0]["ok"]["status"], 200, "{}", did.run);
}
