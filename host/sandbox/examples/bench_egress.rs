//! The way out of a guest, with everything on, against a plain hyper client:
//! the same local TLS server, in turns within one process.
//!
//! `bench_egress GUEST.wasm`, one JSON object a line. *ours*: as many runs at
//! once as connections, each of an install of its own, each of which calls
//! again and again through `http.send`: authority, rates, pool, scrub, tape.
//! *plain*: as many tasks with a connection each that send the same request.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark fails by panicking, and prints ratios"
)]
#[path = "../tests/it/host.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod host;
#[path = "bench_egress/server.rs"]
mod server;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use host::{Memory, Ticking, control, id, job};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use venn_domain::{authority::Control, run::Ending};
use venn_sandbox::{
    EgressSettings, NameOverride, PoolSettings, Prepared, RunLimits, Sandbox, Settings,
};

/// Rounds of each side, in turn; medians are of these.
const ROUNDS: u32 = 15;
/// Calls of one run, below the limit of one.
const CALLS: u32 = 200;
const URL: &str = "https://api.test/v1/echo";

#[tokio::main]
async fn main() {
    let guest = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let server = server::Server::start().await;
    let egress = EgressSettings {
        overrides: vec![NameOverride { host: "api.test".into(), address: server.address }],
        extra_ca_pem: Some(server.ca_pem.clone().into_bytes()),
        own: Vec::new(),
    };
    let settings = Settings { egress, pool: PoolSettings { runs: 128 }, ..host::settings() };
    let sandbox = Sandbox::new(settings).unwrap();
    let prepared = sandbox.compile_here(&guest).unwrap();
    for connections in [1, 16, 64] {
        compare(&sandbox, &prepared, &server, connections).await;
    }
}

async fn compare(
    sandbox: &Sandbox,
    prepared: &Prepared,
    server: &server::Server,
    connections: u32,
) {
    let (mut ours_us, mut plain_us) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Other installs each time: how many calls one may make in a minute has a limit.
        let first = 64 * (connections * ROUNDS + round);
        let began = Instant::now();
        let runs = (first..first + connections)
            .map(|number| ours(sandbox.clone(), prepared.clone(), number));
        all(runs).await;
        ours_us.push(per_call(began, connections));
        let began = Instant::now();
        all((0..connections).map(|_| plain(server.address, Arc::clone(&server.client)))).await;
        plain_us.push(per_call(began, connections));
    }
    let (ours_us, plain_us) = (median(ours_us), median(plain_us));
    println!(
        "{{\"bench\":\"egress\",\"case\":\"{connections}\",\"ratio\":{:.3},\"ours_us\":{ours_us:.1},\"plain_us\":{plain_us:.1}}}",
        ours_us / plain_us
    );
}

/// One run of an install of its own.
async fn ours(sandbox: Sandbox, prepared: Prepared, number: u32) {
    let control = Control {
        organization: id("org", number),
        install: id("ins", number),
        plugin: id("plg", number),
        ..control()
    };
    let memory = Memory::new(control, 0);
    let mut job = job(&prepared, &memory, &format!("{{\"url\":\"{URL}\",\"calls\":{CALLS}}}"));
    // Sixty-four at once on two cores take longer than a run usually may.
    job.limits = RunLimits { cpu_ms: 5_000, wall_ms: 60_000, ..RunLimits::default() };
    let (outcome, _) = sandbox.run(job, memory, Ticking::new()).await;
    let Ending::Ok(report) = &outcome.ending else { panic!("{:?}", outcome.ending) };
    assert_eq!(report.summary, format!("{CALLS} {}", CALLS as usize * server::BODY.len()));
}

/// One connection, and the same requests over it.
async fn plain(address: std::net::SocketAddr, tls: Arc<rustls::ClientConfig>) {
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let name = ServerName::try_from("api.test").unwrap();
    let stream = tokio_rustls::TlsConnector::from(tls).connect(name, tcp).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    for _ in 0..CALLS {
        let request = http::Request::get("/v1/echo")
            .header("host", "api.test")
            .header("user-agent", "plain")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), server::BODY.len());
    }
    driver.abort();
}

async fn all<F: Future<Output = ()> + Send + 'static>(work: impl Iterator<Item = F>) {
    let mut tasks = tokio::task::JoinSet::new();
    for one in work {
        tasks.spawn(one);
    }
    tasks.join_all().await;
}

fn per_call(began: Instant, connections: u32) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS * connections)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
