//! What is on the wire, and what a hostile third party may put there.
use std::{net::IpAddr, sync::atomic::AtomicUsize};

use super::{
    bench::{After, Certificate},
    *,
};
use crate::egress::dial::{Dialer, Resolve, is_this_machine};

async fn call(server: &Server) -> String {
    let call = request("GET", "https://api.test/");
    shown(&Bench::new(server).egress().exchange(&call).await.unwrap())
}

fn pieces(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_credential_is_found_over_every_border_of_chunks() {
    let echo = "you sent: Bearer canary-secret, bye";
    for cut in 1..echo.len() {
        let (first, second) = echo.split_at(cut);
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let all = pieces(&[CHUNKED, &chunk(first), &chunk(second), "0\r\n\r\n"]);
        let server = Server::doing(all, After::Close).await;
        let mut call = request("GET", "https://api.test/");
        call.connection = Some("crm".into());
        let answer = Bench::new(&server).egress().exchange(&call).await.unwrap();
        assert_eq!(shown(&answer), "200 you sent: Bearer [redacted], bye", "{cut}");
    }
}

#[tokio::test]
async fn trailers_of_an_answer_are_dropped() {
    let all = pieces(&[CHUNKED, "2\r\nok\r\n0\r\nx-late: canary-secret\r\nhost: evil\r\n\r\n"]);
    let server = Server::doing(all, After::Close).await;
    let mut call = request("GET", "https://api.test/");
    call.connection = Some("crm".into());
    let answer = Bench::new(&server).egress().exchange(&call).await.unwrap();
    assert_eq!(shown(&answer), "200 ok");
    assert!(!format!("{answer:?}").contains("x-late"), "{answer:?}");
}

#[tokio::test]
async fn trailers_of_a_request_are_refused_and_nothing_is_sent() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let bench = Bench::new(&server);
    for name in ["host", "authorization", "content-length", "transfer-encoding", "x-harmless"] {
        let mut core =
            Core::new(Bench::facts(), Mode::Handle, Side::Live(bench.live()), Bench::files());
        let mut trailers = http::HeaderMap::new();
        trailers.insert(name, "evil.test".parse().unwrap());
        let body = http_body_util::StreamBody::new(futures::stream::iter([
            Ok(http_body::Frame::data(Bytes::from_static(b"{}"))),
            Ok(http_body::Frame::trailers(trailers)),
        ]));
        let request = http::Request::post("https://api.test/").body(body.boxed_unsync()).unwrap();
        let sent = core.send_request(request, None, Box::new(std::future::ready(Ok(()))));
        let error = Box::into_pin(sent).await.err().unwrap();
        assert!(matches!(error, WasiError::HttpRequestTrailerSectionSize(Some(0))), "{name}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn what_never_ends_is_broken_off() {
    let body = |text: &str| vec![CHUNKED.into(), text.into()];
    let mut header = b"HTTP/1.1 200 OK\r\n".to_vec();
    header.extend(b"x-a: b\r\n".repeat(20_000));
    let mut values = b"HTTP/1.1 200 OK\r\n".to_vec();
    values.extend(format!("x-a: {}\r\n", "b".repeat(3_000)).repeat(15).into_bytes());
    values.extend(b"content-length: 0\r\n\r\n");
    let endless = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1_000);
    for (what, pieces, after, expected) in [
        (
            "a body",
            body(&format!("{:x}\r\n{}\r\n", 65_536, "x".repeat(65_536))),
            After::Repeat,
            "failed: body-too-large",
        ),
        (
            "chunks of one byte",
            body(&"1\r\nx\r\n".repeat(4_000)),
            After::Repeat,
            "failed: body-too-large",
        ),
        ("interim answers", vec![endless.into_bytes()], After::Repeat, "failed: body-too-large"),
        ("header lines", vec![header], After::Repeat, "failed: protocol"),
        (
            "header values",
            vec![values],
            After::Close,
            "failed: protocol: the answer's header fields are too long",
        ),
    ] {
        let server = Server::doing(pieces, after).await;
        let got = call(&server).await;
        assert!(got.starts_with(expected), "{what}: {got}");
    }
}

#[tokio::test]
async fn an_answer_that_dawdles_ends_with_the_calls_time() {
    for (what, all) in [
        ("silence", pieces(&[""])),
        ("half a head", pieces(&["HTTP/1.1 200 OK\r\nx-a: "])),
        ("half a body", pieces(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"])),
    ] {
        let server = Server::doing(all, After::Hang).await;
        let mut call = request("GET", "https://api.test/");
        call.timeout_ms = Some(100);
        let answer = Bench::new(&server).egress().exchange(&call).await.unwrap();
        assert_eq!(shown(&answer), "failed: timeout: no whole answer within 100 ms", "{what}");
    }
}

#[tokio::test]
async fn answers_that_can_be_read_in_two_ways_are_refused() {
    for head in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx a: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n x-folded: b\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "220 mail.example ESMTP\r\n",
        "",
    ] {
        let server = Server::doing(pieces(&[head]), After::Close).await;
        let got = call(&server).await;
        assert!(got.starts_with("failed: protocol: "), "{head:?}: {got}");
    }
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let packed = "\u{1f}\u{8b} not really";
    let server = Server::start(answer_text("200 OK", "content-encoding: gzip\r\n", packed)).await;
    assert_eq!(call(&server).await, format!("200 {packed}"));
}

#[tokio::test]
async fn a_chain_of_redirects_is_one_request() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 For Good"] {
        for to in ["https://api.test/next", "http://api.test/", "https://127.0.0.1/", "//evil.test"]
        {
            let headers = format!("location: {to}\r\nrefresh: 0;url={to}\r\n");
            let server = Server::start(answer_text(status, &headers, "")).await;
            assert_eq!(call(&server).await, format!("{} ", &status[..3]));
            assert_eq!((server.accepted(), server.requests().len()), (1, 1));
        }
    }
}

