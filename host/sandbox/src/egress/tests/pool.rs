//! Connections that wait: used again by their own only, and gone in time.
use super::{bench::After, *};
use crate::egress::wire::Link;

async fn keeping() -> Server {
    Server::doing(vec![answer_text("200 OK", "", "ok").into_bytes()], After::Keep).await
}

fn with_credential() -> HttpRequest {
    HttpRequest { connection: Some("crm".into()), ..request("GET", "https://api.test/a") }
}

async fn says_ok(egress: &RunEgress, call: &HttpRequest) {
    assert_eq!(shown(&egress.exchange(call).await.unwrap()), "200 ok");
}

#[tokio::test]
async fn calls_of_one_kind_share_a_connection_over_runs() {
    let server = keeping().await;
    let bench = Bench::new(&server);
    let network = Arc::new(Network::new(&bench.settings).unwrap());
    for _ in 0..5 {
        let egress = RunEgress::new(&bench.live_on(&network), Bench::facts(), Mode::Handle);
        says_ok(&egress, &request("GET", "https://api.test/a")).await;
        says_ok(&egress, &request("POST", "https://api.test/b")).await;
    }
    assert_eq!((server.accepted(), server.requests().len()), (1, 10));
}

#[tokio::test]
async fn another_connection_credential_or_host_has_another() {
    let server = keeping().await;
    let mut bench = Bench::new(&server);
    bench.allow("api.test");
    let egress = bench.egress();
    says_ok(&egress, &request("GET", "https://api.test/a")).await;
    says_ok(&egress, &with_credential()).await;
    assert_eq!(server.accepted(), 2);
    says_ok(&egress, &with_credential()).await;
    assert_eq!(server.accepted(), 2);
    bench.rotate("another-secret");
    says_ok(&egress, &with_credential()).await;
    assert_eq!(server.accepted(), 3);
}

