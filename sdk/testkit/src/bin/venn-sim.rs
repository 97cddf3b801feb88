//! Runs one simulated third party as a process, for demos and for clients that are not Rust.
//!
//! Prints one line of JSON once both listeners accept: `{"party", "addr", "admin_addr", "ca_pem"}`.
//! Ends when its standard input closes or on SIGTERM, so it never outlives who started it.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use venn_testkit::{Echo, HubSpot, OAuth, Options, Simulator};

/// A simulated third party on 127.0.0.1
///
/// It starts empty, and runs until its standard input closes. docs/simulator.md says how to
/// fill it and how to point `venn serve` to it.
#[derive(Parser)]
#[command(name = "venn-sim", version)]
struct Arguments {
    /// Which third party to be.
    party: Party,
    /// Port of the third party (TLS); 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the admin listener (plain HTTP: /objects, /calls, /faults, /reset …); 0 takes a
    /// free one.
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Where to write the certificate that clients must trust.
    #[arg(long, value_name = "PATH")]
    ca_out: Option<PathBuf>,
    /// The private app token to accept, which is the secret of the connection. Invented for the
    /// simulation: never a real one.
    #[arg(long, default_value = "pat-simulated")]
    token: String,
    /// The client that `oauth` knows, and its secret. Invented for the simulation, too.
    #[arg(long, default_value = "venn")]
    client_id: String,
    #[arg(long, default_value = "simulated")]
    client_secret: String,
    /// Names or addresses for the certificate, instead of the third party's own.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Party {
    Hubspot,
    Oauth,
    Echo,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (name, options) = match arguments.party {
        Party::Hubspot => ("hubspot", Options::new(HubSpot::new(&arguments.token))),
        Party::Oauth => {
            ("oauth", Options::new(OAuth::new(&arguments.client_id, &arguments.client_secret)))
        }
        Party::Echo => ("echo", Options::new(Echo)),
    };
    let options = if arguments.names.is_empty() { options } else { options.names(arguments.names) };
    let options = options
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)))
        .admin_listen(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.admin_port)));
    let simulator = Simulator::start(options).await?;
    if let Some(path) = &arguments.ca_out {
        std::fs::write(path, &simulator.ca_pem).with_context(|| {
            format!("writing the simulator's CA to {}: choose a writable path", path.display())
        })?;
    }
    let ready = serde_json::json!({
        "party": name,
        "addr": simulator.addr.to_string(),
        "admin_addr": simulator.admin_addr.to_string(),
        "ca_pem": simulator.ca_pem,
    });
    println!("{ready}");
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::select! {
        () = stdin_closed() => {}
        _ = terminated.recv() => {}
    }
    simulator.shutdown().await;
    Ok(())
}

/// Reads standard input to its end on a thread of its own: a runtime would wait for such a read
/// when it ends, a plain thread ends with the process.
async fn stdin_closed() {
    let (closed, when_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut ignored = [0_u8; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(read) if read > 0) {}
        // Nobody listens any more if SIGTERM came first.
        let _ = closed.send(());
    });
    let _ = when_closed.await;
}
