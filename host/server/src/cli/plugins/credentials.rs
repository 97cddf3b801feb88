//! `venn plugins credentials`: a publisher's own credentials. A value comes from stdin or
//! a file, is sent once, and is never shown again.
use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use venn_store::publisher_credential::CredentialKind;

use super::super::{
    ask,
    client::Call,
    output::{
        failure::Failure,
        table::Column,
        value::{clean, raw, text},
    },
    session::{Page, Session},
};

const KINDS: [&str; 3] = [
    CredentialKind::OauthClient.name(),
    CredentialKind::BackendKey.name(),
    CredentialKind::WebhookSecret.name(),
];

/// The publisher's own credentials
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    /// Lists a plugin's credentials; never a value
    List {
        /// The plugin's name
        plugin: String,
        #[command(flatten)]
        page: Page,
    },
    /// Puts one; a value that was there ends at once
    Set {
        /// The plugin's name
        plugin: String,
        /// The connection's name in the manifest
        name: String,
        /// What it is
        #[arg(long, value_name = "KIND", value_parser = KINDS)]
        kind: String,
        /// The host to which it goes, and no other: the token endpoint's, or your backend's
        #[arg(long, value_name = "HOST", default_value = "")]
        host: String,
        /// The client id; of an `oauth-client`
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        /// File that holds the value
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Puts the next value; the present one is good for a while, too
    Rotate {
        /// The plugin's name
        plugin: String,
        /// The credential's name
        name: String,
        /// For how many seconds the present value is good; a day if not said
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
        /// File that holds the value
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Removes one with all its values
    Remove {
        /// The plugin's name
        plugin: String,
        /// The credential's name
        name: String,
    },
}

/// Kept, and whether anything uses it: a name or a host is mistyped easily.
fn kept(plugin: &str, name: &str, credential: &Value) -> String {
    let kept = format!("{name} of {plugin} is kept.");
    match raw(credential, "unused") {
        "" => kept,
        why => format!(
            "{kept}\nNothing uses it: {}. `venn plugins credentials remove {plugin} {name}` takes it away.",
            clean(why)
        ),
    }
}

const CREDENTIALS: &[Column] = &[
    Column::text("NAME", "name"),
    Column::text("KIND", "kind"),
    Column::text("HOST", "host"),
    Column::text("CLIENT", "client_id"),
    Column::text("UNUSED", "unused"),
    Column::moment("BOTH UNTIL", "previous_until"),
    Column::moment("CHANGED", "updated_at"),
];

/// `venn plugins credentials`
pub(crate) fn run(
    session: &Session,
    org: &str,
    command: &CredentialsCommand,
) -> Result<(), Failure> {
    match command {
        CredentialsCommand::List { plugin, page } => {
            let segments = ["organizations", org, "plugins", plugin, "credentials"];
            let empty = "No credentials. `venn plugins credentials set` puts one.";
            session.listing(&Call::new(Method::GET, &segments), page, CREDENTIALS, empty)
        }
        CredentialsCommand::Set { plugin, name, kind, host, client_id, secret_file } => {
            let secret = ask::secret(secret_file.as_deref(), "The value")?;
            let body = json!({
                "kind": kind, "host": host, "client_id": client_id, "secret": secret.as_str(),
            });
            let segments = ["organizations", org, "plugins", plugin, "credentials", name];
            let reply = session.put(&segments, &body)?;
            session.show(&reply, |it| kept(plugin, name, it))
        }
        CredentialsCommand::Rotate { plugin, name, overlap, secret_file } => {
            let secret = ask::secret(secret_file.as_deref(), "The next value")?;
            let body = json!({ "secret": secret.as_str(), "overlap_s": overlap });
            let segments = ["organizations", org, "plugins", plugin, "credentials", name, "rotate"];
            let reply = session.post(&segments, &body)?;
            session.show(&reply, |it| {
                let until = text(it, "previous_until");
                format!(
                    "{name} of {plugin} has a next value; the one before is good until {until}."
                )
            })
        }
        CredentialsCommand::Remove { plugin, name } => {
            let question = format!("Remove {name} of {plugin}? Its value is forgotten.");
            ask::confirm(session, &question, "It was not removed.")?;
            let segments = ["organizations", org, "plugins", plugin, "credentials", name];
            let reply = session.delete(&segments)?;
            session.show(&reply, |_| format!("{name} of {plugin} is removed."))
        }
    }
}
