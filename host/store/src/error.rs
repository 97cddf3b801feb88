//! What can go wrong in the store. Not found is an `Option`, never an error.

/// An error of the store; its text names no values of rows.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
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
    /// The writer is gone: the store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Turns a violated unique constraint into [`StoreError::Taken`].
    pub(crate) fn taken(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match error.as_database_error() {
            Some(e) if e.is_unique_violation() => Self::Taken(what),
            _ => Self::Database(error),
        }
    }
}
