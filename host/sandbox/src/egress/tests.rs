//! The way out, against a server that keeps what was on the wire.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error as WasiError, WasiHttpHooks as _};

use super::*;
use crate::{
    run::core::{Core, Side},
    settings::NameOverride,
    tape::entry::Blob,
};

pub(super) mod bench;
mod pool;
mod wire;
use bench::{Bench, Server, answer_text};

fn request(method: &str, url: &str) -> HttpRequest {
    HttpRequest { method: method.into(), url: url.into(), ..HttpRequest::default() }
}

fn shown(answer: &HttpAnswer) -> String {
    match &answer.result {
        HttpResult::Response { status, body, .. } => {
            format!("{status} {}", String::from_utf8_lossy(&body.0))
        }
        HttpResult::Refused(Refusal::Denied(d)) => {
            format!("denied: {} ({}; {})", d.what, d.why, d.who_can_change_it)
        }
        HttpResult::Refused(Refusal::Invalid(why)) => format!("invalid: {why}"),
        HttpResult::Refused(Refusal::Limit(what)) => format!("limit: {what}"),
        HttpResult::Refused(Refusal::Unavailable(why)) => format!("unavailable: {why}"),
        HttpResult::Failed { kind, message } => format!("failed: {kind}: {message}"),
    }
}

#[tokio::test]
async fn the_credential_goes_out_and_does_not_come_back() {
    let server = Server::start(answer_text("200 OK", "", "you sent Bearer canary-secret")).await;
    let egress = Bench::new(&server).egress();
    let mut call = request("POST", "https://API.test./v1/tasks?x=1");
    call.connection = Some("crm".into());
    call.operation = Some("task/1".into());
    call.body = Blob("{}".into());
    let answer = egress.exchange(&call).await.unwrap();
    assert_eq!(shown(&answer), "200 you sent Bearer [redacted]");
    assert_eq!(
        (answer.target.as_str(), answer.connection.as_deref(), answer.sent),
        ("https://api.test/v1/tasks", Some("crm"), true)
    );
    let wire = server.requests();
    assert_eq!(wire.len(), 1);
    let wire = wire[0].to_lowercase();
    assert!(wire.starts_with("post /v1/tasks?x=1 http/1.1\r\n"), "{wire}");
    for line in ["host: api.test\r\n", "authorization: bearer canary-secret\r\n"] {
        assert!(wire.contains(line), "{wire}");
    }
    assert!(wire.contains("idempotency-key: ") && wire.contains("content-length: 2\r\n"), "{wire}");
}

#[tokio::test]
async fn what_is_refused_is_never_on_the_wire() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let egress = Bench::new(&server).egress();
    let header = |name: &str, value: &str| {
        let mut call = request("GET", "https://api.test/");
        call.headers.push((name.to_owned(), Blob(value.as_bytes().to_vec().into())));
        call
    };
    let mut texts = Vec::new();
    for call in [
        request("GET", "https://evil.test/"),
        request("GET", "http://api.test/"),
        request("GET", "https://api.test:8443/"),
        request("GET", "https://good.test@api.test/"),
        request("TRACE", "https://api.test/"),
        request("get", "https://api.test/"),
        header("host", "evil.test"),
        header("x-a", "1\r\nx-b: 2"),
        header("content-length", "5"),
        header("transfer-encoding", "chunked"),
        HttpRequest { connection: Some("none".into()), ..request("GET", "https://api.test/") },
        HttpRequest { connection: Some("crm".into()), ..header("cookie", "a=b") },
        HttpRequest {
            body: Blob(vec![0; (5 << 20) + 1].into()),
            ..request("POST", "https://api.test/")
        },
    ] {
        let answer = egress.exchange(&call).await.unwrap();
        assert!(!answer.sent, "{}", shown(&answer));
        texts.push(shown(&answer));
    }
    assert_eq!(server.accepted(), 0);
    insta::assert_snapshot!(texts.join("\n"), @r"
denied: GET https://evil.test/ (the manifest does not ask for it; publisher)
denied: GET http://api.test/ (the manifest does not ask for it; publisher)
denied: GET https://api.test:8443/ (the manifest does not ask for it; publisher)
invalid: the URL is refused: it has a user name before `@`; use a connection for credentials
invalid: the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, in upper case
invalid: the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, in upper case
invalid: the header `host` is set by the host
invalid: the header is refused: its value has a control character
invalid: the header is refused: `content-length` differs from the body
invalid: the header `transfer-encoding` is set by the host
denied: connection none (the manifest does not ask for it; publisher)
invalid: the header `cookie` is set by the host where it adds a credential
limit: http.body: a body has at most 5242880 bytes
");
}

