//! Test support: a store on a real SQLite file, with a clock that is moved by
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

use venn_domain::{
    id::{IdSource, OrganizationId, UserId},
    time::{Clock, Timestamp},
};

use crate::{Observer, Settings, Store};

/// 2025-11-24T16:00:00Z.
pub(crate) const START_US: i64 = 1_764_000_000_000_000;

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

/// An open store in a folder that goes away with it.
pub(crate) struct TestStore {
    store: Store,
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) trace: Arc<HandTrace>,
}

impl Deref for TestStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl TestStore {
    pub(crate) async fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap()).await
    }

    /// The same in a folder that may hold a database already.
    pub(crate) async fn open_in(folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(START_US)));
        let trace = Arc::new(HandTrace::default());
        let settings = Settings {
            folder: folder.path().to_owned(),
            clock: clock.clone(),
            ids: Arc::new(CountedIds(AtomicU64::new(1))),
            observer: trace.clone(),
        };
        let store = Store::open(settings).await.unwrap();
        Self { store, folder, clock, trace }
    }

    /// The same folder, closed and opened again.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        Self::open_in(self.folder).await
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs statements as they are, past every rule.
    pub(crate) async fn sql(&self, statement: &str) {
        let statement = statement.to_owned();
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
