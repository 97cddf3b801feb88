//! `Idempotency-Key`: a request that is sent again has one effect and one
//! answer.
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, Host};

async fn acme() -> (Host, Actor) {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, false).await;
    (host, acme)
}

async fn send(actor: &Actor, key: &str, path: &str, body: &Value) -> Answer {
    let request = actor.request(Method::POST, &actor.own(path)).header("idempotency-key", key);
    actor.send(request.json(body)).await
}

fn import(name: &str) -> Value {
    json!({ "mode": "merge", "file_name": name, "columns": null, "stages": null })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_calls_too_fast_waits_alone_and_its_repeat_is_worked_on() {
    let (host, acme) = acme().await;
    let me = acme.get("/v1/me").await.good();
    let token = me["token_id"].as_str().unwrap().parse().unwrap();
    let now = || host.app.clock.now();
    while host.app.rate.spend(&token, now()).is_ok() {}
    let refused = send(&acme, "key-1", "imports", &import("a.csv")).await;
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = refused.refused(429, "too-many");
    assert_eq!(refused["detail"], "This token makes too many calls.");
    // Another one of the same person is not held up.
    host.organization("globex", true, false).await.get("/v1/me").await.good();
    host.advance_ms(1_000);
    send(&acme, "key-1", "imports", &import("a.csv")).await.good();
    let interval_ms = 60_000 / venn_domain::limits::API_CALLS.cast_signed();
    while host.app.rate.spend(&token, now()).is_ok() {}
    host.advance_ms(interval_ms);
    acme.get("/v1/me").await.good();
    acme.get("/v1/me").await.refused(429, "too-many");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_has_one_effect_and_the_same_answer() {
    let (host, acme) = acme().await;
    let first = send(&acme, "key-1", "imports", &import("a.csv")).await;
    let second = send(&acme, "key-1", "imports", &import("a.csv")).await;
    assert_eq!(
        (first.status, &first.text, &first.kind),
        (second.status, &second.text, &second.kind)
    );
    assert_eq!(first.status, 201);
    assert_eq!(acme.all("imports").await.len(), 1);
    // A refusal is no answer to repeat: it is decided anew.
    let taken = json!({ "key": "customers", "title": "Again" });
    for _ in 0..2 {
        send(&acme, "key-2", "populations", &taken).await.refused(409, "taken");
    }
    send(&acme, "key-2", "populations", &json!({ "key": "new", "title": "New" })).await.good();
    // The key is the token's own, and ends after a day.
    let token = json!({ "name": "b", "scopes": ["read", "write"] });
    let made = acme.post(&acme.own("tokens"), &token).await.good();
    let other = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    send(&other, "key-1", "imports", &import("a.csv")).await.good();
    assert_eq!(acme.all("imports").await.len(), 2);
    host.advance_ms(24 * 60 * 60 * 1_000);
    send(&acme, "key-1", "imports", &import("b.csv")).await.good();
    assert_eq!(acme.all("imports").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let (_host, acme) = acme().await;
    send(&acme, "key", "imports", &import("a.csv")).await.good();
    let population = json!({ "key": "vip", "title": "VIP" });
    for (path, body) in [("imports", import("b.csv")), ("populations", population)] {
        let refused = send(&acme, "key", path, &body).await.refused(422, "idempotency-key-reused");
        assert_eq!(refused["detail"], "This Idempotency-Key was used for another request.");
        assert_eq!(refused["next_step"], "Send a fresh key per request.");
    }
    assert_eq!(acme.all("imports").await.len(), 1);
    for bad in ["k".repeat(129).as_str(), "a b", "a\tb", "ä"] {
        let refused = send(&acme, bad, "imports", &import("a.csv")).await;
        let refused = refused.refused(400, "bad-query");
        assert_eq!(refused["detail"], "The Idempotency-Key must have 1 to 128 visible characters.");
    }
    assert_eq!(acme.all("imports").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twins_at_the_same_time_one_is_worked_on() {
    let (_host, acme) = acme().await;
    let body = import("a.csv");
    let answers =
        futures::future::join_all((0..8).map(|_| send(&acme, "twin", "imports", &body))).await;
    let made = acme.all("imports").await;
    assert_eq!(made.len(), 1);
    assert!(answers.iter().any(|answer| answer.status == 201));
    for answer in answers {
        if answer.status == 201 {
            assert_eq!(answer.body["id"], made[0]["id"]);
        } else {
            let refused = answer.refused(409, "wrong-state");
            assert_eq!(
                refused["detail"],
                "A request with this Idempotency-Key is still being worked on, or was when Venn stopped."
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_told_once_even_with_a_key() {
    let (host, acme) = acme().await;
    let body = json!({ "name": "ci", "scopes": ["read"] });
    let first = send(&acme, "token", "tokens", &body).await.good();
    let again = send(&acme, "token", "tokens", &body).await.good();
    assert_eq!((&first["id"], &again["token"]), (&again["id"], &Value::Null));
    let secret = first["token"].as_str().unwrap().rsplit('_').next().unwrap().to_owned();
    let data = host.stop().await;
    let leaks = data.places_with(secret.as_bytes());
    assert!(leaks.is_empty(), "the token's secret is in {leaks:?}");
}

/// What may not be done, or is done too fast, is not kept: keys fill no disk.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_call_keeps_nothing_and_is_not_faster_with_keys() {
    let (host, acme) = acme().await;
    let body = json!({ "name": "narrow", "scopes": ["read"], "nouns": ["audit"] });
    let made = acme.post(&acme.own("tokens"), &body).await.good();
    let narrow = Actor::new(&acme.url, "acme", made["token"].as_str().unwrap());
    let token = made["id"].as_str().unwrap().parse().unwrap();
    send(&narrow, "key-1", "imports", &import("a.csv")).await.refused(403, "scope-too-small");
    let long = send(&acme, "key-1", "tokens", &json!({ "x".repeat(900_000): 1 })).await;
    assert!(long.text.len() < 2_000, "{}", long.text.len());
    long.refused(400, "bad-body");
    while host.app.rate.spend(&token, host.app.clock.now()).is_ok() {}
    for key in ["key-2", "key-3"] {
        send(&narrow, key, "imports", &import("a.csv")).await.refused(429, "too-many");
    }
    // An answer that is repeated counts like any other call.
    send(&acme, "key-4", "imports", &import("a.csv")).await.good();
    let me = acme.get("/v1/me").await.good();
    let token = me["token_id"].as_str().unwrap().parse().unwrap();
    while host.app.rate.spend(&token, host.app.clock.now()).is_ok() {}
    send(&acme, "key-4", "imports", &import("a.csv")).await.refused(429, "too-many");
    let data = host.stop().await;
    for text in ["urn:venn:error", "xxxxxxxxxxxxxxxx"] {
        let kept = data.places_with(text.as_bytes());
        assert!(kept.is_empty(), "{text} is in {kept:?}");
    }
}
