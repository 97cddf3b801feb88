//! `venn connections`: credentials for third parties. A secret comes from stdin
//! or a file, is sent once, and is never shown again.
use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use venn_domain::manifest::ConnectionKind;

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

/// The kinds of which a person has the secret.
const KINDS: [&str; 3] = [
    ConnectionKind::ApiKey.name(),
    ConnectionKind::Basic.name(),
    ConnectionKind::ClientCredentials.name(),
];

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
        #[arg(long, value_name = "KIND", default_value = KINDS[0], value_parser = KINDS)]
        kind: String,
        #[command(flatten)]
        whose: Whose,
        /// Where the client's secret goes for tokens; of `client-credentials`
        #[arg(long, value_name = "URL")]
        token_endpoint: Option<String>,
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
        #[command(flatten)]
        whose: Whose,
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

/// Whose secret it is.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Whose password it is; of `basic`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Whose secret it is; of `client-credentials`
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
}

impl Whose {
    /// A body with whose secret it is.
    fn with(&self, body: &[(&str, &str)]) -> Value {
        let own = [("user", &self.user), ("client_id", &self.client_id)];
        let own = own.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let members = body.iter().copied().chain(own);
        members.map(|(name, value)| (name.to_owned(), json!(value))).collect()
    }
}

/// Where a new secret goes: to the host where it is used, or for tokens of that host.
fn kept(name: &str, id: &str, host: &str, token_endpoint: Option<&str>) -> String {
    match token_endpoint {
        Some(endpoint) => format!(
            "{name} ({id}) is kept: its secret goes to {endpoint} only, its tokens to {host} only."
        ),
        None => format!("{name} ({id}) is kept, for {host} only."),
    }
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
    Field::text("Tokens from", "token_endpoint"),
    Field::state("State", "state"),
    Field::text("Reason", "state_reason"),
    Field::moment("Token ends", "token_expires_at"),
    Field::moment("Since", "created_at"),
    Field::moment("Changed", "updated_at"),
];

/// `venn connections`
pub(crate) fn run(session: &Session, command: &ConnectionsCommand) -> Result<(), Failure> {
    let org = session.org()?;
    match command {
        ConnectionsCommand::Add { name, host, kind, whose, token_endpoint, secret_file } => {
            let secret = ask::secret(secret_file.as_deref(), "The secret")?;
            let mut body =
                vec![("name", name.as_str()), ("kind", kind), ("host", host), ("secret", &secret)];
            body.extend(token_endpoint.as_deref().map(|url| ("token_endpoint", url)));
            let body = whose.with(&body);
            let reply = session.post(&["organizations", org, "connections"], &body)?;
            session.show(&reply, |it| kept(name, &text(it, "id"), host, token_endpoint.as_deref()))
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
        ConnectionsCommand::Rotate { connection, whose, secret_file } => {
            let id = input::connection(session, connection)?;
            let secret = ask::secret(secret_file.as_deref(), "The new secret")?;
            let segments = ["organizations", org, "connections", &id, "secret"];
            let reply = session.put(&segments, &whose.with(&[("secret", &secret)]))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_where_a_secret_goes() {
        assert_eq!(
            kept("crm", "con_1", "api.example", None),
            "crm (con_1) is kept, for api.example only."
        );
        assert_eq!(
            kept("bot", "con_1", "api.example", Some("https://login.example/token")),
            "bot (con_1) is kept: its secret goes to https://login.example/token only, its tokens to \
             api.example only."
        );
    }
}
