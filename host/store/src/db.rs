//! Opening the store: connections, durability settings, migrations.
use std::{path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection as _, any::AnyPoolOptions, pool::PoolConnection};
use venn_domain::{
    id::IdSource,
    time::{Clock, Timestamp},
};

use crate::{StoreError, audit, authority::AuthorityNumber, observe::Observer, writer::Writer};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Readers at once; SQLite in WAL mode reads while the writer writes.
const READERS: u32 = 8;

/// How long a reader waits for a lock that another process holds.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// Where the store lives and what it is given.
pub struct Settings {
    /// A folder of ours: the database file and the blobs.
    pub folder: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readers: AnyPool,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    observer: Arc<dyn Observer>,
    authority: Arc<AuthorityNumber>,
}

impl Store {
    /// Opens or creates the store in its folder.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let folder = settings.folder;
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::File {
            what: "creating the data folder",
            path: folder.display().to_string(),
            source,
        })?;
        let url = format!("sqlite://{}?mode=rwc", folder.join("venn.db").display());
        let mut writer = AnyConnection::connect(&url).await?;
        set_up(&mut writer).await?;
        MIGRATIONS.run(&mut writer).await?;
        audit::adopt(&mut writer).await?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            .after_connect(|connection, _| Box::pin(set_up_reader(connection)))
            .connect(&url)
            .await?;
        let authority = Arc::new(AuthorityNumber::default());
        authority.publish_now(&mut writer).await?;
        let inner = Inner {
            writer: Writer::start(writer, authority.clone(), settings.observer.clone()),
            readers,
            folder,
            clock: settings.clock,
            ids: settings.ids,
            observer: settings.observer,
            authority,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The source of ids.
    pub fn ids(&self) -> &dyn IdSource {
        self.inner.ids.as_ref()
    }

    /// The trace context of whoever called, to be kept with what it causes.
    pub(crate) fn trace(&self) -> String {
        self.inner.observer.trace()
    }

    pub(crate) fn authority(&self) -> &AuthorityNumber {
        &self.inner.authority
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.inner.folder
    }

    pub(crate) async fn read(&self) -> Result<PoolConnection<sqlx::Any>, StoreError> {
        Ok(self.inner.readers.acquire().await?)
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        self.inner.writer.write(work).await
    }

    /// Commits what was handed in and closes the database, so that its folder may
    /// be copied or moved. Later calls on any handle fail.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// Whether the database answers: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.read().await?;
        sqlx::query_scalar::<_, i64>("SELECT number FROM authority WHERE one = 1")
            .fetch_one(&mut *connection)
            .await?;
        Ok(())
    }
}

/// Write-ahead log, a full sync per commit, foreign keys; read back, because
/// SQLite ignores what it does not know.
async fn set_up(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await?;
    if mode != "wal" {
        return Err(StoreError::Setting { setting: "journal_mode", got: mode, expected: "wal" });
    }
    set_up_reader(connection).await?;
    sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
    let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await?;
    if level != 2 {
        return Err(StoreError::Setting {
            setting: "synchronous",
            got: level.to_string(),
            expected: "2 (FULL)",
        });
    }
    Ok(())
}

async fn set_up_reader(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let timeout = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"));
    sqlx::query(timeout).execute(&mut *connection).await?;
    sqlx::query("PRAGMA foreign_keys = ON").execute(&mut *connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
