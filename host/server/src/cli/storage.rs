//! Where a server keeps things: the flags that every command on the server's own
//! machine takes.
use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use venn_store::Database;

use super::output::failure::Failure;

/// The data folder, and the database if it is not in there.
#[derive(Debug, Args)]
pub(crate) struct StorageArgs {
    /// Folder of everything that is kept
    #[arg(long, value_name = "DIR", default_value = ".venn", env = "VENN_DATA")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The database, if it is not in the data folder.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// PostgreSQL database for the rows, instead of a file in the folder; in the
    /// variable its password is not on the command line
    #[arg(long, value_name = "URL", env = "VENN_DATABASE", hide_env_values = true)]
    database: Option<Secret>,
}

impl DatabaseArgs {
    /// The database that was named.
    pub(crate) fn database(&self) -> Result<Database, Failure> {
        let Some(Secret(text)) = &self.database else { return Ok(Database::Embedded) };
        text.parse().map_err(|error| {
            Failure::usage(
                format!("The database is {error}."),
                "For example `VENN_DATABASE=postgres://venn:PASSWORD@db.example/venn venn serve`.",
            )
            .at("--database, VENN_DATABASE")
        })
    }
}

impl StorageArgs {
    /// The database that was named.
    pub(crate) fn database(&self) -> Result<Database, Failure> {
        self.database.database()
    }

    /// The data folder, which must be there.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        if self.data.is_dir() {
            return Ok(&self.data);
        }
        let place = self.data.display().to_string();
        Err(Failure::usage("There is no data folder here.", "Give the server's folder by --data.")
            .at(place))
    }
}

/// A text that is never shown: a URL may hold a password. It is checked later,
/// because what the parser of flags refuses it repeats.
#[derive(Clone)]
struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// Runs a command's work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected(format!("The runtime cannot be started: {error}.")))?;
    Ok(runtime.block_on(work))
}
