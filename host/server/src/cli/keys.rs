//! `venn keys`: the server's own keys, on the machine where its data is.
use clap::Subcommand;

use super::{ask, output::failure::Failure, session::Session, storage::StorageArgs};

/// The server's own keys
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Adds a new encryption key; what is sealed from now on uses it
    Rotate(StorageArgs),
}

/// `venn keys`
pub(crate) fn run(session: &Session, command: &KeysCommand) -> Result<(), Failure> {
    let KeysCommand::Rotate(storage) = command;
    let (data, database) = (storage.folder()?, storage.database()?);
    let place = data.display();
    ask::confirm(session, &format!("Add a new encryption key in {place}?"), "No key was added.")?;
    crate::keys::rotate(data, database).map_err(anyhow::Error::from)?;
    session
        .out
        .print(&format!("A new encryption key is in {place}. Start the server again to use it."))
}
