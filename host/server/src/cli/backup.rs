//! `venn backup`, `venn restore` and `venn migrate`: what an operator does with what
//! a server keeps, on the server's own machine.
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use venn_store::{Database, schema};

use super::{
    output::failure::Failure,
    session::Session,
    storage::{StorageArgs, block_on},
};
use crate::{backup, folder, installation};

/// Copies everything that a server keeps, also while it runs
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    storage: StorageArgs,
    /// Leave the key file out: it is kept elsewhere, and without it no credential can be read
    #[arg(long)]
    without_keys: bool,
    /// A folder that is empty or not there
    #[arg(value_name = "TO")]
    to: PathBuf,
}

/// Makes a data folder of a backup, after checking all of it
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup's folder
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The data folder to make: empty or not there
    #[arg(long, value_name = "DIR", default_value = ".venn", env = "VENN_DATA")]
    data: PathBuf,
}

/// Brings the database's schema up to date without serving; a start does it too
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    storage: StorageArgs,
    /// Say what would happen, and change nothing
    #[arg(long)]
    check: bool,
}

/// `venn backup`
pub(crate) fn backup(session: &Session, args: &BackupArgs) -> Result<(), Failure> {
    let data = args.storage.folder()?;
    if matches!(args.storage.database()?, Database::Postgres(_)) {
        return Err(Failure::usage(
            "The rows are in PostgreSQL, which has its own backup.",
            "`pg_dump --format=custom --file=venn.dump`, then copy the data folder, in this order: the runbook has each command.",
        ));
    }
    let made = block_on(backup::make(data, &args.to, !args.without_keys))??;
    done(session, "made", &made, &args.to)
}

/// `venn restore`
pub(crate) fn restore(session: &Session, args: &RestoreArgs) -> Result<(), Failure> {
    let restored = block_on(backup::restore(&args.from, &args.data))??;
    for left in &restored.removed {
        let left = left.display();
        session.out.note(&format!("Removed {left}, which a restore that was killed had left."));
    }
    done(session, "restored", &restored.manifest, &args.data)
}

fn done(
    session: &Session,
    verb: &str,
    manifest: &backup::Manifest,
    place: &Path,
) -> Result<(), Failure> {
    if session.out.json {
        return session
            .out
            .print(&serde_json::json!({ "folder": place, "backup": manifest }).to_string());
    }
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let keys = if manifest.keys { "with its keys" } else { "without keys" };
    session.out.print(&format!(
        "The backup of {} was {verb} in {}: {} files, {bytes} bytes, {keys}.",
        manifest.made_at,
        place.display(),
        manifest.files.len()
    ))
}

/// `venn migrate`: as a start, only where folder, database and keys belong together.
pub(crate) fn migrate(session: &Session, args: &MigrateArgs) -> Result<(), Failure> {
    let database = args.storage.database()?;
    let data = match database {
        Database::Embedded => args.storage.folder()?,
        Database::Postgres(_) => &args.storage.data,
    };
    folder::private();
    let found = block_on(async {
        installation::check(data, &database).await?;
        let versions = if args.check {
            schema::look(data, &database).await
        } else {
            // A server that runs has it up to date already, and must not be disturbed.
            let _lock = match database {
                Database::Embedded => Some(folder::lock(data)?),
                Database::Postgres(_) => None,
            };
            schema::migrate(data, &database).await
        };
        versions.with_context(|| format!("cannot migrate {}", database.place(data)))
    })??;
    if session.out.json {
        let answer = serde_json::json!({ "from": found.from, "to": found.to, "check": args.check });
        return session.out.print(&answer.to_string());
    }
    let (to, would) = (found.to, if args.check { "would be" } else { "was" });
    session.out.print(&match found.from {
        None => format!("The database is empty: schema {to} {would} made."),
        Some(from) if found.differ() => format!("Schema {from} {would} brought to {to}."),
        Some(_) => format!("The database has schema {to}: there is nothing to do."),
    })
}
