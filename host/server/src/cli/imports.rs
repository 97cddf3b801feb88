//! `venn imports`: imports that are under way, waiting or over.
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    client::Call,
    import,
    output::{failure::Failure, table::Column},
    session::{Page, Session},
};

/// Imports so far, and those that wait for a yes
#[derive(Debug, Subcommand)]
pub(crate) enum ImportsCommand {
    /// Lists imports
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows one: figures, problems, and what it asks
    Show {
        /// Its id
        import: String,
    },
    /// Says yes to an import that waits for it
    Confirm {
        /// Its id
        import: String,
    },
    /// Drops an import that is not applied yet
    Cancel {
        /// Its id
        import: String,
    },
}

const IMPORTS: &[Column] = &[
    Column::whole("IMPORT", "id"),
    Column::state("STATE", "state"),
    Column::text("MODE", "mode"),
    Column::text("FILE", "file_name"),
    Column::number("ADDED", "added"),
    Column::number("CHANGED", "changed"),
    Column::number("REMOVED", "removed"),
    Column::number("REJECTED", "rows_rejected"),
    Column::moment("SINCE", "created_at"),
];

/// `venn imports`
pub(crate) fn run(session: &Session, command: &ImportsCommand) -> Result<(), Failure> {
    let org = session.org()?;
    let segments = ["organizations", org, "imports"];
    let reply = match command {
        ImportsCommand::List { page } => {
            let empty = "No imports. `venn import FILE --mode replace` brings a list in.";
            return session.listing(&Call::new(Method::GET, &segments), page, IMPORTS, empty);
        }
        ImportsCommand::Show { import } => {
            session.get(&["organizations", org, "imports", import])?
        }
        ImportsCommand::Confirm { import } => {
            session.post(&["organizations", org, "imports", import, "confirm"], &json!({}))?
        }
        ImportsCommand::Cancel { import } => {
            session.post(&["organizations", org, "imports", import, "cancel"], &json!({}))?
        }
    };
    session.show(&reply, |one| import::render(&session.out, one))
}
