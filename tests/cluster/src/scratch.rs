//! One test's own database on the test server.
use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;

use crate::{VARIABLE, cluster::run, tools};

/// A database that is dropped with this value.
pub struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    /// An empty database on the server of [`VARIABLE`]; none without one.
    pub fn from_environment() -> anyhow::Result<Option<Self>> {
        match std::env::var(VARIABLE) {
            Ok(server) => Self::on(&server).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// An empty database on this server.
    pub fn on(server: &str) -> anyhow::Result<Self> {
        Self::make(server, "")
    }

    /// A copy of this database, which nobody may be connected to.
    pub fn copy(&self) -> anyhow::Result<Self> {
        self.with(&format!("TEMPLATE {}", self.name))
    }

    /// Another database on the same server, made with these words of `CREATE DATABASE`.
    pub fn with(&self, how: &str) -> anyhow::Result<Self> {
        Self::make(&self.server, how)
    }

    /// The URL for `venn serve --database`.
    pub fn url(&self) -> String {
        at(&self.server, &self.name)
    }

    /// Runs statements by `psql`.
    pub fn sql(&self, statements: &str) -> anyhow::Result<()> {
        psql(&self.url(), statements)
    }

    /// Ends all sessions and lets nobody connect, or lets them again.
    pub fn shut(&self, is_shut: bool) -> anyhow::Result<()> {
        let name = &self.name;
        psql(&self.server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !is_shut))?;
        let sessions = format!("FROM pg_stat_activity WHERE datname = '{name}'");
        psql(&self.server, &format!("SELECT pg_terminate_backend(pid) {sessions}"))
    }

    /// The whole database as SQL, by `pg_dump`.
    pub fn dump(&self) -> anyhow::Result<Vec<u8>> {
        let output = Command::new(client("pg_dump")).arg("-d").arg(self.url()).output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    fn make(server: &str, how: &str) -> anyhow::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Tests run in several processes, and a process's number comes again.
        let random = tempfile::Builder::new().prefix("t").rand_bytes(8).tempdir()?;
        let random = random.path().file_name().context("a name")?.to_string_lossy().to_lowercase();
        let name = format!("{random}_{number}");
        psql(server, &format!("CREATE DATABASE {name} {how}"))?;
        Ok(Self { server: server.to_owned(), name })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that stopped its server has nothing to drop.
        let _ = psql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The same server's URL with another database: the path is `/postgres`.
fn at(server: &str, name: &str) -> String {
    server.replacen("/postgres?", &format!("/{name}?"), 1)
}

fn psql(url: &str, statements: &str) -> anyhow::Result<()> {
    let mut psql = Command::new(client("psql"));
    run(psql.args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statements]))
}

/// A client's program: beside the server's, or on the path.
fn client(name: &str) -> PathBuf {
    let beside = tools().map(|folder| folder.join(name)).filter(|path| path.exists());
    beside.unwrap_or_else(|| name.into())
}
