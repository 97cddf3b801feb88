//! Requests that are not what a call takes: a named error each, with the place.
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::table::ROWS;
use crate::support::{Actor, Host};

async fn acme() -> (Host, Actor) {
    let host = Host::start(&[]).await;
    let acme = host.organization("acme", true, true).await;
    (host, acme)
}

async fn post(actor: &Actor, path: &str, body: impl Into<reqwest::Body>) -> crate::support::Answer {
    let request = actor.request(Method::POST, &actor.own(path));
    let request = request.header("content-type", "application/json").body(body);
    actor.send(request).await
}

/// Replaces every `{…}` of an address by something that passes its shape.
fn filled(path: &str) -> String {
    let ids = [
        ("{partnership}", "pty"),
        ("{plugin}", "plg"),
        ("{release}", "rel"),
        ("{install}", "ins"),
        ("{connection}", "con"),
        ("{delivery}", "dlv"),
        ("{run}", "run"),
        ("{import}", "imp"),
        ("{account}", "acc"),
        ("{user}", "usr"),
        ("{token}", "tok"),
    ];
    ids.iter().fold(path.replace("{org}", "acme"), |path, (place, prefix)| {
        path.replace(place, &format!("{prefix}_7zzzzzzzzzzzzzzzzzzzzzzzzz"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_is_refused_with_a_member_that_nobody_knows() {
    let (host, acme) = acme().await;
    // A configuration's members are the plugin's, a connection map's its own.
    let open = ["/config", "/connections"];
    let closed =
        |path: &str| !open.iter().any(|end| path.ends_with(end) && path.contains("/installs/"));
    for row in ROWS.iter().filter(|row| row.takes_json() && closed(row.path)) {
        let caller = if row.needs.is_of_platform() { &host.platform } else { &acme };
        let mut body = row.json(filled);
        body["surprise"] = json!(1);
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        let path = format!("/v1{}", filled(row.path));
        let refused =
            caller.call(method.clone(), &path, Some(&body)).await.refused(400, "bad-body");
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains("unknown field `surprise`, expected"),
            "{} {}: {detail}",
            row.method,
            row.path
        );
        assert!(refused["problems"][0]["place"].as_str().unwrap().starts_with("line 1, column "));

        let text = caller.request(method, &path).header("content-type", "text/plain");
        let refused = caller.send(text.body(row.json(filled).to_string())).await;
        let refused = refused.refused(415, "content-type");
        assert_eq!(refused["detail"], "The body is sent as `text/plain`.");
        assert_eq!(refused["next_step"], "Send `content-type: application/json`.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_none_is_refused_at_its_place() {
    let (_host, acme) = acme().await;
    let deep = "[".repeat(100_000);
    let deep_member = format!(r#"{{"key":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let cases: [(&[u8], &str); 9] = [
        (b"{", "The body cannot be read at line 1, column 1: EOF while parsing an object."),
        (b"nonsense", "The body cannot be read at line 1, column 2: expected ident."),
        (
            br#"{"key":1,"title":"t"}"#,
            "The body cannot be read at line 1, column 8: invalid type: integer, expected a string.",
        ),
        (
            br#"{"key":null,"title":"t"}"#,
            "The body cannot be read at line 1, column 11: invalid type: null, expected a string.",
        ),
        (br#"{"key":"k"}"#, "The body cannot be read at line 1, column 11: missing field `title`."),
        (
            br#"{"key":"a","key":"b","title":"t"}"#,
            "The body cannot be read at line 1, column 16: duplicate field `key`.",
        ),
        (b"{}\n{}", "The body cannot be read at line 1, column 2: missing field `key`."),
        (
            b"{\"key\":\"\xFF\"}",
            "The body cannot be read at line 1, column 9: invalid unicode code point.",
        ),
        (b"", "The body cannot be read at line 1, column 0: EOF while parsing a value."),
    ];
    for (body, detail) in cases {
        let refused = post(&acme, "populations", body.to_vec()).await.refused(400, "bad-body");
        assert_eq!(refused["detail"], detail, "{}", String::from_utf8_lossy(body));
        assert_eq!(refused["owner"], "caller");
        let problem = &refused["problems"][0];
        assert_eq!(problem["next_step"], "Correct it and send the request again");
    }
    // Depth is an error and not a crash: the server answers afterwards.
    for body in [deep, deep_member] {
        post(&acme, "populations", body).await.refused(400, "bad-body");
    }
    acme.get("/v1/me").await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_names_the_limit() {
    let (_host, acme) = acme().await;
    let large = json!({ "key": "k", "title": "x".repeat(2 << 20) }).to_string();
    let refused = post(&acme, "populations", large.clone()).await.refused(413, "too-large");
    assert_eq!(refused["detail"], "The body is larger than 1048576 bytes.");
    // With a key it is read by another part of the host.
    let request = acme.request(Method::POST, &acme.own("populations"));
    let request = request.header("content-type", "application/json").header("idempotency-key", "k");
    acme.send(request.body(large)).await.refused(413, "too-large");
    // Just below, it is only a title that is too long.
    let long = json!({ "key": "k", "title": "x".repeat(1_000_000) }).to_string();
    let refused = post(&acme, "populations", long).await.refused(422, "invalid");
    assert_eq!(refused["problems"][0]["reason"], "it has more than 200 characters");
}

/// A refusal is known before the upload ends; a client that sends all of it first
/// and reads then gets the answer and no broken connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_is_answered_after_all_of_it_was_sent() {
    let (host, acme) = acme().await;
    let body = Arc::new(vec![b'x'; 48 << 20]);
    let releases = acme.own("plugins/nothing/releases");
    let cases = [
        ("POST", releases.clone(), "", "401 Unauthorized"),
        ("POST", releases, acme.token.as_str(), "404 Not Found"),
        ("POST", acme.own("populations"), acme.token.as_str(), "413 Payload Too Large"),
        (
            "PUT",
            acme.own("imports/imp_7zzzzzzzzzzzzzzzzzzzzzzzzz/file"),
            &acme.token,
            "404 Not Found",
        ),
    ];
    for (method, path, token, status) in cases {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: venn\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let (address, body) = (host.url.replace("http://", ""), body.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.write_all(head.as_bytes()).unwrap();
            socket.write_all(&body).unwrap();
            let mut answer = [0; 64];
            let read = socket.read(&mut answer).unwrap();
            String::from_utf8_lossy(&answer[..read]).into_owned()
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_checked_like_bodies() {
    let (_host, acme) = acme().await;
    let bad = |query: &str| {
        let path = acme.own(&format!("accounts?{query}"));
        let acme = &acme;
        async move { acme.get(&path).await.refused(400, "bad-query")["detail"].clone() }
    };
    assert_eq!(bad("limit=0").await, "limit=0 is not a number from 1 to 200.");
    assert_eq!(bad("limit=201").await, "limit=201 is not a number from 1 to 200.");
    let unknown = "There is no query parameter `surprise`: this call takes population, domain, q, limit, cursor, fields.";
    assert_eq!(bad("surprise=1").await, unknown);
    assert_eq!(bad("limit=many").await, "limit=many is not a number from 1 to 200.");
    let number = "Give a number from 1 to 200, or leave `limit` out: then it is 50.";
    let smaller = "Ask for smaller pages and follow `next`.";
    for (limit, next_step) in [("0", number), ("many", number), ("201", smaller)] {
        let path = acme.own(&format!("accounts?limit={limit}"));
        let refused = acme.get(&path).await.refused(400, "bad-query");
        assert_eq!(refused["next_step"], next_step, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document_with_all_keys() {
    let (_host, acme) = acme().await;
    let keys = ["type", "title", "status", "code", "detail", "owner", "next_step", "problems"];
    let answers = [
        acme.get("/v1/nowhere").await,
        acme.get("/").await,
        acme.call(Method::DELETE, "/v1/me", None).await,
        acme.call(Method::PATCH, "/v1/organizations", Some(&json!({}))).await,
        acme.get(&acme.own("accounts?limit=0")).await,
        acme.get(&acme.own("accounts/%00")).await,
        acme.get(&acme.own(&format!("accounts/{}", "x".repeat(5_000)))).await,
        Actor::new(&acme.url, "acme", "").get("/v1/me").await,
    ];
    for answer in answers {
        assert_eq!(answer.kind, "application/problem+json", "{}", answer.text);
        let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
        assert_eq!(members, keys);
        assert_eq!(answer.body["status"], answer.status);
        assert!(!answer.body["next_step"].as_str().unwrap().is_empty());
        assert_eq!(answer.body["problems"], Value::Array(Vec::new()));
    }
    let wrong = acme.call(Method::DELETE, "/v1/me", None).await.refused(405, "method-not-allowed");
    assert_eq!(wrong["detail"], "This address exists, but not with this method.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_type_is_refused_with_every_problem_at_once() {
    let (host, acme) = acme().await;
    let body = json!({
        "slug": "Bad Slug", "name": " ", "customer": false, "publisher": false,
        "admin_email": "nobody", "admin_name": "a\nb",
    });
    let refused = host.platform.post("/v1/organizations", &body).await.refused(422, "invalid");
    let places: Vec<_> =
        refused["problems"].as_array().unwrap().iter().map(|p| p["place"].clone()).collect();
    assert_eq!(places, ["slug", "name", "admin_email", "admin_name", "customer"]);
    let taken = json!({
        "slug": "acme", "name": "Acme", "customer": true, "publisher": false,
        "admin_email": "a@acme.example", "admin_name": "A",
    });
    host.platform.post("/v1/organizations", &taken).await.refused(409, "taken");
    let token = json!({ "name": "t", "scopes": [], "expires_in_days": 366 });
    let refused = acme.post(&acme.own("tokens"), &token).await.refused(422, "invalid");
    assert_eq!(
        refused["problems"],
        json!([
            { "place": "scopes", "reason": "there is none",
              "next_step": "Name what the token may do: read, write, publish, admin" },
            { "place": "expires_in_days", "reason": "366 is not between 1 and 365",
              "next_step": "Make a new token when this one ends" },
        ])
    );
}
