//! `venn keys` and `venn admin-token`: the server's own keys, and the way in when
//! every token of the platform is lost; on the machine where its data is.
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use venn_domain::manifest::ConnectionKind;

use super::{
    ask,
    output::{failure::Failure, put},
    serve::{RandomIds, SystemClock},
    session::Session,
    storage::{StorageArgs, block_on},
};
use crate::installation;

/// The server's own keys
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Adds a new encryption key; what is sealed from now on uses it
    Rotate(StorageArgs),
    /// Makes new keys where the old ones are lost for good: stored credentials are lost
    /// with them, and you vouch for the database
    ReplaceLost(StorageArgs),
}

/// Makes a token for the platform's admin, where all of theirs are lost or ended
#[derive(Debug, Args)]
pub(crate) struct AdminTokenArgs {
    #[command(flatten)]
    storage: StorageArgs,
    /// Days until it expires, 1 to 365
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
}

/// `venn keys`
pub(crate) fn run(session: &Session, command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Rotate(storage) => rotate(session, storage),
        KeysCommand::ReplaceLost(storage) => replace_lost(session, storage),
    }
}

fn rotate(session: &Session, storage: &StorageArgs) -> Result<(), Failure> {
    let (data, database) = (storage.folder()?, storage.database()?);
    let place = data.display();
    // Who is asked can do it: what keeps a rotation from working is told before.
    crate::keys::unused(data).map_err(anyhow::Error::from)?;
    block_on(installation::check(data, &database))??;
    ask::confirm(session, &format!("Add a new encryption key in {place}?"), "No key was added.")?;
    let rotated = crate::keys::rotate(data, database).map_err(anyhow::Error::from)?;
    if session.out.json {
        return session
            .out
            .print(&json!({ "folder": data, "secrets": rotated.secrets }).to_string());
    }
    session
        .out
        .print(&format!("A new encryption key is in {place}. Start the server again to use it."))
}

fn replace_lost(session: &Session, storage: &StorageArgs) -> Result<(), Failure> {
    let (data, database) = (storage.folder()?, storage.database()?);
    let place = database.place(data);
    crate::keys::unused(data).map_err(anyhow::Error::from)?;
    ask::confirm(
        session,
        &format!(
            "Make new keys for {place}? Every stored credential is lost, and you vouch that nobody else changed its rows."
        ),
        "No key was made.",
    )?;
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds::default()));
    let replaced = block_on(installation::replace_lost_keys(data, &database, clock, ids))??;
    if session.out.json {
        let lost = &replaced.lost;
        let connections: Vec<_> = lost.connections.iter().map(|it| &it.id).collect();
        let credentials: Vec<_> = lost.credentials.iter().map(|it| &it.id).collect();
        let answer = json!({
            "folder": data, "connections": connections, "publisher_credentials": credentials,
            "second_factors": lost.second_factors, "releases": replaced.releases,
            "unsound_releases": replaced.unsound,
        });
        return session.out.print(&answer.to_string());
    }
    let mut text = format!("New keys are in {}: keep a copy.\n", crate::keys::place(data));
    put!(text, "Releases whose publisher's signature was verified anew: {}\n", replaced.releases);
    for release in &replaced.unsound {
        put!(text, "  {release} does not run: its signature is not its publisher's\n");
    }
    let lost = &replaced.lost;
    put!(text, "Connections that need their credential again: {}\n", lost.connections.len());
    for one in &lost.connections {
        let how = match one.kind {
            ConnectionKind::Oauth2 => "venn installs connect",
            _ => "venn connections rotate",
        };
        put!(text, "  {} of {} for {}: `{how}`\n", one.name, one.organization, one.host);
    }
    put!(text, "Publishers' credentials to put again: {}\n", lost.credentials.len());
    for one in &lost.credentials {
        let what = format!("{} of {} for {}", one.name, one.organization, one.host);
        put!(text, "  {what}: `venn plugins credentials set`\n");
    }
    put!(
        text,
        "People whose second factor takes recovery codes only, until they set it up anew: {}\n",
        lost.second_factors
    );
    put!(text, "Start the server.");
    session.out.print(&text)
}

/// `venn admin-token`
pub(crate) fn admin_token(session: &Session, args: &AdminTokenArgs) -> Result<(), Failure> {
    let (data, database) = (args.storage.folder()?, args.storage.database()?);
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds::default()));
    let made = installation::admin_token(data, &database, clock, ids, args.days);
    let (token, expires_at) = block_on(made)??;
    if session.out.json {
        return session.out.print(&json!({ "token": token, "expires_at": expires_at }).to_string());
    }
    session.out.print(&format!(
        "A token of the platform's admin, shown only this once, until {expires_at}:\n  {token}\nStart the server, then `venn login --server URL --profile platform` takes it on standard input."
    ))
}
