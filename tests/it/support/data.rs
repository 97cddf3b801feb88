//! What a server keeps: its data folder, and its database where that is PostgreSQL
//! (`cargo xtask test` runs everything on both).
use std::{fs, path::Path, process::Stdio, sync::Arc, time::Duration};

use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::{process::Command, task::JoinHandle};
use venn_cluster::{Cluster, Scratch};
use venn_store::{Database, Settings, Store, Unobserved};

use super::{
    host::{CountedIds, TestClock},
    venn,
};

/// Goes away with this value.
pub struct Data {
    folder: TempDir,
    scratch: Option<Scratch>,
}

impl Data {
    /// Nothing yet.
    pub fn empty() -> Self {
        let scratch = Scratch::from_environment().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), scratch }
    }

    /// Nothing yet, on a cluster that the test itself stops and starts.
    pub fn on(cluster: &Cluster) -> Self {
        let scratch = Scratch::on(&cluster.url()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), scratch: Some(scratch) }
    }

    /// A copy of what a stopped server left.
    pub fn copy(&self) -> Self {
        let scratch = self.scratch.as_ref().map(|scratch| scratch.copy().unwrap());
        let folder = tempfile::tempdir().unwrap();
        copy(self.path(), folder.path());
        Self { folder, scratch }
    }

    /// The data folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the rows are.
    pub fn database(&self) -> Database {
        self.postgres().map_or(Database::Embedded, |url| url.parse().unwrap())
    }

    /// The PostgreSQL database's URL, where it is one.
    pub fn postgres(&self) -> Option<String> {
        self.scratch.as_ref().map(Scratch::url)
    }

    /// Runs a statement behind the server's back.
    pub async fn tamper(&self, statement: &str) {
        if let Some(scratch) = &self.scratch {
            return scratch.sql(statement).unwrap();
        }
        let url = format!("sqlite://{}", self.path().join("venn.db").display());
        let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// What a stopped server left, as its store reads it.
    pub async fn store(&self) -> Store {
        let settings = Settings {
            folder: self.path().to_owned(),
            database: self.database(),
            clock: Arc::new(TestClock::at(TestClock::START_US)),
            ids: Arc::<CountedIds>::default(),
            observer: Arc::new(Unobserved),
        };
        Store::open(settings).await.unwrap()
    }

    /// What troubles a server for a moment: a lock that somebody else holds on its database
    /// for so long, or on a database's server the end of all its sessions.
    pub fn trouble(&self, time: Duration) -> JoinHandle<()> {
        if let Some(scratch) = &self.scratch {
            scratch.shut(true).unwrap();
            scratch.shut(false).unwrap();
            return tokio::spawn(async {});
        }
        self.locked(time)
    }

    /// Its database's server lets nobody in, or lets them in again; false on the embedded one.
    pub fn shut(&self, is_shut: bool) -> bool {
        self.scratch.as_ref().inspect(|scratch| scratch.shut(is_shut).unwrap()).is_some()
    }

    /// Somebody else holds a lock on the embedded database for so long.
    pub fn locked(&self, time: Duration) -> JoinHandle<()> {
        let url = format!("sqlite://{}", self.path().join("venn.db").display());
        tokio::spawn(async move {
            let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
            // Where the server has just taken it, there is nothing to be done.
            if sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.is_ok() {
                tokio::time::sleep(time).await;
                sqlx::query("ROLLBACK").execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        })
    }

    /// `venn COMMAND --data …`, with the database in the environment.
    pub fn venn(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(venn());
        command.args(arguments).arg("--data").arg(self.path());
        command.env_remove("VENN_DATABASE").stdin(Stdio::null()).kill_on_drop(true);
        if let Some(url) = self.postgres() {
            command.env("VENN_DATABASE", url);
        }
        command
    }

    /// The places that hold these bytes: to look for what must not be kept.
    pub fn places_with(&self, bytes: &[u8]) -> Vec<String> {
        let files = super::files_with(self.path(), bytes);
        let mut found: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        if let Some(scratch) = &self.scratch {
            let dump = scratch.dump().unwrap();
            // Columns of bytes are written in hexadecimal.
            let hex = data_encoding::HEXLOWER.encode(bytes);
            if [bytes, hex.as_bytes()].iter().any(|one| memchr::memmem::find(&dump, one).is_some())
            {
                found.push("the database".to_owned());
            }
        }
        found
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
