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
    authority::Control,
    capability::OverlapFields,
    grant::{Approval, Grant},
    id::PartnershipId,
    manifest::Manifest,
    overlap::{OverlapCount, OverlapQuery},
    time::{Clock, Timestamp},
};

use super::super::*;
use crate::{
    job::{Idempotency, RunInfo},
    ports::{ChangeAnswer, OverlapAnswer, PortError, Secret},
    settings::NameOverride,
};

/// Listens on loopback with a certificate for `api.test`.
pub(super) struct Server {
    address: SocketAddr,
    ca_pem: String,
    accepted: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    arrived: Arc<tokio::sync::Notify>,
}

pub(super) fn answer_text(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

impl Server {
    /// Answers every request with this text; with an empty one never.
    pub(super) async fn start(answer: String) -> Self {
        let (config, ca_pem) = tls_server();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            ca_pem,
            accepted: Arc::default(),
            requests: Arc::default(),
            arrived: Arc::default(),
        };
        let (accepted, requests) = (Arc::clone(&server.accepted), Arc::clone(&server.requests));
        let arrived = Arc::clone(&server.arrived);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                accepted.fetch_add(1, Ordering::SeqCst);
                let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
                let (requests, answer) = (Arc::clone(&requests), answer.clone());
                let arrived = Arc::clone(&arrived);
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let text = read_request(&mut stream).await;
                    requests.lock().unwrap().push(text);
                    arrived.notify_one();
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) async fn has_request(&self) {
        self.arrived.notified().await;
    }
}

/// Reads to the end of the header, and the body that it announces.
async fn read_request(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = announced.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn tls_server() -> (Arc<rustls::ServerConfig>, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
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
pub(super) struct Bench {
    pub(super) settings: EgressSettings,
    ports: Arc<FixedPorts>,
    port: u16,
    hosts: Vec<String>,
}

impl Bench {
    pub(super) fn new(server: &Server) -> Self {
        let hosts = vec!["api.test".to_owned()];
        let mut bench = Self {
            settings: EgressSettings {
                overrides: Vec::new(),
                extra_ca_pem: Some(server.ca_pem.clone().into_bytes()),
            },
            ports: FixedPorts::new(&hosts, 1),
            port: server.port(),
            hosts: Vec::new(),
        };
        bench.allow("api.test");
        bench
    }

    /// Allows one more host, dialled at the same server.
    pub(super) fn allow(&mut self, host: &str) {
        self.hosts.push(host.to_owned());
        let address = ([127, 0, 0, 1], self.port).into();
        self.settings.overrides.push(NameOverride { host: host.to_owned(), address });
        self.ports = FixedPorts::new(&self.hosts, 1);
    }

    /// Takes the grant away.
    pub(super) fn revoke(&self) {
        *self.ports.authority.lock().unwrap() = authority(&self.hosts, &[], 2);
        self.ports.number.store(2, Ordering::SeqCst);
    }

    pub(super) fn live(&self) -> Live {
        Live {
            ports: Arc::clone(&self.ports) as _,
            authority: Arc::clone(&self.ports.authority.lock().unwrap()),
            network: Arc::new(Network::new(&self.settings).unwrap()),
        }
    }

    pub(super) fn facts() -> Arc<Facts> {
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

    pub(super) fn egress(&self) -> RunEgress {
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
    Arc::new(Authority::new(Control {
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
    }))
}

struct FixedPorts {
    authority: Mutex<Arc<Authority>>,
    number: AtomicU64,
}

impl FixedPorts {
    fn new(hosts: &[String], number: u64) -> Arc<Self> {
        let authority = Mutex::new(authority(hosts, hosts, number));
        Arc::new(Self { authority, number: AtomicU64::new(number) })
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
        Ok(Secret::new("canary-secret".to_owned()))
    }
}
