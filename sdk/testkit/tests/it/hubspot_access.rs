//! Tokens, scopes and rate limits, in HubSpot's own words.

use serde_json::json;
use venn_testkit::hubspot::RateLimit;
use venn_testkit::{HubSpot, Token, fingerprint};

use crate::client::{Client, TOKEN, hubspot, start};

#[tokio::test]
async fn a_wrong_or_missing_token_is_401_and_leaves_a_trace() {
    let (simulator, _client) = hubspot().await;
    let stranger = Client::new("api.hubapi.com", simulator.addr, &simulator.ca_pem);
    let expected = json!({
        "status": "error",
        "message": "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        "correlationId": "00000000-0000-4000-8000-000000000001",
        "category": "INVALID_AUTHENTICATION",
    });
    assert_eq!(stranger.get("/crm/v3/objects/companies").await.good(401), expected);
    let stranger = stranger.token("pat-wrong");
    assert_eq!(stranger.get("/crm/v3/objects/companies").await.status, 401);
    let calls = simulator.calls();
    assert_eq!((calls[0].authorized, calls[0].token_fingerprint.as_deref()), (false, None));
    assert_eq!(
        (calls[1].authorized, calls[1].token_fingerprint.clone()),
        (true, Some(fingerprint("pat-wrong")))
    );
    assert!(!format!("{calls:?}").contains("pat-wrong"));
}

#[tokio::test]
async fn tokens_can_be_exchanged_while_it_runs() {
    let (simulator, client) = hubspot().await;
    client.get("/crm/v3/objects/companies").await.good(200);
    simulator.set_tokens(vec![Token { value: "pat-rotated".into(), scopes: None }]);
    client.get("/crm/v3/objects/companies").await.good(401);
    client.token("pat-rotated").get("/crm/v3/objects/companies").await.good(200);
}

#[tokio::test]
async fn a_missing_scope_is_403_and_named() {
    let (simulator, client) = hubspot().await;
    let scopes =
        vec!["crm.objects.contacts.read".to_owned(), "crm.objects.companies.write".to_owned()];
    simulator.set_tokens(vec![Token { value: TOKEN.into(), scopes: Some(scopes) }]);
    client.get("/crm/v3/objects/tasks").await.good(200);
    client
        .post("/crm/v3/objects/companies", json!({ "properties": { "name": "Acme" } }))
        .await
        .good(201);
    let refused = client.post("/crm/v3/objects/tasks", json!({ "properties": {} })).await.good(403);
    assert_eq!(
        refused,
        json!({
            "status": "error",
            "message": "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
            "correlationId": "00000000-0000-4000-8000-000000000003",
            "category": "MISSING_SCOPES",
            "errors": [{
                "message": "One or more of the following scopes are required.",
                "context": { "requiredGranularScopes": ["crm.objects.contacts.write"] },
            }],
            "links": { "scopes": "https://developers.hubspot.com/scopes" },
        })
    );
    client.get("/crm/v3/objects/companies").await.good(403);
    client.post("/crm/v3/properties/contacts", json!({})).await.good(403);
}

#[tokio::test]
async fn the_burst_limit_ends_when_its_window_has_passed() {
    let limit = RateLimit { ten_secondly_max: 2, daily_max: 4 };
    let (simulator, client) = start(HubSpot::new(TOKEN).rate_limit(limit)).await;
    let path = "/crm/v3/objects/companies";
    let first = client.get(path).await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), "2");
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), "1");
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), "10000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily-remaining"), "3");
    let search = client.post("/crm/v3/objects/companies/search", json!({})).await;
    assert_eq!((search.status, search.header("x-hubspot-ratelimit-max")), (200, ""));
    assert_eq!(
        client.get(path).await.good(429),
        json!({
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "correlationId": "00000000-0000-4000-8000-000000000003",
            "errorType": "RATE_LIMIT",
            "policyName": "TEN_SECONDLY_ROLLING",
        })
    );
    simulator.clock().advance_ms(10_000);
    client.get(path).await.good(200);
    client.get(path).await.good(200);
    simulator.clock().advance_ms(10_000);
    let daily = client.get(path).await.good(429);
    assert_eq!(
        (&daily["policyName"], &daily["message"]),
        (&json!("DAILY"), &json!("You have reached your daily limit."))
    );
    simulator.clock().advance_ms(86_400_000);
    client.get(path).await.good(200);
}
