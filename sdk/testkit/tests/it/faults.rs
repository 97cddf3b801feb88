//! Every scripted fault as a caller sees it, and that calls without a fault are untouched.

use reqwest::Method;
use serde_json::json;
use venn_testkit::{Fault, FaultRule};

use crate::client::hubspot;

const COMPANIES: &str = "/crm/v3/objects/companies";

#[tokio::test]
async fn worded_faults_carry_the_vendors_body() {
    let (simulator, client) = hubspot().await;
    let cases = [
        (Fault::Unauthorized, 401, json!("INVALID_AUTHENTICATION")),
        (Fault::Forbidden, 403, json!("MISSING_SCOPES")),
        (Fault::ServerError, 500, json!(null)),
        (Fault::Unavailable { retry_after_s: None }, 503, json!(null)),
        (Fault::Status { code: 502 }, 502, json!(null)),
    ];
    for (fault, status, category) in cases {
        simulator.fail_next(1, fault);
        let body = client.get(COMPANIES).await.good(status);
        assert_eq!((&body["status"], &body["category"]), (&json!("error"), &category));
        client.get(COMPANIES).await.good(200);
    }
    simulator.fail_next(1, Fault::RateLimited { daily: false, retry_after_s: Some(7) });
    let limited = client.get(COMPANIES).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "7"));
    assert_eq!(limited.body["policyName"], "TEN_SECONDLY_ROLLING");
}

#[tokio::test]
async fn a_fault_without_a_count_lasts_until_it_is_cleared() {
    let (simulator, client) = hubspot().await;
    simulator.script(
        FaultRule::new(Fault::Unavailable { retry_after_s: Some(1) })
            .path(COMPANIES)
            .method("POST"),
    );
    for _ in 0..3 {
        client.post(COMPANIES, json!({ "properties": {} })).await.good(503);
        client.get(COMPANIES).await.good(200);
    }
    simulator.clear_faults();
    client.post(COMPANIES, json!({ "properties": {} })).await.good(201);
    assert_eq!(simulator.counts()["companies"], 1);
    assert_eq!(simulator.calls()[0].fault, Some(Fault::Unavailable { retry_after_s: Some(1) }));
}

#[tokio::test]
async fn the_work_can_be_done_and_the_answer_lost() {
    let (simulator, client) = hubspot().await;
    let body = json!({ "properties": { "name": "Acme" } });
    simulator.script(FaultRule::new(Fault::Close).times(1));
    assert!(client.send(Method::POST, COMPANIES, Some(body.clone())).await.is_err());
    assert_eq!(simulator.counts()["companies"], 0);
    simulator.script(FaultRule::new(Fault::Close).times(1).after_effect());
    assert!(client.send(Method::POST, COMPANIES, Some(body.clone())).await.is_err());
    assert_eq!(simulator.counts()["companies"], 1);
    simulator
        .script(FaultRule::new(Fault::Unavailable { retry_after_s: None }).times(1).after_effect());
    client.post(COMPANIES, body).await.good(503);
    assert_eq!(simulator.counts()["companies"], 2);
    let statuses: Vec<_> = simulator.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [None, None, Some(503)]);
}

#[tokio::test]
async fn a_truncated_body_starts_well_and_breaks_off() {
    let (simulator, client) = hubspot().await;
    simulator.fail_next(1, Fault::Truncated);
    let error = client.send(Method::GET, COMPANIES, None).await.unwrap_err();
    // The head arrived: what failed is the body.
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(simulator.calls()[0].status, Some(200));
    client.get(COMPANIES).await.good(200);
}

#[tokio::test]
async fn a_body_that_is_not_json_says_that_it_is() {
    let (simulator, client) = hubspot().await;
    simulator.fail_next(1, Fault::InvalidJson);
    let reply = client.get(COMPANIES).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json;charset=utf-8")
    );
    assert!(reply.body.is_null());
}

#[tokio::test]
async fn a_redirect_leads_where_it_was_told_to() {
    let (simulator, client) = hubspot().await;
    simulator.fail_next(1, Fault::Redirect { to: "https://evil.example/steal".into() });
    let reply = client.get(COMPANIES).await;
    assert_eq!((reply.status, reply.header("location")), (302, "https://evil.example/steal"));
}

#[tokio::test]
async fn a_silent_third_party_is_left_by_hanging_up() {
    let (simulator, client) = hubspot().await;
    simulator.fail_next(1, Fault::SlowFirstByte { delay_ms: None });
    {
        let silent = client.send(Method::GET, COMPANIES, None);
        let arrived = simulator.arrived(1);
        tokio::select! {
            reply = silent => panic!("it answered: {reply:?}"),
            () = arrived => {}
        }
    }
    assert_eq!(simulator.calls()[0].status, None);
    simulator.fail_next(1, Fault::SlowFirstByte { delay_ms: Some(1) });
    client.get(COMPANIES).await.good(200);
}
