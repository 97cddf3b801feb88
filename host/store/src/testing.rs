//! Test support: a store on a real SQLite file or PostgreSQL database, with a clock that is moved by
//! hand and ids that count.
//!
//! To add a fixture of one noun: beside that noun's tests; here is only what
//! all of them need.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::{
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use venn_cluster::Scratch;
use venn_domain::{
    id::{IdSource, OrganizationId, UserId},
    time::{Clock, Timestamp},
};

use crate::{Database, Observer, Settings, Store, Unobserved};

/// 2025-11-24T16:00:00Z.
pub(crate) const START_US: i64 = 1_764_000_000_000_000;

/// Numbers that look like chance and are the same each time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A clock that stands still until it is moved.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    /// Moves it.
    pub(crate) fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count up: sorted in the order in which they were made.
struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn next(&self) -> (u64, u128) {
        (START_US.unsigned_abs() / 1_000, u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
}

/// Ids that count up from here: for one of several stores on one database.
pub(crate) fn counted_from(first: u64) -> Arc<dyn IdSource> {
    Arc::new(CountedIds(AtomicU64::new(first)))
}

/// A caller's trace context, set by hand; none at first.
#[derive(Default)]
pub(crate) struct HandTrace(Mutex<String>);

impl HandTrace {
    /// What is done from now on is done in this trace.
    pub(crate) fn set(&self, trace: &str) {
        trace.clone_into(&mut self.0.lock().unwrap());
    }
}

impl Observer for HandTrace {
    fn trace(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// An embedded store in this folder, with a clock and ids of its own.
pub(crate) fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.to_owned(),
        database: Database::Embedded,
        clock: Arc::new(HandClock(AtomicI64::new(START_US))),
        ids: Arc::new(CountedIds(AtomicU64::new(1))),
        observer: Arc::new(Unobserved),
    }
}

/// This database, or the folder's own.
pub(crate) fn database(scratch: Option<&Scratch>) -> Database {
    scratch.map_or(Database::Embedded, |scratch| scratch.url().parse().unwrap())
}

/// An open store in a folder that goes away with it; on PostgreSQL where
/// `VENN_TEST_POSTGRES` names a server.
pub(crate) struct TestStore {
    store: Store,
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) trace: Arc<HandTrace>,
    // Dropped last: the database of this test, where it is PostgreSQL.
    scratch: Option<Scratch>,
}

impl Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl TestStore {
    pub(crate) async fn open() -> Self {
        let scratch = Scratch::from_environment().unwrap();
        Self::open_in(tempfile::tempdir().unwrap(), scratch).await
    }

    /// The same on what may hold a database already: the folder's own, or this one.
    pub(crate) async fn open_in(folder: tempfile::TempDir, scratch: Option<Scratch>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(START_US)));
        let trace = Arc::new(HandTrace::default());
        let settings = Settings {
            database: database(scratch.as_ref()),
            clock: clock.clone(),
            observer: trace.clone(),
            ..settings(folder.path())
        };
        let store = Store::open(settings).await.unwrap();
        Self { store, folder, clock, trace, scratch }
    }

    /// One that others may be beside.
    pub(crate) async fn open_beside(folder: tempfile::TempDir, scratch: Scratch) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(START_US)));
        let trace = Arc::new(HandTrace::default());
        let settings = Settings {
            database: database(Some(&scratch)),
            clock: clock.clone(),
            ..settings(folder.path())
        };
        let store = Store::open_beside(settings).await.unwrap();
        Self { store, folder, clock, trace, scratch: Some(scratch) }
    }

    /// Where its rows are.
    pub(crate) fn database(&self) -> Database {
        database(self.scratch.as_ref())
    }

    /// The PostgreSQL database of a test that has one.
    pub(crate) fn scratch(&self) -> &Scratch {
        self.scratch.as_ref().unwrap()
    }

    pub(crate) const fn is_embedded(&self) -> bool {
        self.scratch.is_none()
    }

    /// The same, closed and opened again.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        Self::open_in(self.folder, self.scratch).await
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a statement as it is, past every rule. `X'01'` is bytes on both databases.
    pub(crate) async fn sql(&self, statement: &str) {
        let statement = match self.scratch {
            Some(_) => statement.replace("X'", "'\\x"),
            None => statement.to_owned(),
        };
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    }

    /// The first column of the first row, as a number.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let mut connection = self.read().await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    }

    /// The first column of every row, as text, with a blank between.
    pub(crate) async fn texts(&self, query: &str) -> String {
        let mut connection = self.read().await.unwrap();
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        rows.join(" ")
    }

    /// The first column of the first row, as bytes.
    pub(crate) async fn bytes(&self, query: &str) -> Vec<u8> {
        let mut connection = self.read().await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    }

    /// Whether these bytes are anywhere in what is kept, in the clear.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        let within = |all: &[u8], part: &[u8]| all.windows(part.len()).any(|one| one == part);
        let hex = data_encoding::HEXLOWER.encode(bytes);
        let dump = self.scratch.as_ref().map(|scratch| scratch.dump().unwrap()).unwrap_or_default();
        within(&dump, bytes)
            || within(&dump, hex.as_bytes())
            || std::fs::read_dir(self.folder()).unwrap().any(|entry| {
                let path = entry.unwrap().path();
                path.is_file() && within(&std::fs::read(path).unwrap(), bytes)
            })
    }

    /// The first column of the first row, as text.
    pub(crate) async fn text(&self, query: &str) -> String {
        let mut connection = self.read().await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    }

    /// A bare organization: `customer`, `publisher` or `platform`.
    pub(crate) async fn organization(&self, slug: &str, kind: &str) -> OrganizationId {
        let id = OrganizationId::make(self.ids());
        let is = |name: &str| i64::from(kind == name);
        self.sql(&format!(
            "INSERT INTO organization
                 (id, slug, name, is_customer, is_publisher, is_platform, created_at)
             VALUES ('{id}', '{slug}', 'Name of {slug}', {}, {}, {}, {})",
            is("customer"),
            is("publisher"),
            is("platform"),
            self.now().0
        ))
        .await;
        id
    }

    /// A person who is a member of the organization.
    pub(crate) async fn member(&self, organization: &OrganizationId, role: &str) -> UserId {
        let id = UserId::make(self.ids());
        let now = self.now().0;
        self.sql(&format!(
            "INSERT INTO person (id, organization_id, email, name, created_at)
             VALUES ('{id}', '{organization}', '{id}@example.com', 'A person', {now})"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO member (organization_id, user_id, role, created_at)
             VALUES ('{organization}', '{id}', '{role}', {now})"
        ))
        .await;
        id
    }
}
