//! Every schema that was ever released opens with the present one; what is newer
//! or somebody else's is refused and left alone.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
use std::path::Path;

use sqlx::{Connection as _, Executor as _};
use venn_cluster::Scratch;

use crate::{
    Database, StoreError,
    schema::{Versions, look, migrate},
    testing::{TestStore, database},
};

/// Dumps of databases, one per released schema, oldest first; never changed.
struct Fixture {
    schema: i64,
    /// `sqlite3 venn.db .dump` in a data folder of that version.
    sqlite: &'static str,
    /// `pg_dump --no-owner --no-privileges --inserts URL | grep -vE '^\\|^--|^$'`
    /// of a database of that version.
    postgres: &'static str,
}

const FIXTURES: &[Fixture] = &[
    Fixture {
        schema: 1,
        sqlite: include_str!("../../fixtures/0001.sql"),
        postgres: include_str!("../../fixtures/0001.postgres.sql"),
    },
    Fixture {
        schema: 6,
        sqlite: include_str!("../../fixtures/0006.sql"),
        postgres: include_str!("../../fixtures/0006.postgres.sql"),
    },
];

/// A database to be opened: a folder's own, or on the test server.
struct Place {
    folder: tempfile::TempDir,
    scratch: Option<Scratch>,
}

impl Place {
    fn new() -> Self {
        let scratch = Scratch::from_environment().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), scratch }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn database(&self) -> Database {
        database(self.scratch.as_ref())
    }

    async fn sql(&self, statements: &str) {
        if let Some(scratch) = &self.scratch {
            return scratch.sql(statements).unwrap();
        }
        let mut connection = self.database().connect(self.path(), true).await.unwrap();
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        connection.execute(sqlx::raw_sql(statements)).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn restored(fixture: &Fixture) -> Self {
        let place = Self::new();
        let dump = if place.scratch.is_some() { fixture.postgres } else { fixture.sqlite };
        place.sql(dump).await;
        place
    }

    async fn look(&self) -> Result<Versions, StoreError> {
        look(self.path(), &self.database()).await
    }

    async fn migrate(&self) -> Result<Versions, StoreError> {
        migrate(self.path(), &self.database()).await
    }
}

#[tokio::test]
async fn every_released_schema_opens_and_keeps_its_rows() {
    for fixture in FIXTURES {
        let place = Place::restored(fixture).await;
        assert_eq!(place.look().await.unwrap().from, Some(fixture.schema));
        let store = TestStore::open_in(place.folder, place.scratch).await;
        let platform = store.platform().await.unwrap();
        let slug = store.text("SELECT slug FROM organization WHERE is_platform = 1").await;
        assert_eq!((slug.as_str(), platform.as_str().is_empty()), ("platform", false));
        assert_eq!(store.number("SELECT COUNT(*) FROM account").await, 3, "{}", fixture.schema);
        // What is older than the audit's chain is in it now.
        let verified = store.verify_audit(&platform, None).await.unwrap();
        let whole = (verified.broken, verified.head.seq > 0);
        assert_eq!(whole, (None, true), "{}", fixture.schema);
    }
}

#[tokio::test]
async fn a_look_changes_nothing_and_migrating_says_from_where_to_where() {
    let place = Place::restored(&FIXTURES[0]).await;
    let found = place.look().await.unwrap();
    assert_eq!(place.look().await.unwrap(), found);
    assert_eq!(place.migrate().await.unwrap(), found);
    let after = Versions { from: Some(found.to), to: found.to, steps: 0 };
    assert_eq!(place.look().await.unwrap(), after);
    assert!(!after.differ());

    let empty = Place::new();
    let lacks_all = Versions { from: None, to: found.to, steps: found.steps + 1 };
    assert_eq!(empty.look().await.unwrap(), lacks_all);
    assert!(!empty.path().join("venn.db").exists(), "a look made a database");
    assert_eq!(empty.migrate().await.unwrap().from, None);
    assert_eq!(empty.look().await.unwrap(), after);
}

#[tokio::test]
async fn a_step_that_was_left_out_is_made_up_for() {
    let place = Place::restored(&FIXTURES[0]).await;
    let to = place.migrate().await.unwrap().to;
    let public = if place.scratch.is_some() { "public." } else { "" };
    place
        .sql(&format!(
            "DROP TABLE {public}api_usage; DELETE FROM {public}_sqlx_migrations WHERE version = 5"
        ))
        .await;
    assert_eq!(place.migrate().await.unwrap(), Versions { from: Some(to), to, steps: 1 });
    assert!(!place.look().await.unwrap().differ());
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let place = Place::restored(&FIXTURES[0]).await;
    let known = place.migrate().await.unwrap().to;
    let row = if place.scratch.is_some() { "true, '\\x00'" } else { "1, X'00'" };
    place
        .sql(&format!(
            "INSERT INTO {}_sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9001, 'later', {row}, 1), (9002, 'later', {row}, 1)",
            if place.scratch.is_some() { "public." } else { "" }
        ))
        .await;
    let expected = format!(
        "the database has schema 9002, and this program knows schemas up to {known}: it was opened by a newer Venn; start that version, or restore a backup from before the upgrade"
    );
    assert_eq!(place.look().await.unwrap_err().to_string(), expected);
    assert_eq!(place.migrate().await.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn a_database_of_something_else_is_refused_and_left_alone() {
    let place = Place::new();
    place.sql("CREATE TABLE invoices (id bigint)").await;
    let expected = "the database is not Venn's: its table `invoices` is not Venn's; name an empty database, or the right one";
    assert_eq!(place.look().await.unwrap_err().to_string(), expected);
    assert_eq!(place.migrate().await.unwrap_err().to_string(), expected);

    let place = Place::restored(&FIXTURES[0]).await;
    let table =
        if place.scratch.is_some() { "public._sqlx_migrations" } else { "_sqlx_migrations" };
    let bytes = if place.scratch.is_some() { "'\\x00'" } else { "X'00'" };
    place.sql(&format!("UPDATE {table} SET checksum = {bytes} WHERE version = 1")).await;
    let expected = "the database is not Venn's: step 1 of its schema is not Venn's; name an empty database, or the right one";
    assert_eq!(place.migrate().await.unwrap_err().to_string(), expected);
}
