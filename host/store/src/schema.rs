//! The schema's version: what a database has, what this program knows, and
//! bringing one to the other.
//!
//! Both databases run the same files. A database that is newer than the program,
//! or that is somebody else's, is refused before anything is written.
use std::path::Path;

use sqlx::{AnyConnection, Connection as _};

use crate::{Database, StoreError, audit, dialect::Dialect};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The table in which the migrations keep their account.
const ACCOUNT: &str = "_sqlx_migrations";

/// What a database has, and what this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The database's schema; none if it is empty.
    pub from: Option<i64>,
    /// This program's schema.
    pub to: i64,
    /// This program's steps that the database lacks.
    pub steps: usize,
}

impl Versions {
    /// Whether a start would change the database.
    pub const fn differ(self) -> bool {
        self.steps > 0
    }
}

/// What an empty database lacks.
fn from_nothing() -> Versions {
    Versions { from: None, to: newest(), steps: MIGRATIONS.iter().count() }
}

/// The newest schema that this program knows.
fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// What a start would do to the database, or why it would refuse it. Changes nothing.
pub async fn look(folder: &Path, database: &Database) -> Result<Versions, StoreError> {
    let missing =
        matches!(database, Database::Embedded) && !folder.join(crate::database::FILE).exists();
    if missing {
        return Ok(from_nothing());
    }
    let mut connection = database.connect(folder, false).await?;
    let found = versions(&mut connection, database.dialect()).await;
    connection.close().await?;
    found
}

/// Brings the database up to date and says from where to where.
pub async fn migrate(folder: &Path, database: &Database) -> Result<Versions, StoreError> {
    let mut connection = database.connect(folder, true).await?;
    database.dialect().set_up_writer(&mut connection).await?;
    database.dialect().own(&mut connection).await?;
    let done = bring_up(&mut connection, database.dialect()).await;
    connection.close().await?;
    done
}

/// The same on a connection that owns the database.
pub(crate) async fn bring_up(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<Versions, StoreError> {
    let found = versions(connection, dialect).await?;
    if found.differ() {
        dialect.before_migrations(connection).await?;
        MIGRATIONS.run(&mut *connection).await?;
        tracing::info!(from = found.from, to = found.to, "store.schema brought up to date");
    }
    audit::adopt(connection).await?;
    Ok(found)
}

/// For who is not alone on the database: it is up to date, or nothing is done.
pub(crate) async fn must_fit(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<(), StoreError> {
    let found = versions(connection, dialect).await?;
    if found.differ() {
        let known = found.to;
        return Err(StoreError::Older { found: found.from.unwrap_or_default(), known });
    }
    Ok(())
}

async fn versions(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<Versions, StoreError> {
    let tables: Vec<String> =
        sqlx::query_scalar(dialect.tables()).fetch_all(&mut *connection).await?;
    if tables.is_empty() {
        return Ok(from_nothing());
    }
    if !tables.iter().any(|table| table == ACCOUNT) {
        let table = tables.into_iter().next().unwrap_or_default();
        return Err(StoreError::Foreign { what: format!("its table `{table}` is not Venn's") });
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await?;
    judge(&applied)
}

/// Compares what was applied with what this program has, step by step.
fn judge(applied: &[(i64, Vec<u8>)]) -> Result<Versions, StoreError> {
    let known = newest();
    let mut from = None;
    for (version, checksum) in applied {
        match MIGRATIONS.iter().find(|migration| migration.version == *version) {
            Some(ours) if *ours.checksum == **checksum => from = Some(*version),
            // A newer Venn's has all of our steps before its own.
            None if from == Some(known) => {
                let found = applied.last().map_or(*version, |(version, _)| *version);
                return Err(StoreError::Newer { found, known });
            }
            _ => {
                let what = format!("step {version} of its schema is not Venn's");
                return Err(StoreError::Foreign { what });
            }
        }
    }
    Ok(Versions { from, to: known, steps: MIGRATIONS.iter().count() - applied.len() })
}
