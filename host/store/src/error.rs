//! What can go wrong in the store. Not found is an `Option`, never an error.

/// An error of the store; its text names no values of rows.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The database could not be connected to.
    #[error(
        "cannot connect to {place}; check that it runs, and that user, password and TLS settings are right"
    )]
    Connect {
        /// Which, without user and password.
        place: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Another server has the database.
    #[error("another `venn serve` uses this database; stop it, or name another database")]
    InUse,
    /// Other servers have the database, and it lacks steps of this program's schema.
    #[error(
        "the database has schema {found}, this program needs {known}, and other servers use the database; stop them all, then start this one"
    )]
    Older {
        /// The database's schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The database was made by a newer Venn.
    #[error(
        "the database has schema {found}, and this program knows schemas up to {known}: it was opened by a newer Venn; start that version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The database's schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The database is somebody else's.
    #[error("the database is not Venn's: {what}; name an empty database, or the right one")]
    Foreign {
        /// How that is known.
        what: String,
    },
    /// A database whose content is not whole.
    #[error("the database is damaged: {what}; use another copy")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A PostgreSQL database in which text is not ordered by its bytes.
    #[error(
        "the database has locale `{locale}` and encoding `{encoding}`, and Venn needs `C C c` and `UTF8`: text must be ordered by its bytes; make one with `CREATE DATABASE venn TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`"
    )]
    Locale {
        /// Order, character classes and provider.
        locale: String,
        /// Encoding.
        encoding: String,
    },
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds what it never should.
    #[error("bad row in {table}.{column}, row {row}: {reason}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A unique key is taken; the text names the constraint's columns.
    #[error("already there: {0}")]
    Taken(&'static str),
    /// The database did not take a setting that durability rests on.
    #[error("the database did not accept `{setting}`: it says `{got}`, expected `{expected}`")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it reads back as.
        got: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A file of the blob folder failed.
    #[error("{what} failed for {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Encryption or decryption of a secret failed; the text says which step.
    #[error("a credential is not available: {0}")]
    Secret(&'static str),
    /// The group of writes that this one stood in was not committed.
    #[error("the write was not committed")]
    NotCommitted,
    /// The writer has no database at the moment; it looks for it every second.
    #[error("the database is away")]
    Away,
    /// The database went away while it committed: the write stands or it does not.
    #[error("the database went away while it committed; whether the write stands is not known")]
    Unconfirmed,
    /// The writer is gone: the store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the database is away for the moment, and the same may work later.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Away
            | Self::NotCommitted
            | Self::Unconfirmed
            | Self::Closed => true,
            Self::Database(error) => is_away(error),
            _ => false,
        }
    }

    /// Whether a server that could not be connected to answered, and said no.
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Connect { source: sqlx::Error::Database(_), .. })
    }

    /// Whether a group did not begin only because another server is writing.
    pub(crate) fn is_turn_of_another(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE)
    }

    /// Turns a violated unique constraint into [`StoreError::Taken`].
    pub(crate) fn taken(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match error.as_database_error() {
            Some(e) if e.is_unique_violation() => Self::Taken(what),
            _ => Self::Database(error),
        }
    }
}

/// PostgreSQL's, after `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// SQLite's `SQLITE_BUSY`, `SQLITE_IOERR`, `SQLITE_FULL`.
const BUSY: u32 = 5;
const IO: u32 = 10;
const FULL: u32 = 13;

/// The server is gone, is stopping or starting, or takes no more connections; the
/// embedded one is locked, or its disk is full or fails.
fn is_away(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => true,
        Error::Database(error) => error.code().is_some_and(|code| match code.parse::<u32>() {
            // SQLite's, whose low byte is the kind; PostgreSQL's have five characters.
            Ok(number) if code.len() < 5 => [BUSY, IO, FULL].contains(&(number & 0xff)),
            _ => {
                code.starts_with("08")
                    || ["57P01", "57P02", "57P03", "53300", "53100"].contains(&code.as_ref())
            }
        }),
        _ => false,
    }
}
