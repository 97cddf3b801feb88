//! A TLS server that keeps what was sent, and an egress that leads to it.
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, AtomicUsize},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use venn_domain::{
    authority::{Control, Farewell},
    capability::OverlapFields,
    grant::{Approval, Grant},
    id::PartnershipId,
    manifest::Manifest,
    overlap::{OverlapCount, OverlapQuery},
    time::{Clock, Timestamp},
};

use super::super::*;
use crate::{
    job::{Idempotency, RunInfo, RunLimits},
    ports::{ChangeAnswer, OverlapAnswer, PortError, Secret},
    run::core::OwnFiles,
    settings::NameOverride,
};

/// Listens on loopback with a certificate, and does as it is told.
pub(in crate::egress) struct Server {
    address: SocketAddr,
    ca_pem: String,
    accepted: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    /// What clients asked for by SNI.
    names: Arc<Mutex<Vec<String>>>,
    arrived: Arc<tokio::sync::Notify>,
}

/// What a server does after it has answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::egress) enum After {
    /// Hangs up.
    Close,
    /// Waits for the next request.
    Keep,
    /// Says the last piece again and again.
    Repeat,
    /// Nothing more, ever.
    Hang,
}

/// What a server's certificate says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::egress) enum Certificate {
    Good,
    Expired,
    SelfSigned,
}

