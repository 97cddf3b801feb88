//! `venn sources`: installs that write accounts, how old those are, and a yes or
//! no before many of them go.
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ask,
    client::{Call, Reply},
    input,
    output::{
        failure::Failure,
        table::{Column, Field},
        value::{number, raw, text},
    },
    session::{Page, Session},
};

/// Live sources of accounts
#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// Lists sources
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one source: its newest sync, how old its accounts are
    Show {
        /// The install's id or name
        install: String,
    },
    /// Says yes to the removal of many accounts
    Confirm {
        /// The install's id or name
        install: String,
    },
    /// Says no: the accounts stay, until the source asks again
    Cancel {
        /// The install's id or name
        install: String,
    },
}

const SOURCES: &[Column] = &[
    Column::whole("INSTALL", "install"),
    Column::text("NAME", "install_name"),
    Column::text("PLUGIN", "plugin_name"),
    Column::state("STATE", "state"),
    Column::number("ACCOUNTS", "accounts"),
    Column::moment("AS OF", "synced_at"),
];

const SOURCE: &[Field] = &[
    Field::whole("Install", "install"),
    Field::text("Name", "install_name"),
    Field::text("Plugin", "plugin_name"),
    Field::state("State", "state"),
    Field::number("Accounts", "accounts"),
    Field::moment("As of", "synced_at"),
    Field::number("Age, s", "age_s"),
    Field::moment("Sync began", "started_at"),
    Field::moment("Sync ended", "ended_at"),
    Field::number("Added", "added"),
    Field::number("Changed", "changed"),
    Field::number("Unchanged", "unchanged"),
    Field::number("Removed", "removed"),
    Field::text("Question", "confirm.question"),
];

/// `venn sources`
pub(crate) fn run(session: &Session, command: &SourcesCommand) -> Result<(), Failure> {
    let org = session.org()?;
    match command {
        SourcesCommand::List { page } => {
            let empty = "No install writes accounts. `venn import FILE` brings a list.";
            let segments = ["organizations", org, "sources"];
            session.listing(&Call::new(Method::GET, &segments), page, SOURCES, empty)
        }
        SourcesCommand::Show { install } => show(session, &find(session, org, install)?),
        SourcesCommand::Confirm { install } => {
            let source = find(session, org, install)?.value;
            let question = match raw(&source, "confirm.question") {
                "" => "Shall what the source wants gone be removed?",
                question => question,
            };
            ask::confirm(session, question, "Nothing was removed; the question stays open.")?;
            let body = json!({ "removes": number(&source, "confirm.removes") });
            answer(session, org, &source, "confirm", &body)
        }
        SourcesCommand::Cancel { install } => {
            let source = find(session, org, install)?.value;
            answer(session, org, &source, "cancel", &json!({}))
        }
    }
}

fn find(session: &Session, org: &str, install: &str) -> Result<Reply, Failure> {
    session.get(&["organizations", org, "sources", &input::install(session, install)?])
}

fn answer(
    session: &Session,
    org: &str,
    source: &Value,
    verb: &str,
    body: &Value,
) -> Result<(), Failure> {
    let id = text(source, "install");
    show(session, &session.post(&["organizations", org, "sources", &id, verb], body)?)
}

fn show(session: &Session, reply: &Reply) -> Result<(), Failure> {
    session.show(reply, |source| session.out.fields(source, SOURCE))
}
