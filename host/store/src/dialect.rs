//! Everything in which the two databases differ; the queries do not.
//!
//! - how a write begins, and which settings a connection needs
//! - which database is accepted at all: ids, cursors and upper bounds rely on
//!   text that is ordered by its bytes, so a PostgreSQL database has locale `C`
//! - the `blob` type, which PostgreSQL gets as a domain over `bytea`
//! - who owns the database: on PostgreSQL an advisory lock of the writer's
//!   session, so that whoever loses the session has lost the right to write; how
//!   several share it is in `among.rs`
use std::time::Duration;

use sqlx::AnyConnection;

use crate::{
    StoreError,
    among::{LOOK, OWNS},
};

/// How long a connection may take to be made, and a reader may wait for one.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a reader of the embedded database waits for another process's lock.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// How long a start waits for the owner before: a killed process's session ends
/// once PostgreSQL has noticed.
const OWNER_WAIT: Duration = Duration::from_secs(5);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How the writer begins a group. IMMEDIATE: take the write lock now, so that
    /// no member fails half-way on it. PostgreSQL's writer is the only one by its lock, or
    /// takes turns with others ([`crate::among::BEGIN`]).
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Whether the server can go away while we live.
    pub(crate) const fn is_remote(self) -> bool {
        matches!(self, Self::Postgres)
    }

    /// Settings of the writer's connection.
    pub(crate) async fn set_up_writer(
        self,
        connection: &mut AnyConnection,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite => set_up_sqlite_writer(connection).await,
            Self::Postgres => {
                accept(connection).await?;
                // A machine that went away without a word holds the lock no longer than this.
                for setting in [
                    "SET tcp_keepalives_idle = 5",
                    "SET tcp_keepalives_interval = 2",
                    "SET tcp_keepalives_count = 3",
                    // Who stands still in the middle of a write holds up others no longer than this.
                    "SET idle_in_transaction_session_timeout = '30s'",
                    // A turn is waited for in parts: in between it is seen that the session stands.
                    "SET lock_timeout = '2s'",
                    // Statements are prepared once, and planned once: no value asks for a
                    // plan of its own.
                    "SET plan_cache_mode = force_generic_plan",
                    // Nor the size that a table had: a plan made while it was small, of the
                    // server's own for a foreign key too, would read all of it for a minute.
                    "SET enable_seqscan = off",
                    // What has no index is so dear by that alone that it would be compiled,
                    // which takes half a second.
                    "SET jit = off",
                    // What was answered is on the disk. More than `on` is the operator's to ask for.
                    "SELECT set_config('synchronous_commit', 'on', false)
                     WHERE current_setting('synchronous_commit') = 'off'",
                ] {
                    sqlx::query(setting).execute(&mut *connection).await?;
                }
                Ok(())
            }
        }
    }

    /// Settings of a reader's connection: what is read in one transaction is one
    /// snapshot, and it never writes.
    pub(crate) async fn set_up_reader(
        self,
        connection: &mut AnyConnection,
    ) -> Result<(), sqlx::Error> {
        let settings = match self {
            Self::Sqlite => {
                set_up_sqlite(connection).await?;
                ["PRAGMA query_only = ON"].as_slice()
            }
            Self::Postgres => [
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            ]
            .as_slice(),
        };
        for setting in settings {
            sqlx::query(*setting).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// What the migrations need besides an empty database.
    pub(crate) async fn before_migrations(
        self,
        connection: &mut AnyConnection,
    ) -> Result<(), StoreError> {
        if self == Self::Postgres {
            let there: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                 WHERE t.typname = 'blob' AND n.nspname = current_schema()",
            )
            .fetch_one(&mut *connection)
            .await?;
            if there == 0 {
                sqlx::query("CREATE DOMAIN blob AS bytea").execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    /// Names of the tables that are there.
    pub(crate) const fn tables(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
            }
            Self::Postgres => {
                // Not `information_schema`: it hides what belongs to somebody else.
                "SELECT CAST(c.relname AS text) AS name FROM pg_class c
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                 ORDER BY 1"
            }
        }
    }

    /// Takes the database for this session, waiting for one that just died. The
    /// embedded one is owned by the lock on its folder.
    pub(crate) async fn own(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let since = tokio::time::Instant::now();
        while !self.try_own(connection).await? {
            if since.elapsed() > OWNER_WAIT {
                return Err(StoreError::InUse);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes the database for this session if nobody else has it.
    pub(crate) async fn try_own(self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite => Ok(true),
            Self::Postgres => Ok(sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(OWNS)
                .fetch_one(connection)
                .await?),
        }
    }
}

/// Write-ahead log, a full sync per commit; read back, because SQLite ignores
/// what it does not know.
async fn set_up_sqlite_writer(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await?;
    if mode != "wal" {
        return Err(StoreError::Setting { setting: "journal_mode", got: mode, expected: "wal" });
    }
    set_up_sqlite(connection).await?;
    // What a statement would undo is not written to a file of its own first.
    sqlx::query("PRAGMA temp_store = MEMORY").execute(&mut *connection).await?;
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

async fn set_up_sqlite(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let timeout = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"));
    sqlx::query(timeout).execute(&mut *connection).await?;
    sqlx::query("PRAGMA foreign_keys = ON").execute(&mut *connection).await?;
    Ok(())
}

/// Refuses a PostgreSQL database in which text is not ordered by its bytes, or is
/// not UTF-8.
async fn accept(connection: &mut AnyConnection) -> Result<(), StoreError> {
    // The provider's column is newer than some servers: asked for as JSON it may lack.
    let found: (String, String) = sqlx::query_as(
        "SELECT datcollate || ' ' || datctype || ' ' || COALESCE(to_jsonb(d) ->> 'datlocprovider', 'c'),
                pg_encoding_to_char(encoding) || ''
         FROM pg_database d WHERE datname = current_database()",
    )
    .fetch_one(connection)
    .await?;
    let (locale, encoding) = found;
    if !["C C c", "POSIX POSIX c"].contains(&locale.as_str()) || encoding != "UTF8" {
        return Err(StoreError::Locale { locale, encoding });
    }
    Ok(())
}
