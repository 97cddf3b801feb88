//! From a canonical host to an open connection: resolve once, refuse every
//! special-purpose address and every one of this machine's own, dial one of
//! those that were checked, and speak TLS for the same host. The name is never
//! resolved again.
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
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

/// Addresses of one name that are tried: a name that leads to thousands is a
/// scan, not a service.
const ADDRESSES_MAX: usize = 8;

/// Who knows the addresses of a name: the system, or a test's own.
#[async_trait::async_trait]
pub(super) trait Resolve: Send + Sync {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

struct System;

#[async_trait::async_trait]
impl Resolve for System {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// TLS settings and the operator's overrides.
pub(super) struct Dialer {
    resolver: Box<dyn Resolve>,
    /// Where this server itself listens.
    own: Vec<SocketAddr>,
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
        let own = settings.own.clone();
        let (public, overridden) = (tls(roots)?, tls(extra)?);
        Ok(Self { resolver: Box::new(System), own, public, overridden, overrides })
    }

    #[cfg(test)]
    pub(super) fn resolving_by(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Box::new(resolver);
        self
    }

    /// Opens a connection for `target`.
    pub(super) async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, Refused> {
        let (addresses, config) = match self.overrides.get(&target.host) {
            // The operator's word: such a name need not be public.
            Some(address) if self.is_listened_on(*address) => {
                return Err(Refused::Address("it is this server's own"));
            }
            Some(address) => (vec![*address], &self.overridden),
            None => (self.resolve(&target.host, target.port).await?, &self.public),
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

    /// The addresses of a name that may be dialled.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
        let found = match within_connect_limit(self.resolver.addresses(host)).await {
            Some(Ok(found)) => found,
            Some(Err(_)) => return Err(failed("dns", format!("{host} cannot be resolved"))),
            None => return Err(failed("dns", format!("{host} was not resolved in time"))),
        };
        if found.is_empty() {
            return Err(failed("dns", format!("{host} has no address")));
        }
        let mut vetted = address::vet_all(&found).map_err(Refused::Address)?;
        vetted.truncate(ADDRESSES_MAX);
        vetted.retain(|address| !is_this_machine(*address));
        if vetted.is_empty() {
            return Err(Refused::Address("it is an address of this server's own machine"));
        }
        Ok(vetted.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Whether this server listens there itself.
    fn is_listened_on(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.own.iter().any(|own| {
            let own_ip = own.ip().to_canonical();
            own.port() == address.port()
                && (own_ip == ip
                    || own_ip.is_unspecified()
                        && (ip.is_loopback() || ip.is_unspecified() || is_this_machine(ip)))
        })
    }
}

/// Whether an address is one of this machine's: the system would take it as the
/// sender's, too. Asking sends nothing.
pub(super) fn is_this_machine(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let sender = UdpSocket::bind((any, 0)).and_then(|socket| {
        // Any port: a datagram socket only remembers it.
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    sender.is_ok_and(|sender| sender.ip() == address)
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