#[tokio::test]
async fn a_name_without_override_that_leads_inside_is_denied_and_not_dialled() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let egress = Bench::new(&server).egress();
    // Resolved by the system: `localhost` is always inside. No rule can name
    // it, so the dialer is asked directly.
    let target = Target {
        scheme: "https",
        host: "localhost".into(),
        port: server.port(),
        path: "/".into(),
        query: None,
    };
    let refused = egress.network.dialer.connect(&target).await;
    assert!(matches!(refused, Err(dial::Refused::Address(_))));
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn both_doors_end_in_the_same_guard() {
    let server = Server::start(answer_text("201 Created", "x-seen: yes\r\n", "made")).await;
    let bench = Bench::new(&server);
    let mut core =
        Core::new(Bench::facts(), Mode::Handle, Side::Live(bench.live()), Bench::files());
    let through_wasi = |url: &str, connection: &str| {
        http::Request::builder()
            .method("POST")
            .uri(url)
            .header("venn-connection", connection)
            .body(Full::new(Bytes::from_static(b"{}")).map_err(|n| match n {}).boxed_unsync())
            .unwrap()
    };
    let io = || Box::new(std::future::ready(Ok(())));
    let sent = core.send_request(through_wasi("https://api.test/v1", "crm"), None, io());
    let (response, _) = Box::into_pin(sent).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-seen"], "yes");
    let wire = server.requests()[0].to_lowercase();
    assert!(wire.contains("authorization: bearer canary-secret\r\n"), "{wire}");
    assert!(!wire.contains("venn-connection"), "{wire}");

    let sent = core.send_request(through_wasi("https://evil.test/v1", "crm"), None, io());
    let denied = Box::into_pin(sent).await.err().unwrap();
    assert!(matches!(denied, WasiError::HttpRequestDenied));
    let through_send =
        bench.egress().exchange(&request("POST", "https://evil.test/v1")).await.unwrap();
    let HttpResult::Refused(Refusal::Denied(denial)) = through_send.result else { panic!() };
    assert_eq!(core.last_denial(), Some(denial));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_request_whose_body_breaks_off_never_goes_out() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let bench = Bench::new(&server);
    let mut core =
        Core::new(Bench::facts(), Mode::Handle, Side::Live(bench.live()), Bench::files());
    let broken = http_body_util::StreamBody::new(futures::stream::iter([
        Ok(http_body::Frame::data(Bytes::from_static(b"{"))),
        Err(WasiError::HttpProtocolError),
    ]));
    let request = http::Request::post("https://api.test/").body(broken.boxed_unsync()).unwrap();
    let sent = core.send_request(request, None, Box::new(std::future::ready(Ok(()))));
    assert!(Box::into_pin(sent).await.is_err());
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_revoked_call_in_flight_is_broken_off() {
    // It accepts and never answers.
    let server = Server::start(String::new()).await;
    let bench = Bench::new(&server);
    let egress = bench.egress();
    let call = request("GET", "https://api.test/slow");
    let (answer, ()) = tokio::join!(egress.exchange(&call), async {
        server.has_request().await;
        bench.revoke();
    });
    assert_eq!(
        shown(&answer.unwrap()),
        "denied: GET https://api.test/slow (the customer did not grant it; customer-admin)"
    );
}

#[tokio::test]
async fn redirects_are_the_guests_and_broken_answers_are_named() {
    let server = Server::start(answer_text(
        "302 Found",
        "location: https://169.254.169.254/\r\nconnection: close\r\n",
        "",
    ))
    .await;
    let egress = Bench::new(&server).egress();
    let answer = egress.exchange(&request("GET", "https://api.test/")).await.unwrap();
    let HttpResult::Response { status, headers, .. } = &answer.result else { panic!() };
    assert_eq!(*status, 302);
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "location"]);
    assert_eq!(server.accepted(), 1);

    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 6 << 20);
    let server = Server::start(large + &"x".repeat(6 << 20)).await;
    let egress = Bench::new(&server).egress();
    let answer = egress.exchange(&request("GET", "https://api.test/")).await.unwrap();
    assert_eq!(
        shown(&answer),
        "failed: body-too-large: the answer has more than 5242880 bytes, or 8388608 with all around it"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_another_authority_is_refused() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let mut bench = Bench::new(&server);
    bench.allow("other.test");
    let egress = bench.egress();
    let answer = egress.exchange(&request("GET", "https://other.test/")).await.unwrap();
    assert!(shown(&answer).starts_with("failed: tls: "), "{}", shown(&answer));
    let mut settings = bench.settings.clone();
    settings.extra_ca_pem = None;
    bench.settings = settings;
    let answer = bench.egress().exchange(&request("GET", "https://api.test/")).await.unwrap();
    assert!(shown(&answer).starts_with("failed: tls: "), "{}", shown(&answer));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn check_may_look_and_not_change_anything() {
    let server = Server::start(answer_text("200 OK", "", "fine")).await;
    let bench = Bench::new(&server);
    let egress = RunEgress::new(&bench.live(), Bench::facts(), Mode::Check);
    let look = egress.exchange(&request("GET", "https://api.test/")).await.unwrap();
    assert_eq!(shown(&look), "200 fine");
    let change = egress.exchange(&request("POST", "https://api.test/")).await.unwrap();
    assert_eq!(
        shown(&change),
        "denied: method POST in check() (check() may look (GET, HEAD) and not change anything; publisher)"
    );
}

#[test]
fn an_authority_that_is_no_certificate_is_our_error() {
    let settings = EgressSettings {
        overrides: vec![NameOverride { host: "a".into(), address: ([127, 0, 0, 1], 1).into() }],
        extra_ca_pem: Some(b"nothing".to_vec()),
        own: Vec::new(),
    };
    assert_eq!(
        Network::new(&settings).err().unwrap().to_string(),
        "the extra certificate authority for overridden hosts cannot be used: it holds no certificate. It must be PEM with at least one certificate"
    );
}