#[test]
fn no_two_installs_organizations_connections_or_origins_share_a_key() {
    let target = |url: &str| Target::parse(url).unwrap();
    let call = request("GET", "https://api.test/");
    let (sent, method) = (AtomicBool::new(false), http::Method::GET);
    let connection = |name: &str| -> ConnectionRequest {
        serde_json::from_value(serde_json::json!({
            "name": name, "title": "T", "kind": "api-key", "host": "api.test"
        }))
        .unwrap()
    };
    let mut keys = std::collections::HashSet::new();
    let mut count = 0;
    for (install, organization) in [(1, 1), (2, 1), (1, 2)] {
        let authority = bench::authority_of(install, organization, 1);
        for url in
            ["https://api.test/", "https://api.test:8443/", "http://api.test/", "https://b.test/"]
        {
            for name in [None, Some("a"), Some("b")] {
                let target = target(url);
                let passage = Passage {
                    target: &target,
                    method: &method,
                    request: &call,
                    connection: name.map(connection),
                    headers: http::HeaderMap::new(),
                    sent: &sent,
                };
                keys.insert(crate::egress::pool::Key::of(&authority, &passage));
                count += 1;
            }
        }
    }
    assert_eq!(keys.len(), count);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_costs_no_call() {
    // It promises to wait for more, and hangs up.
    let server = Server::start(answer_text("200 OK", "", "ok")).await;
    let egress = Bench::new(&server).egress();
    for method in ["GET", "POST", "DELETE", "GET"] {
        says_ok(&egress, &request(method, "https://api.test/")).await;
    }
    assert_eq!(server.requests().len(), 4, "each is there once");
}

#[tokio::test]
async fn a_revocation_closes_what_waits() {
    let server = keeping().await;
    let bench = Bench::new(&server);
    let network = Arc::new(Network::new(&bench.settings).unwrap());
    let egress = RunEgress::new(&bench.live_on(&network), Bench::facts(), Mode::Handle);
    says_ok(&egress, &with_credential()).await;
    assert_eq!(network.pool.len(), 1);
    bench.revoke();
    while network.pool.len() > 0 {
        tokio::task::yield_now().await;
    }
    let text = shown(&egress.exchange(&with_credential()).await.unwrap());
    assert!(text.starts_with("denied: "), "{text}");
}

#[tokio::test]
async fn a_change_elsewhere_costs_a_new_connection_and_no_call() {
    let server = keeping().await;
    let bench = Bench::new(&server);
    let egress = bench.egress();
    says_ok(&egress, &with_credential()).await;
    bench.change_elsewhere();
    says_ok(&egress, &with_credential()).await;
    assert_eq!((server.accepted(), server.requests().len()), (2, 2));
}

#[tokio::test]
async fn what_waits_is_closed_in_time() {
    let server = keeping().await;
    let bench = Bench::new(&server);
    let network = Arc::new(Network::new(&bench.settings).unwrap());
    let egress = RunEgress::new(&bench.live_on(&network), Bench::facts(), Mode::Handle);
    says_ok(&egress, &request("GET", "https://api.test/a")).await;
    assert_eq!(network.pool.len(), 1);
    network.pool.grow_older(Duration::from_millis(limits::HTTP_IDLE_MS + 1));
    says_ok(&egress, &request("GET", "https://api.test/a")).await;
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn an_answer_that_was_not_whole_leaves_no_connection() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok".to_owned();
    let server = Server::doing(vec![text.into_bytes()], After::Hang).await;
    let bench = Bench::new(&server);
    let network = Arc::new(Network::new(&bench.settings).unwrap());
    let egress = RunEgress::new(&bench.live_on(&network), Bench::facts(), Mode::Handle);
    let call = HttpRequest { timeout_ms: Some(50), ..request("GET", "https://api.test/") };
    let text = shown(&egress.exchange(&call).await.unwrap());
    assert!(text.starts_with("failed: timeout: "), "{text}");
    assert_eq!(network.pool.len(), 0);
}

/// An open connection to nobody in particular, and its other end.
async fn link() -> (Link, tokio::io::DuplexStream) {
    let (near, far) = tokio::io::duplex(64);
    (Link::open(Box::new(near)).await.ok().unwrap(), far)
}

#[tokio::test]
async fn one_that_the_other_end_closes_or_talks_on_is_not_used_again() {
    let (mut hung_up, far) = link().await;
    assert!(!hung_up.is_closed());
    drop(far);
    assert!(hung_up.is_closed());
    let (mut talks, mut far) = link().await;
    tokio::io::AsyncWriteExt::write_all(&mut far, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    assert!(talks.is_closed());
}

#[tokio::test]
async fn where_too_many_wait_the_one_that_waited_longest_gives_way() {
    let server = keeping().await;
    let bench = Bench::new(&server);
    let network = Arc::new(Network::new(&bench.settings).unwrap());
    let ports = bench.live_on(&network).ports;
    let (target, call) =
        (Target::parse("https://api.test/").unwrap(), request("GET", "https://api.test/"));
    let (sent, method) = (AtomicBool::new(false), http::Method::GET);
    let key = |install: u32| {
        let passage = Passage {
            target: &target,
            method: &method,
            request: &call,
            connection: None,
            headers: http::HeaderMap::new(),
            sent: &sent,
        };
        crate::egress::pool::Key::of(&bench::authority_of(install, 1, 1), &passage)
    };
    let mut ends = Vec::new();
    let most = u32::try_from(limits::HTTP_IDLE).unwrap();
    for install in 0..=most {
        let (link, far) = link().await;
        ends.push(far);
        network.pool.keep(key(install), link, 1, &ports);
    }
    assert_eq!(network.pool.len(), crate::engine::to_usize(limits::HTTP_IDLE));
    assert!(network.pool.take(&key(0)).is_none());
    assert!(network.pool.take(&key(1)).is_some());
    assert!(network.pool.take(&key(most)).is_some());
}
