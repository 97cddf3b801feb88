//! `venn keys`: the server's own keys, on the machine where its data is.
use std::path::PathBuf;

use clap::Subcommand;

use super::{ask, output::failure::Failure, session::Session};

/// The server's own keys
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Adds a new encryption key; what is sealed from now on uses it
    Rotate {
        /// The server's data folder
        #[arg(long, value_name = "DIR", default_value = ".venn", env = "VENN_DATA")]
        data: PathBuf,
    },
}

/// `venn keys`
pub(crate) fn run(session: &Session, command: &KeysCommand) -> Result<(), Failure> {
    let KeysCommand::Rotate { data } = command;
    let place = data.display();
    if !data.is_dir() {
        return Err(Failure::usage(
            "There is no data folder here.",
            "Give the server's folder by --data.",
        )
        .at(place.to_string()));
    }
    ask::confirm(session, &format!("Add a new encryption key in {place}?"), "No key was added.")?;
    crate::keys::rotate(data).map_err(anyhow::Error::from)?;
    session
        .out
        .print(&format!("A new encryption key is in {place}. Start the server again to use it."))
}
