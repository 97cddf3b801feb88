//! A running simulator: two listeners on loopback, one as the third party (TLS), one to drive it.
//! It stops when it is shut down or dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Authority, Clock, Control, Leaf, ThirdParty, admin, listener};

/// How to start a simulator. The defaults suit most tests.
pub struct Options {
    party: Arc<dyn ThirdParty>,
    names: Vec<String>,
    leaf: Leaf,
    authority: Option<Authority>,
    clock: Clock,
    listen: SocketAddr,
    admin_listen: SocketAddr,
}

impl Options {
    /// That third party under its own names, on free ports of 127.0.0.1.
    pub fn new(party: impl ThirdParty) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            names: party.host_names(),
            party: Arc::new(party),
            leaf: Leaf::Good,
            authority: None,
            clock: Clock::default(),
            listen: free,
            admin_listen: free,
        }
    }

    /// Names (or IP addresses) for the certificate, instead of the third party's own.
    #[must_use]
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    #[must_use]
    pub fn leaf(mut self, leaf: Leaf) -> Self {
        self.leaf = leaf;
        self
    }

    /// Shares an authority with other simulators.
    #[must_use]
    pub fn authority(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.clone());
        self
    }

    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    #[must_use]
    pub fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    #[must_use]
    pub fn admin_listen(mut self, listen: SocketAddr) -> Self {
        self.admin_listen = listen;
        self
    }
}

/// A third party that listens. Dereferences to its [`Control`].
pub struct Simulator {
    /// Where the third party listens, with TLS.
    pub addr: SocketAddr,
    /// Where other processes drive it, plain HTTP: see `admin.rs`.
    pub admin_addr: SocketAddr,
    /// What a client must trust.
    pub ca_pem: String,
    control: Control,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Starts listening; needs a tokio runtime. Calls are accepted once this returns.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options { party, names, leaf, authority, clock, listen, admin_listen } = options;
        let authority = authority.map_or_else(Authority::new, Ok)?;
        let tls = Arc::new(authority.server_config(&names, leaf)?);
        let control = Control::new(party, clock);
        let third_party = bind(listen).await?;
        let admin = bind(admin_listen).await?;
        let (addr, admin_addr) = (third_party.local_addr()?, admin.local_addr()?);
        let ca_pem = authority.ca_pem();
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(listener::serve(third_party, tls, control.clone(), stopped.clone())),
            tokio::spawn(admin::serve(admin, control.clone(), ca_pem.clone(), stopped)),
        ];
        Ok(Self { addr, admin_addr, ca_pem, control, stop, tasks })
    }

    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Ends both listeners and every connection, and waits until they are gone.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            // Only a panic in a listener could be here, and it has been printed.
            let _ = task.await;
        }
    }
}

impl Deref for Simulator {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("the simulator could not listen on {address}: choose another port")
    })
}
