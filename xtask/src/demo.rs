//! `cargo xtask demo`: builds everything, starts a server and a simulated
//! HubSpot, and drives the whole job through the public API and the command
//! line only, narrating each step.
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cargo;

mod client;
mod data;
mod denials;
mod failures;
mod figures;
mod process;
mod story;

pub(crate) use client::Client;

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
    let scratch = tempfile::tempdir()?;
    let data = options.data.clone().unwrap_or_else(|| scratch.path().join("data"));
    anyhow::ensure!(
        !data.join("venn.db").exists(),
        "{} already holds a Venn database: name another folder, or remove it",
        data.display()
    );
    let mut town = Town::start(&data, options.port, scratch.path())?;
    if options.exit {
        println!("{}", town.figures.json());
        return Ok(());
    }
    town.server.leave_up(&town.figures)
}

/// A server on which the whole job was done.
pub(crate) struct Town {
    pub server: process::Server,
    /// What plugins reach as HubSpot.
    _sim: process::Sim,
    figures: figures::Figures,
}

impl Town {
    /// Builds everything, starts the server, and does the job.
    pub(crate) fn start(data: &Path, port: u16, scratch: &Path) -> anyhow::Result<Self> {
        // The TLS provider is chosen by us, not by whichever crate comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        say("Building the host, the simulator and the example plugin");
        let programs = cargo::build_host(cargo::Profile::Dev)?;
        let plugin = cargo::build_example(&programs, "crm-tasks")?;
        let broken = cargo::build_broken_example(&programs)?;
        let sim = process::Sim::start(&programs.sim, scratch)?;
        let mut server = process::Server::start(&programs.venn, data, port, &sim)?;
        let figures = story::tell(&mut server, &sim, &plugin, &broken, scratch)?;
        Ok(Self { server, _sim: sim, figures })
    }

    /// The admin of an organization.
    pub(crate) fn client(&self, slug: &str) -> anyhow::Result<Client> {
        let found = self.figures.credentials.iter().find(|(name, _)| name == slug);
        let (_, token) = found.with_context(|| format!("nobody is {slug}"))?;
        Client::new(self.server.url.trim_end_matches('/'), Some(token))
    }
}

/// One step of the narration.
pub(crate) fn say(text: &str) {
    eprintln!("\n== {text}");
}

/// A detail of a step.
pub(crate) fn note(text: &str) {
    eprintln!("   {text}");
}
