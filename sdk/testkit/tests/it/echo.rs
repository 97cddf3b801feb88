//! The echo third party.

use reqwest::Method;
use serde_json::json;
use venn_testkit::{Echo, Options, Simulator};

use crate::client::Client;

async fn echo() -> (Simulator, Client) {
    let simulator = Simulator::start(Options::new(Echo)).await.unwrap();
    let client = Client::new("echo.example", simulator.addr, &simulator.ca_pem);
    (simulator, client)
}

#[tokio::test]
async fn it_says_what_it_was_sent() {
    let (simulator, client) = echo().await;
    let said = client.token("t").post("/a/b%20c?x=1&y=z%20z", json!({ "k": 1 })).await.good(200);
    assert_eq!(said["method"], "POST");
    assert_eq!(said["path"], "/a/b%20c");
    assert_eq!(said["query"], json!([["x", "1"], ["y", "z z"]]));
    assert_eq!(said["headers"]["authorization"], json!(["Bearer t"]));
    assert_eq!(said["headers"]["host"], json!(["echo.example"]));
    assert_eq!(said["body"], "{\"k\":1}");
    let call = &simulator.calls()[0];
    assert_eq!(
        (call.body.as_str(), call.body_bytes, call.host.as_str()),
        ("{\"k\":1}", 7, "echo.example")
    );
}

#[tokio::test]
async fn it_answers_on_request() {
    let (_simulator, client) = echo().await;
    assert_eq!(client.get("/status/418").await.status, 418);
    assert_eq!(client.get("/status/99").await.status, 400);
    assert_eq!(client.get("/redirect?to=x&code=200").await.status, 400);
    assert_eq!(client.get("/status/204").await.status, 204);
    let redirect = client.get("/redirect?to=https%3A%2F%2Fother.example%2F&code=307").await;
    assert_eq!((redirect.status, redirect.header("location")), (307, "https://other.example/"));
    assert_eq!(client.get("/bytes/100000").await.header("content-length"), "100000");
    assert_eq!(client.get("/bytes/67108865").await.status, 400);
    client.get("/slow?first_byte_ms=1").await.good(200);
}

#[tokio::test]
async fn slow_without_an_end_never_answers() {
    let (simulator, client) = echo().await;
    tokio::select! {
        reply = client.send(Method::GET, "/slow", None) => panic!("it answered: {reply:?}"),
        () = simulator.arrived(1) => {}
    }
}