#[tokio::test]
async fn name_in_tls_host_header_and_rule_are_one() {
    let server = Server::start(answer_text("200 OK", "", "ok")).await;
    let egress = Bench::new(&server).egress();
    for url in ["https://api.test/", "https://API.TEST./", "https://\u{ff41}pi\u{3002}test:443/"] {
        assert_eq!(shown(&egress.exchange(&request("GET", url)).await.unwrap()), "200 ok");
    }
    assert_eq!(server.names(), ["api.test"; 3]);
    for wire in server.requests() {
        let hosts: Vec<_> =
            wire.lines().filter(|line| line.to_lowercase().starts_with("host:")).collect();
        assert_eq!(hosts, ["host: api.test"], "{wire}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_good_ends_the_call_before_a_request() {
    for certificate in [Certificate::Expired, Certificate::SelfSigned] {
        let all = pieces(&[&answer_text("200 OK", "", "reached")]);
        let server = Server::certified(certificate, all, After::Close).await;
        assert!(call(&server).await.starts_with("failed: tls: "));
        // Not tried again, neither in clear.
        assert_eq!((server.accepted(), server.requests().len()), (1, 0));
    }
}

#[tokio::test]
async fn what_does_not_connect_is_one_error() {
    let server = Server::start(answer_text("200 OK", "", "ok")).await;
    let mut bench = Bench::new(&server);
    // Nobody listens there.
    for address in ["127.0.0.1:1", "127.0.0.2:2"] {
        bench.settings.overrides[0].address = address.parse().unwrap();
        let answer = bench.egress().exchange(&request("GET", "https://api.test/")).await.unwrap();
        assert_eq!(
            shown(&answer),
            "failed: connect: https://api.test does not accept connections",
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_run_that_fails_to_connect_too_often_is_told_to_stop() {
    let server = Server::start(answer_text("200 OK", "", "ok")).await;
    let mut bench = Bench::new(&server);
    bench.settings.overrides[0].address = "127.0.0.1:1".parse().unwrap();
    let egress = bench.egress();
    for _ in 0..limits::RUN_HTTP_FAILED_DIALS {
        let answer = egress.exchange(&request("GET", "https://api.test/")).await.unwrap();
        assert!(shown(&answer).starts_with("failed: connect: "), "{}", shown(&answer));
    }
    let answer = egress.exchange(&request("GET", "https://api.test/")).await.unwrap();
    assert_eq!(
        shown(&answer),
        "limit: run.http.failed-dials: at most 20 connections that fail in one run; \
         ask for another run with `again`, or end this one with `retry after`"
    );
}

#[tokio::test]
async fn a_run_has_its_bytes_each_way() {
    let server = Server::start(answer_text("200 OK", "", &"x".repeat(5 << 20))).await;
    let egress = Bench::new(&server).egress();
    let large =
        HttpRequest { body: Blob(vec![0; 5 << 20].into()), ..request("POST", "https://api.test/") };
    let mut told: Vec<String> = Vec::new();
    for _ in 0..7 {
        told.push(shown(&egress.exchange(&large).await.unwrap()).chars().take(40).collect());
    }
    let small = request("GET", "https://api.test/");
    for _ in 0..5 {
        told.push(shown(&egress.exchange(&small).await.unwrap()).chars().take(40).collect());
    }
    let (good, sent) =
        (format!("200 {}", "x".repeat(36)), "limit: run.http.sent: at most 33554432 b");
    let mut expected = vec![good.clone(); 6];
    expected.push(sent.to_owned());
    expected.extend(vec![good; 4]);
    expected.push("limit: run.http.received: at most 50331648".chars().take(40).collect());
    assert_eq!(told, expected);
    assert_eq!(server.accepted(), 10);
}

/// Answers in turn, and counts.
struct Alternating(Vec<Vec<IpAddr>>, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl Resolve for Alternating {
    async fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0[turn % self.0.len()].clone())
    }
}

fn dialer(answers: &[&[&str]]) -> (Dialer, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = answers.iter().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect());
    let resolver = Alternating(answers.collect(), Arc::clone(&asked));
    (Dialer::new(&EgressSettings::default()).unwrap().resolving_by(resolver), asked)
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_and_never_leads_inside() {
    let (dialer, asked) =
        dialer(&[&["8.8.8.8", "127.0.0.1"], &["127.0.0.1"], &["::1", "2606:4700::1111"]]);
    for _ in 0..10_000 {
        match dialer.resolve("rebind.test", 443).await {
            Ok(addresses) => {
                let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                assert!(
                    shown == ["8.8.8.8:443"] || shown == ["[2606:4700::1111]:443"],
                    "{shown:?}"
                );
            }
            Err(dial::Refused::Address(why)) => {
                assert_eq!(why, "it is a loopback address (127.0.0.0/8)");
            }
            Err(dial::Refused::Failed { message, .. }) => panic!("{message}"),
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 10_000);
    // Dialling asks once, and never again with the answer in hand.
    let target = Target::parse("https://rebind.test/").unwrap();
    asked.store(1, Ordering::SeqCst);
    assert!(matches!(dialer.connect(&target).await, Err(dial::Refused::Address(_))));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_with_a_thousand_addresses_is_tried_at_a_few() {
    let many: Vec<String> = (0..1_000).map(|n| format!("8.8.{}.{}", n / 250, n % 250)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (dialer, _) = dialer(&[&many]);
    assert_eq!(dialer.resolve("many.test", 443).await.ok().map(|list| list.len()), Some(8));
}

#[tokio::test]
async fn this_servers_own_addresses_are_not_dialled_by_any_name() {
    let server = Server::start(answer_text("200 OK", "", "reached")).await;
    let mut bench = Bench::new(&server);
    for own in [format!("127.0.0.1:{}", server.port()), format!("0.0.0.0:{}", server.port())] {
        bench.settings.own = vec![own.parse().unwrap()];
        let answer = bench.egress().exchange(&request("GET", "https://api.test/")).await.unwrap();
        assert_eq!(
            shown(&answer),
            "denied: GET https://api.test/ (the host cannot be called: it is this server's own; publisher)"
        );
    }
    assert_eq!(server.accepted(), 0);
    bench.settings.own = vec!["127.0.0.1:1".parse().unwrap()];
    let answer = bench.egress().exchange(&request("GET", "https://api.test/")).await.unwrap();
    assert_eq!(shown(&answer), "200 reached");
    // Whatever interface: the machine knows its own addresses.
    assert!(is_this_machine("127.0.0.1".parse().unwrap()));
    assert!(!is_this_machine("192.0.2.1".parse().unwrap()));
}

/// With every variable set that programs read, in a process of its own.
#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    const INSIDE: &str = "VENN_TEST_INSIDE_PROXY";
    if std::env::var(INSIDE).is_ok() {
        let server = Server::start(answer_text("200 OK", "", "straight")).await;
        assert_eq!(call(&server).await, "200 straight");
        return;
    }
    let proxy = Server::start(answer_text("200 OK", "", "by proxy")).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "egress::tests::wire::proxies_of_the_environment_are_not_asked"]);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        child.env(name, format!("http://127.0.0.1:{}", proxy.port()));
    }
    let output = child.env(INSIDE, "1").env("NO_PROXY", "").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.accepted(), 0);
}
