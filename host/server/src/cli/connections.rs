//! `venn connections`: credentials for third parties. A secret comes from stdin
//! or a file, is sent once, and is never shown again.
use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;
use venn_domain::manifest::ConnectionKind;
use venn_store::connection::kind_name;

use super::{
    ask,
    client::Call,
    input,
    output::{
        failure::Failure,
        table::{Column, Field},
        value::text,
    },
    session::{Page, Session},
};

/// The one kind that there is.
const API_KEY: &str = kind_name(ConnectionKind::ApiKey);

/// Credentials for third parties
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// Adds one; the secret comes from stdin or --secret-file
    Add {
        /// Its name
        name: String,
        /// The host at which it is used, and at no other
        #[arg(long, value_name = "HOST")]
        host: String,
        /// How it authenticates
        #[arg(long, value_name = "KIND", default_value = API_KEY, value_parser = [API_KEY])]
        kind: String,
        /// File that holds the secret
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Lists them; never a secret
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one; never its secret
    Show {
        /// The connection's id or name
        connection: String,
    },
    /// Replaces the secret, from stdin or --secret-file
    Rotate {
        /// The connection's id or name
        connection: String,
        /// File that holds the secret
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Removes one that no install uses
    Remove {
        /// The connection's id or name
        connection: String,
    },
}

const CONNECTIONS: &[Column] = &[
    Column::whole("CONNECTION", "id"),
    Column::text("NAME", "name"),
    Column::text("KIND", "kind"),
    Column::text("HOST", "host"),
    Column::state("STATE", "state"),
    Column::text("REASON", "state_reason"),
    Column::moment("CHANGED", "updated_at"),
];

const CONNECTION: &[Field] = &[
    Field::whole("Id", "id"),
    Field::text("Name", "name"),
    Field::text("Kind", "kind"),
    Field::text("Host", "host"),
    Field::state("State", "state"),
    Field::text("Reason", "state_reason"),
    Field::moment("Since", "created_at"),
    Field::moment("Changed", "updated_at"),
];

/// `venn connections`
pub(crate) fn run(session: &Session, command: &ConnectionsCommand) -> Result<(), Failure> {
    let org = session.org()?;
    match command {
        ConnectionsCommand::Add { name, host, kind, secret_file } => {
            let secret = ask::secret(secret_file.as_deref(), "The secret")?;
            let body =
                json!({ "name": name, "kind": kind, "host": host, "secret": secret.as_str() });
            let reply = session.post(&["organizations", org, "connections"], &body)?;
            session
                .show(&reply, |it| format!("{name} ({}) is kept, for {host} only.", text(it, "id")))
        }
        ConnectionsCommand::List { page } => {
            let segments = ["organizations", org, "connections"];
            let empty = "No connections. `venn connections add NAME --host HOST` makes one.";
            session.listing(&Call::new(Method::GET, &segments), page, CONNECTIONS, empty)
        }
        ConnectionsCommand::Show { connection } => {
            let id = input::connection(session, connection)?;
            let reply = session.get(&["organizations", org, "connections", &id])?;
            session.show(&reply, |connection| session.out.fields(connection, CONNECTION))
        }
        ConnectionsCommand::Rotate { connection, secret_file } => {
            let id = input::connection(session, connection)?;
            let secret = ask::secret(secret_file.as_deref(), "The new secret")?;
            let segments = ["organizations", org, "connections", &id, "secret"];
            let reply = session.put(&segments, &json!({ "secret": secret.as_str() }))?;
            session
                .show(&reply, |_| format!("{connection} has a new secret, from the next call on."))
        }
        ConnectionsCommand::Remove { connection } => {
            let id = input::connection(session, connection)?;
            let question = format!("Remove {connection} ({id})? Its secret is forgotten.");
            ask::confirm(session, &question, "It was not removed.")?;
            let reply = session.delete(&["organizations", org, "connections", &id])?;
            session.show(&reply, |_| format!("{connection} is removed."))
        }
    }
}
