//! `venn erase`: an organization or a person goes, on the server's own machine and with
//! the server stopped.
use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::json;
use venn_domain::count::counted;

use super::{
    ask,
    output::{failure::Failure, put},
    serve::{RandomIds, SystemClock},
    session::Session,
    storage::{StorageArgs, block_on},
};
use crate::erasures::{self, Done, Whom};

/// Erases an organization or a person with everything of theirs
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    #[command(subcommand)]
    command: EraseCommand,
}

#[derive(Debug, Subcommand)]
enum EraseCommand {
    /// An organization: accounts, overlaps, installs, runs, people, audit
    Organization {
        /// Its slug or id
        organization: String,
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// A person: name, address and every way in; what they did stays under an id
    Person {
        /// The e-mail address or the id
        person: String,
        /// The organization, by slug or id
        #[arg(long, value_name = "ORG")]
        of: String,
        #[command(flatten)]
        storage: StorageArgs,
    },
    /// Everybody whom a list names: after a backup was restored that has them still
    Again {
        /// `erased.jsonl` of the data folder that the backup is older than
        list: PathBuf,
        #[command(flatten)]
        storage: StorageArgs,
    },
}

/// `venn erase`
pub(crate) fn run(session: &Session, args: &EraseArgs) -> Result<(), Failure> {
    match &args.command {
        EraseCommand::Organization { organization, storage } => {
            let whom = Whom::Organization(organization.clone());
            one(session, storage, organization, &whom)
        }
        EraseCommand::Person { person, of, storage } => {
            let whom = Whom::Person { organization: of.clone(), person: person.clone() };
            one(session, storage, person, &whom)
        }
        EraseCommand::Again { list, storage } => {
            let (data, database) = (storage.folder()?, storage.database()?);
            let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds::default()));
            told(session, &block_on(erasures::again(data, &database, clock, ids, list))??)
        }
    }
}

fn one(session: &Session, storage: &StorageArgs, named: &str, whom: &Whom) -> Result<(), Failure> {
    let (data, database) = (storage.folder()?, storage.database()?);
    let question = format!("Erase {named} with everything of it? This cannot be undone.");
    ask::confirm(session, &question, "Nothing was erased.")?;
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds::default()));
    told(session, &[block_on(erasures::erase(data, &database, clock, ids, whom))??])
}

fn told(session: &Session, all: &[Done]) -> Result<(), Failure> {
    if session.out.json {
        let all: Vec<_> =
            all.iter().map(|done| json!({ "erased": done.line, "rows": done.rows })).collect();
        return session.out.print(&json!(all).to_string());
    }
    let mut text = String::new();
    for done in all {
        let whom = done
            .line
            .person
            .as_ref()
            .map_or_else(|| done.line.organization.to_string(), ToString::to_string);
        let rows = done.rows.values().sum();
        put!(text, "{whom} is erased: {}\n", counted(rows, "row", "rows"));
        for (table, rows) in &done.rows {
            put!(text, "  {table} {rows}\n");
        }
    }
    put!(
        text,
        "{} erased. Keep `{}` apart from backups: one that is restored loses them again by `venn erase again`.",
        counted(all.len() as u64, "is", "are"),
        erasures::FILE
    );
    session.out.print(&text)
}
