//! Holds: a test stands in the middle of a call, sees the world as it is there, and lets go.

use reqwest::Method;
use serde_json::json;
use venn_testkit::{Matching, Stage};

use crate::client::hubspot;

const COMPANIES: &str = "/crm/v3/objects/companies";

#[tokio::test]
async fn calls_are_held_before_they_do_anything() {
    let (simulator, client) = hubspot().await;
    let hold = simulator.hold(COMPANIES);
    let create = || client.post(COMPANIES, json!({ "properties": {} }));
    let watch = async {
        hold.held(2).await;
        assert_eq!(simulator.counts()["companies"], 0);
        // Other paths are not held.
        client.get("/crm/v3/objects/tasks").await.good(200);
        hold.release();
    };
    let (first, second, ()) = tokio::join!(create(), create(), watch);
    first.good(201);
    second.good(201);
    create().await.good(201);
}

#[tokio::test]
async fn answers_are_held_after_the_work_is_done() {
    let (simulator, client) = hubspot().await;
    let hold = simulator.hold_at(Stage::AfterEffect, Matching::path(COMPANIES));
    let watch = async {
        hold.held(1).await;
        assert_eq!(simulator.counts()["companies"], 1);
        assert_eq!(simulator.calls()[0].status, None);
        hold.release();
    };
    let (reply, ()) = tokio::join!(client.post(COMPANIES, json!({ "properties": {} })), watch);
    reply.good(201);
    assert_eq!(simulator.calls()[0].status, Some(201));
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_held_has_no_effect() {
    let (simulator, client) = hubspot().await;
    let hold = simulator.hold(COMPANIES);
    tokio::select! {
        _ = client.send(Method::POST, COMPANIES, Some(json!({ "properties": {} }))) => panic!("it was not held"),
        () = hold.held(1) => {}
    }
    drop(client);
    hold.hung_up().await;
    hold.release();
    assert_eq!(simulator.counts()["companies"], 0);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_held_calls() {
    let (simulator, client) = hubspot().await;
    let hold = simulator.hold(COMPANIES);
    let call = tokio::spawn(async move { client.send(Method::GET, COMPANIES, None).await });
    hold.held(1).await;
    simulator.shutdown().await;
    assert!(call.await.unwrap().is_err());
    drop(hold);
}
