//! From a canonical host to an open connection: resolve once, refuse every
//! special-purpose address, dial one of those that were checked, and speak TLS
//! for the same host. The name is never resolved again.
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use venn_domain::{
    egress::{Target, address},
    limits,
};

use crate::{error::SandboxError, settings::EgressSettings};

/// An open connection, encrypted or (where a rule allows `http`) not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection.
pub(super) enum Refused {
    /// The name leads nowhere public.
    Address(&'static str),
    /// It did not work.
    Failed { kind: &'static str, message: String },
}

/// TLS settings and the operator's overrides.
pub(super) struct Dialer {
    public: Arc<ClientConfig>,
    /// Trusts the operator's own authority besides, for overridden hosts only.
    overridden: Arc<ClientConfig>,
    overrides: HashMap<String, SocketAddr>,
}

impl Dialer {
    pub(super) fn new(settings: &EgressSettings) -> Result<Self, SandboxError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut extra = roots.clone();
        if let Some(pem) = &settings.extra_ca_pem {
            let bad = |error: String| SandboxError::ExtraCa(error);
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                extra.add(certificate).map_err(|error| bad(error.to_string()))?;
                count += 1;
            }
            if count == 0 {
                return Err(bad("it holds no certificate".to_owned()));
            }
        }
        let overrides =
            settings.overrides.iter().map(|entry| (entry.host.clone(), entry.address)).collect();
        Ok(Self { public: tls(roots)?, overridden: tls(extra)?, overrides })
    }

    /// Opens a connection for `target`.
    pub(super) async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, Refused> {
        let (addresses, config) = match self.overrides.get(&target.host) {
            // The operator's word: such a name need not be public.
            Some(address) => (vec![*address], &self.overridden),
            None => (resolve(&target.host, target.port).await?, &self.public),
        };
        let tcp = dial(&addresses, target).await?;
        if target.scheme != "https" {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| {
            failed("tls", format!("{} cannot be named in a certificate", target.host))
        })?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        match within_connect_limit(tls).await {
            Some(Ok(stream)) => Ok(Box::new(stream)),
            Some(Err(error)) => Err(failed("tls", tls_text(&target.host, &error))),
            None => Err(failed("timeout", format!("no TLS handshake with {}", target.host))),
        }
    }
}

fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, SandboxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| SandboxError::Engine(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The addresses of a name that may be dialled.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
    let lookup = tokio::net::lookup_host((host, port));
    let found: Vec<IpAddr> = match within_connect_limit(lookup).await {
        Some(Ok(found)) => found.map(|address| address.ip()).collect(),
        Some(Err(_)) => return Err(failed("dns", format!("{host} cannot be resolved"))),
        None => return Err(failed("dns", format!("{host} was not resolved in time"))),
    };
    if found.is_empty() {
        return Err(failed("dns", format!("{host} has no address")));
    }
    let vetted = address::vet_all(&found).map_err(Refused::Address)?;
    Ok(vetted.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// One text for refused and timed out alike: a guest cannot scan ports by it.
async fn dial(addresses: &[SocketAddr], target: &Target) -> Result<TcpStream, Refused> {
    let tried = async {
        for address in addresses {
            if let Ok(stream) = TcpStream::connect(address).await {
                return Some(stream);
            }
        }
        None
    };
    let refused = || failed("connect", format!("{} does not accept connections", target.origin()));
    let stream = within_connect_limit(tried).await.flatten().ok_or_else(refused)?;
    // A request is one write; there is nothing to wait for.
    stream.set_nodelay(true).map_err(|_| refused())?;
    Ok(stream)
}

async fn within_connect_limit<F: Future>(future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(limits::HTTP_CONNECT_MS), future).await.ok()
}

fn failed(kind: &'static str, message: String) -> Refused {
    Refused::Failed { kind, message }
}

fn tls_text(host: &str, error: &io::Error) -> String {
    format!("the TLS handshake with {host} failed: {error}")
}
