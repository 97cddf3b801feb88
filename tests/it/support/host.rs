//! A server in this process: the same wiring as `venn serve`, with a clock
//! that is moved by hand and ids that are counted.
use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use venn_domain::{
    id::IdSource,
    limits,
    time::{Clock, Timestamp},
};
use venn_sandbox::{EgressSettings, NameOverride, PoolSettings};
use venn_server::{
    app::App,
    serve::{Server, Settings},
    telemetry::metrics::Metrics,
};
use venn_testkit::Simulator;

use super::{Actor, Data, compile_program};

/// Set before the start by what calls more often than any program should: benchmarks.
pub static CALLS_A_MINUTE: OnceLock<u64> = OnceLock::new();

/// Where services would send people back to.
pub const PUBLIC_URL: &str = "https://venn.example";

/// A clock that stands still until it is moved.
pub struct TestClock(AtomicI64);

impl TestClock {
    /// 2026-01-01T00:00:00Z.
    pub const START_US: i64 = 1_767_225_600_000_000;

    /// One that stands there.
    pub const fn at(us: i64) -> Self {
        Self(AtomicI64::new(us))
    }

    /// Moves the time.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Ids in order of making, for ever different.
pub struct CountedIds(AtomicU64);

impl Default for CountedIds {
    fn default() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl IdSource for CountedIds {
    fn next(&self) -> (u64, u128) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        (1_767_225_600_000 + number, u128::from(number))
    }
}

/// A running server.
pub struct Host {
    /// Where it answers.
    pub url: String,
    /// What its handlers share.
    pub app: App,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// What it keeps.
    pub data: Data,
    /// The platform's first admin.
    pub platform: Actor,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
}

/// Room for few runs, for many tests reserve address space at once; but for more than
/// one organization's share.
const POOL: PoolSettings = PoolSettings { runs: 40 };

impl Host {
    /// A server whose plugins reach the given simulators by these names.
    pub async fn start(simulators: &[(&str, &Simulator)]) -> Self {
        Self::start_at(simulators, TestClock::START_US).await
    }

    /// The same at another moment: for data that a real process opens later.
    pub async fn start_at(simulators: &[(&str, &Simulator)], start_us: i64) -> Self {
        Self::start_on(Data::empty(), simulators, start_us).await
    }

    /// The same on this database.
    pub async fn start_on(data: Data, simulators: &[(&str, &Simulator)], start_us: i64) -> Self {
        let clock = Arc::new(TestClock::at(start_us));
        let overrides = simulators.iter().map(|(host, simulator)| NameOverride {
            host: (*host).to_owned(),
            address: simulator.addr,
        });
        let egress = EgressSettings {
            overrides: overrides.collect(),
            extra_ca_pem: simulators
                .first()
                .map(|(_, simulator)| simulator.ca_pem.clone().into_bytes()),
            own: Vec::new(),
        };
        let settings = Settings {
            data: data.path().to_owned(),
            database: data.database(),
            egress,
            compile_program: compile_program(),
            proxies: vec!["127.0.0.1/32".parse().unwrap()],
            public_url: Some(PUBLIC_URL.to_owned()),
            calls_a_minute: CALLS_A_MINUTE.get().copied().unwrap_or(limits::API_CALLS),
            pool: POOL,
            clock: clock.clone(),
            ids: Arc::<CountedIds>::default(),
            metrics: Arc::new(Metrics::new(true, None)),
        };
        let server = Server::open(settings).await.unwrap();
        let token = server.first_token.clone().expect("a first start makes a token");
        let app = server.app.clone();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let served = tokio::spawn(server.run(listener, None, stop.clone()));
        let platform = Actor::new(&url, "platform", &token);
        Self { url, app, clock, data, platform, stop, served }
    }

    /// A new organization with its first admin.
    pub async fn organization(&self, slug: &str, customer: bool, publisher: bool) -> Actor {
        let body = serde_json::json!({
            "slug": slug, "name": capitalised(slug), "customer": customer, "publisher": publisher,
            "admin_email": format!("admin@{slug}.example"), "admin_name": format!("{slug} admin"),
        });
        let made = self.platform.post("/v1/organizations", &body).await.good();
        if publisher {
            self.vouch(slug).await;
        }
        Actor::new(&self.url, slug, made["token"].as_str().unwrap())
    }

    /// The platform knows this publisher: what it publishes can be approved.
    pub async fn vouch(&self, slug: &str) {
        let path = format!("/v1/review/publishers/{slug}/verification");
        self.platform.put(&path, &serde_json::json!({ "reason": "We met." })).await.good();
    }

    /// Changes the database behind the host's back.
    pub async fn tamper(&self, statement: &str) {
        self.data.tamper(statement).await;
    }

    /// Moves the time, and lets the workers see it.
    pub fn advance_ms(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.app.wake.deliveries.notify_one();
    }

    /// Stops the server and waits until it has drained.
    pub async fn stop(self) -> Data {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
        self.data
    }
}

fn capitalised(slug: &str) -> String {
    let (first, rest) = slug.split_at(1);
    first.to_uppercase() + rest
}
