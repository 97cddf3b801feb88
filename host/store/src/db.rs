//! Opening the store: the writer's link, the readers, what they share.
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection as _, any::AnyPoolOptions, pool::PoolConnection};
use venn_domain::{
    id::IdSource,
    limits,
    time::{Clock, Timestamp},
};

use crate::{
    Database, StoreError,
    among::Among,
    authority::AuthorityNumber,
    dialect,
    link::Link,
    login::Logins,
    observe::Observer,
    run::Together,
    writer::{About, Writer},
};

/// Readers at once; both databases read while the writer writes.
const READERS: u32 = 8;

/// Where the store lives and what it is given.
pub struct Settings {
    /// A folder of ours: the embedded database's file, and the blobs.
    pub folder: PathBuf,
    /// Where the rows are.
    pub database: Database,
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
    logins: Arc<Logins>,
    among: Arc<Among>,
    together: Together,
    count_floor: AtomicU64,
}

impl Store {
    /// Opens or creates the store in its folder; nobody else may have it.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        Self::open_among(settings, Among::nobody()).await
    }

    /// The same beside other servers that open it so: on a PostgreSQL database only.
    pub async fn open_beside(settings: Settings) -> Result<Self, StoreError> {
        let several = settings.database.dialect().is_remote();
        let among = if several { Among::others() } else { Among::nobody() };
        Self::open_among(settings, among).await
    }

    async fn open_among(settings: Settings, among: Among) -> Result<Self, StoreError> {
        let (folder, database) = (settings.folder, settings.database);
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::File {
            what: "creating the data folder",
            path: folder.display().to_string(),
            source,
        })?;
        let authority = Arc::new(AuthorityNumber::default());
        let among = Arc::new(among);
        let link = Link::open(database.clone(), folder.clone(), authority.clone(), among.clone());
        let link = link.await?;
        let dialect = database.dialect();
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(dialect::CONNECT_TIMEOUT)
            .after_connect(move |connection, _| Box::pin(dialect.set_up_reader(connection)))
            // As the writer does: the largest tape that was read is not kept.
            .after_release(|connection, _| {
                connection.shrink_buffers();
                Box::pin(std::future::ready(Ok(true)))
            })
            .connect_with(database.options(&folder, false)?)
            .await?;
        let inner = Inner {
            logins: link.logins(),
            writer: Writer::start(link, settings.observer.clone()),
            readers,
            folder,
            clock: settings.clock,
            ids: settings.ids,
            observer: settings.observer,
            authority,
            among,
            together: Together::default(),
            count_floor: AtomicU64::new(limits::COUNT_FLOOR),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Counts below this are not told where only counts are shared; others are rounded
    /// down to its multiples. [`limits::COUNT_FLOOR`] if nobody sets it.
    pub fn set_count_floor(&self, floor: u64) {
        self.inner.count_floor.store(floor.max(1), Ordering::Relaxed);
    }

    pub(crate) fn count_floor(&self) -> u64 {
        self.inner.count_floor.load(Ordering::Relaxed)
    }

    /// The source of ids.
    pub fn ids(&self) -> &dyn IdSource {
        self.inner.ids.as_ref()
    }

    /// By chance 0 to 1000: what waits comes back spread out.
    pub fn jitter_permille(&self) -> u16 {
        let (_, random) = self.ids().next();
        u16::try_from(random % 1_000).unwrap_or(0)
    }

    /// The trace context of whoever called, to be kept with what it causes.
    pub(crate) fn trace(&self) -> String {
        self.inner.observer.trace()
    }

    pub(crate) fn authority(&self) -> &AuthorityNumber {
        &self.inner.authority
    }

    /// Whether no other server has the database.
    pub fn is_alone(&self) -> bool {
        self.inner.among.is_alone()
    }

    /// Whether the work is this server's that one does at a time: reading lists, pairing.
    pub fn leads(&self) -> bool {
        self.inner.among.leads()
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.inner.logins
    }

    /// Records of runs that wait for the writer.
    pub(crate) fn together(&self) -> &Together {
        &self.inner.together
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
        self.inner.writer.write(About::Anything, work).await
    }

    /// The same for rows that no login depends on: neither tokens nor members,
    /// organizations, support. What is often written goes here; a test knows which
    /// files do.
    pub(crate) async fn write_data<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        self.inner.writer.write(About::Data, work).await
    }

    /// Commits what was handed in and closes the database: an embedded one's folder
    /// may be copied or moved, a server's may be opened by the next. Later calls on
    /// any handle fail.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// Whether the database answers and the writer has it: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if !self.inner.authority.is_trusted() {
            return Err(StoreError::Away);
        }
        let mut connection = self.read().await?;
        sqlx::query_scalar::<_, i64>("SELECT number FROM authority WHERE one = 1")
            .fetch_one(&mut *connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
