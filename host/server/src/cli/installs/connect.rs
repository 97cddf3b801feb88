//! `venn installs connect`: first the link to the service's page, then the word that the
//! page showed to who said yes there.
use clap::Args;
use serde_json::json;

use super::super::{
    input,
    output::{failure::Failure, value::text},
    session::Session,
};

/// Connects an install at a service's page
#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The install's id or name
    install: String,
    /// The plugin's name of the connection, for example `crm`
    connection: String,
    /// What the connection is to be called
    #[arg(long, value_name = "NAME", conflicts_with = "word")]
    name: Option<String>,
    /// The word that the page showed
    #[arg(long, value_name = "WORD")]
    word: Option<String>,
}

pub(super) fn run(session: &Session, org: &str, args: &ConnectArgs) -> Result<(), Failure> {
    let ConnectArgs { install, connection, name, word } = args;
    let id = input::install(session, install)?;
    let begin = ["organizations", org, "installs", &id, "connections", connection, "connect"];
    let Some(word) = word else {
        let reply = session.post(&begin, &json!({ "connection_name": name }))?;
        return session.show(&reply, |link| {
            format!(
                "Open this in a browser and say yes there; it is for nobody else:\n\n  {}\n\nThe page \
                 then shows a word: venn installs connect {install} {connection} --word WORD",
                text(link, "url")
            )
        });
    };
    let finish: Vec<&str> = begin.into_iter().chain(["finish"]).collect();
    let reply = session.post(&finish, &json!({ "word": word }))?;
    session.show(&reply, |made| {
        format!("{connection} of {install} is connected: {}.", text(made, "name"))
    })
}