pub(in crate::egress) fn answer_text(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

impl Server {
    /// Answers every request with this text; with an empty one never.
    pub(in crate::egress) async fn start(answer: String) -> Self {
        let after = if answer.is_empty() { After::Hang } else { After::Close };
        Self::doing(vec![answer.into_bytes()], after).await
    }

    /// Answers every request with these pieces, each a write of its own.
    pub(in crate::egress) async fn doing(pieces: Vec<Vec<u8>>, after: After) -> Self {
        Self::certified(Certificate::Good, pieces, after).await
    }

    /// The same with this certificate.
    pub(in crate::egress) async fn certified(
        certificate: Certificate,
        pieces: Vec<Vec<u8>>,
        after: After,
    ) -> Self {
        let (config, ca_pem) = tls_server(certificate);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            ca_pem,
            accepted: Arc::default(),
            requests: Arc::default(),
            names: Arc::default(),
            arrived: Arc::default(),
        };
        let (accepted, requests) = (Arc::clone(&server.accepted), Arc::clone(&server.requests));
        let (arrived, names) = (Arc::clone(&server.arrived), Arc::clone(&server.names));
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                accepted.fetch_add(1, Ordering::SeqCst);
                let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
                let (requests, pieces) = (Arc::clone(&requests), pieces.clone());
                let (arrived, names) = (Arc::clone(&arrived), Arc::clone(&names));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                    names.lock().unwrap().push(name);
                    loop {
                        let text = read_request(&mut stream).await;
                        if text.is_empty() {
                            return;
                        }
                        requests.lock().unwrap().push(text);
                        arrived.notify_one();
                        if !say(&mut stream, &pieces, after).await {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    pub(in crate::egress) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(in crate::egress) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(in crate::egress) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(in crate::egress) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    pub(in crate::egress) async fn has_request(&self) {
        self.arrived.notified().await;
    }
}

/// Answers; whether another request may come.
async fn say(
    stream: &mut (impl tokio::io::AsyncWrite + Unpin),
    pieces: &[Vec<u8>],
    after: After,
) -> bool {
    for piece in pieces {
        if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
            return false;
        }
    }
    match after {
        After::Close => {
            let _ = stream.shutdown().await;
            false
        }
        After::Keep => true,
        After::Repeat => {
            while stream.write_all(pieces.last().unwrap()).await.is_ok() {}
            false
        }
        After::Hang => std::future::pending().await,
    }
}

/// Reads to the end of the header, and the body that it announces.
async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut whole = usize::MAX;
    while bytes.len() < whole {
        let mut chunk = vec![0; 16 << 10];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
        if whole == usize::MAX
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let announced =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            whole = end + 4 + announced.map_or(0, |length| length.parse().unwrap());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn tls_server(kind: Certificate) -> (Arc<rustls::ServerConfig>, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    if kind == Certificate::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let certificate = if kind == Certificate::SelfSigned {
        params.self_signed(&key).unwrap()
    } else {
        params.signed_by(&key, &issuer).unwrap()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), ca_certificate.pem())
}

/// An install that may call `api.test`, which the operator points at a server.
pub(in crate::egress) struct Bench {
    pub(in crate::egress) settings: EgressSettings,
    ports: Arc<FixedPorts>,
    port: u16,
    hosts: Vec<String>,
}

impl Bench {
    pub(in crate::egress) fn new(server: &Server) -> Self {
        let hosts = vec!["api.test".to_owned()];
        let mut bench = Self {
            settings: EgressSettings {
                overrides: Vec::new(),
                extra_ca_pem: Some(server.ca_pem.clone().into_bytes()),
                own: Vec::new(),
            },
            ports: FixedPorts::new(&hosts, 1),
            port: server.port(),
            hosts: Vec::new(),
        };
        bench.allow("api.test");
        bench
    }

    /// Allows one more host, dialled at the same server.
    pub(in crate::egress) fn allow(&mut self, host: &str) {
        self.hosts.push(host.to_owned());
        let address = ([127, 0, 0, 1], self.port).into();
        self.settings.overrides.push(NameOverride { host: host.to_owned(), address });
        self.ports = FixedPorts::new(&self.hosts, 1);
    }

    /// Takes the grant away.
    pub(in crate::egress) fn revoke(&self) {
        *self.ports.authority.lock().unwrap() = authority(&self.hosts, &[], 2);
        self.ports.number.store(2, Ordering::SeqCst);
    }

    /// Something changes for somebody else.
    pub(in crate::egress) fn change_elsewhere(&self) {
        *self.ports.authority.lock().unwrap() = authority(&self.hosts, &self.hosts, 2);
        self.ports.number.store(2, Ordering::SeqCst);
    }

    /// The customer connects another account.
    pub(in crate::egress) fn rotate(&self, secret: &str) {
        secret.clone_into(&mut self.ports.secret.lock().unwrap());
    }

    pub(in crate::egress) fn live(&self) -> Live {
        self.live_on(&Arc::new(Network::new(&self.settings).unwrap()))
    }

    pub(in crate::egress) fn live_on(&self, network: &Arc<Network>) -> Live {
        Live {
            ports: Arc::clone(&self.ports) as _,
            authority: Arc::clone(&self.ports.authority.lock().unwrap()),
            network: Arc::clone(network),
        }
    }

    pub(in crate::egress) fn facts() -> Arc<Facts> {
        let info = RunInfo {
            run: id("run"),
            install: id("ins"),
            plugin: "test".into(),
            version: "1.0.0".into(),
            attempt: 1,
        };
        let idempotency = Idempotency { key: [3; 32], delivery: id("dlv"), step: 0 };
        Facts::new(info, "{}".into(), Arc::new(Still), Timestamp(0), Some(idempotency))
    }

    /// None that anybody asks for.
    pub(in crate::egress) fn files() -> OwnFiles {
        OwnFiles::new(Arc::from(std::env::temp_dir()), &RunLimits::default())
    }

    pub(in crate::egress) fn egress(&self) -> RunEgress {
        RunEgress::new(&self.live(), Self::facts(), Mode::Handle)
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str) -> T {
    format!("{prefix}_{:026}", 1).parse().unwrap()
}

fn authority(hosts: &[String], granted: &[String], number: u64) -> Arc<Authority> {
    Arc::new(Authority::new(control(hosts, granted, number)))
}

/// An authority with nothing but ids.
pub(in crate::egress) fn authority_of(install: u32, organization: u32, plugin: u32) -> Authority {
    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str, number: u32) -> T {
        format!("{prefix}_{number:026}").parse().unwrap()
    }
    Authority::new(Control {
        install: id("ins", install),
        organization: id("org", organization),
        plugin: id("plg", plugin),
        ..control(&["api.test".to_owned()], &[], 1)
    })
}

fn control(hosts: &[String], granted: &[String], number: u64) -> Control {
    let egress: Vec<_> = hosts
        .iter()
        .map(|host| {
            serde_json::json!({ "host": host, "reason": "r", "data": "d", "retention": "t" })
        })
        .collect();
    let manifest: Manifest = serde_json::from_value(serde_json::json!({
        "name": "test", "version": "1.0.0", "title": "T", "summary": "S", "category": "other",
        "capabilities": [{ "name": "http:egress", "reason": "r" }],
        "egress": egress,
        "connections": [{ "name": "crm", "title": "C", "kind": "api-key", "host": "api.test" }],
        "support": { "contact": "help@example.com" },
    }))
    .unwrap();
    let grant = Grant {
        capabilities: manifest.capability_set(),
        egress_hosts: granted.to_vec(),
        ..Grant::default()
    };
    Control {
        number,
        organization: id("org"),
        install: id("ins"),
        plugin: id("plg"),
        release: id("rel"),
        approval: Approval::of(&manifest),
        manifest,
        grant,
        stopped: None,
        partnerships: Vec::new(),
        connections: vec!["crm".into()],
        customer_hosts: Vec::new(),
        farewell: Farewell::default(),
    }
}

struct FixedPorts {
    authority: Mutex<Arc<Authority>>,
    number: AtomicU64,
    secret: Mutex<String>,
}

impl FixedPorts {
    fn new(hosts: &[String], number: u64) -> Arc<Self> {
        let authority = Mutex::new(authority(hosts, hosts, number));
        let secret = Mutex::new("canary-secret".to_owned());
        Arc::new(Self { authority, number: AtomicU64::new(number), secret })
    }
}

fn not_here<T>() -> Result<T, PortError> {
    Err(PortError::Failed("not in this test".into()))
}

#[async_trait::async_trait]
impl Ports for FixedPorts {
    fn authority_number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }

    async fn authority(&self) -> Result<Arc<Authority>, PortError> {
        Ok(Arc::clone(&self.authority.lock().unwrap()))
    }

    async fn overlaps_find(
        &self,
        _: &Authority,
        _: &OverlapQuery,
    ) -> Result<OverlapAnswer, PortError> {
        not_here()
    }

    async fn overlaps_lookup(
        &self,
        _: &Authority,
        _: &str,
        _: &OverlapFields,
    ) -> Result<OverlapAnswer, PortError> {
        not_here()
    }

    async fn overlaps_counts(
        &self,
        _: &Authority,
        _: Option<&PartnershipId>,
    ) -> Result<Vec<OverlapCount>, PortError> {
        not_here()
    }

    async fn overlaps_changes(
        &self,
        _: &Authority,
        _: &PartnershipId,
        _: Option<&str>,
        _: &OverlapFields,
        _: u32,
    ) -> Result<ChangeAnswer, PortError> {
        not_here()
    }

    async fn accounts_compare(
        &self,
        _: &Authority,
        _: &[venn_domain::account::SourceRow],
    ) -> Result<Vec<venn_domain::account::AccountChange>, PortError> {
        not_here()
    }

    async fn accounts_of_source(
        &self,
        _: &Authority,
        _: &[String],
    ) -> Result<Vec<bool>, PortError> {
        not_here()
    }

    async fn state_get(
        &self,
        _: Option<&PartnershipId>,
        _: &str,
    ) -> Result<Option<Vec<u8>>, PortError> {
        not_here()
    }

    async fn state_keys(
        &self,
        _: Option<&PartnershipId>,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<String>, PortError> {
        not_here()
    }

    async fn credential(&self, _: &str) -> Result<Secret, PortError> {
        Ok(Secret::new(self.secret.lock().unwrap().clone()))
    }
}
