//! One cluster: made by `initdb`, run by `pg_ctl`, on a socket in its folder.
use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// The owner of the cluster and of every database in it.
const OWNER: &str = "venn";

/// For tests: nothing must survive the machine; many servers of nine connections each.
const FORGETFUL: &str = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB";

/// For measuring: what was committed is on the disk, as PostgreSQL has it by default.
const DURABLE: &str = "-c listen_addresses=''";

/// A running PostgreSQL that goes away with this value.
pub struct Cluster {
    folder: TempDir,
    tools: PathBuf,
    user: Option<(u32, u32)>,
    settings: &'static str,
}

/// The folder of PostgreSQL's server programs: on the path, or the newest of
/// Debian's; none where there is no server.
pub fn tools() -> Option<PathBuf> {
    let has = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(has);
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, path)| has(path))
        .collect();
    debian.sort();
    on_path.or_else(|| debian.pop().map(|(_, path)| path))
}

impl Cluster {
    /// Makes a cluster for tests and starts it.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(FORGETFUL)
    }

    /// The same with every commit on the disk, as in use.
    pub fn durable() -> anyhow::Result<Self> {
        Self::with(DURABLE)
    }

    fn with(settings: &'static str) -> anyhow::Result<Self> {
        let tools = tools().context("there is no PostgreSQL server: `initdb` is not found")?;
        // A socket's path may have 107 bytes: the folder's must be short.
        let folder = tempfile::Builder::new().prefix("venn-pg-").tempdir_in("/tmp")?;
        let cluster = Self { user: user_for(folder.path())?, folder, tools, settings };
        let data = cluster.data();
        let mut make = cluster.tool("initdb");
        make.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", OWNER]);
        run(make.arg("-D").arg(data))?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// The URL of the database that is always there.
    pub fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user={OWNER}", self.folder.path().display())
    }

    /// Stops the server: every connection ends.
    pub fn stop(&self) -> anyhow::Result<()> {
        run(self.control().args(["stop", "-w", "-m", "fast"]))
    }

    /// Starts it after a stop.
    pub fn resume(&self) -> anyhow::Result<()> {
        let place = self.folder.path();
        let log = place.join("log");
        let settings = format!("{} -c unix_socket_directories={}", self.settings, place.display());
        let mut start = self.control();
        run(start.args(["start", "-w", "-o"]).arg(settings).arg("-l").arg(&log)).with_context(
            || format!("PostgreSQL says: {}", fs::read_to_string(&log).unwrap_or_default()),
        )
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self) -> Command {
        let mut command = self.tool("pg_ctl");
        command.arg("-D").arg(self.data());
        command
    }

    /// One of the server's programs, as somebody who is not root: it refuses root.
    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already; the folder goes either way.
        let _ = self.control().args(["stop", "-w", "-m", "immediate"]).output();
    }
}

/// As root: a system user, to whom the folder is given. Else nobody else.
fn user_for(folder: &Path) -> anyhow::Result<Option<(u32, u32)>> {
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let found = ["postgres", "nobody"].iter().find_map(|name| {
        let fields: Vec<_> =
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).collect();
        let line = fields.iter().find(|line| line.first() == Some(name))?;
        Some((line.get(2)?.parse().ok()?, line.get(3)?.parse().ok()?))
    });
    let (user, group) = found.context("neither `postgres` nor `nobody` is a user here")?;
    std::os::unix::fs::chown(folder, Some(user), Some(group))?;
    Ok(Some((user, group)))
}

/// Runs a program; its words are the error if it fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    // A server that `pg_ctl` starts keeps what it inherits: no pipe to wait for.
    let said = tempfile::tempfile()?;
    let status = command
        .stdin(std::process::Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        let mut said = said;
        std::io::Seek::rewind(&mut said)?;
        bail!("{command:?} ended with {status}: {}", std::io::read_to_string(said)?.trim());
    }
    Ok(())
}
