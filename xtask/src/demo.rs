//! `cargo xtask demo`: builds everything, starts a server and a simulated
//! HubSpot, and drives the whole job through the public API and the command
//! line only, narrating each step.
use std::path::PathBuf;

use clap::Args;

use crate::cargo;

mod client;
mod data;
mod denials;
mod failures;
mod figures;
mod process;
mod story;

#[derive(Args)]
pub(crate) struct Options {
    /// End with a JSON line of the figures instead of leaving the server up.
    #[arg(long)]
    exit: bool,
    /// Where the server keeps its data; a fresh temporary folder by default.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The server's port; a free one by default.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    // The TLS provider is chosen by us, not by whichever crate comes first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    say("Building the host, the simulator and the example plugin");
    let programs = cargo::build_host(cargo::Profile::Dev)?;
    let plugin = cargo::build_example(&programs, "crm-tasks")?;
    let broken = cargo::build_broken_example(&programs)?;
    let scratch = tempfile::tempdir()?;
    let data = options.data.clone().unwrap_or_else(|| scratch.path().join("data"));
    anyhow::ensure!(
        !data.join("venn.db").exists(),
        "{} already holds a Venn database: name another folder, or remove it",
        data.display()
    );
    let sim = process::Sim::start(&programs.sim, scratch.path())?;
    let mut server = process::Server::start(&programs.venn, &data, options.port, &sim)?;
    let figures = story::tell(&mut server, &sim, &plugin, &broken, scratch.path())?;
    if options.exit {
        println!("{}", figures.json());
        return Ok(());
    }
    server.leave_up(&figures)
}

/// One step of the narration.
pub(crate) fn say(text: &str) {
    eprintln!("\n== {text}");
}

/// A detail of a step.
pub(crate) fn note(text: &str) {
    eprintln!("   {text}");
}
