//! `venn audit`: who changed or read what; the whole of it as a file; and
//! whether it is what was written, against the server or from the file alone.
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use reqwest::Method;
use venn_domain::{
    audit::{Broken, Head, Link, Walk},
    count::counted,
    time::{EXAMPLE, Timestamp},
};

use super::{
    client::Call,
    credentials,
    exit::Exit,
    input,
    output::{
        failure::Failure,
        table::Column,
        value::{is_true, number, raw, text},
    },
    session::{Page, Session},
};

/// Shows who changed or read what
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// Only what this user, install or organization did, by id; a member also by
    /// e-mail address (`venn orgs members` has the ids)
    #[arg(long, value_name = "ID|E-MAIL")]
    actor: Option<String>,
    /// Only actions that start so, for example grant
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,
    /// Only what is about this, by id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Not earlier, for example 2026-11-22T00:00:00Z (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// Earlier than this (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Writes all of it as JSON lines, oldest first
    Export {
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks that nothing was changed, removed, inserted or reordered
    Verify {
        /// An exported file, without the server
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A head that you know from earlier: nothing after it was cut off or replaced
        #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
        head: Option<Head>,
    },
}

/// As it was typed, if it is a time.
fn time(text: &str) -> Result<String, String> {
    match Timestamp::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("expected a time as in {EXAMPLE} (RFC 3339)")),
    }
}

fn head(text: &str) -> Result<Head, String> {
    text.parse().map_err(str::to_owned)
}

const AUDIT: &[Column] = &[
    Column::number("SEQ", "seq"),
    Column::moment("AT", "at"),
    Column::text("ACTION", "action"),
    Column::text("ACTOR", "actor"),
    Column::text("SUBJECT", "subject"),
    Column::text("DETAIL", "detail"),
];

/// `venn audit`
pub(crate) fn run(session: &Session, args: &AuditArgs) -> Result<(), Failure> {
    match &args.command {
        None => {
            let actor = args.actor.as_ref().map(|who| input::member(session, who)).transpose()?;
            let segments = ["organizations", session.org()?, "audit"];
            let call = Call::new(Method::GET, &segments)
                .with("actor", actor)
                .with("action", args.action.as_ref())
                .with("subject", args.subject.as_ref())
                .with("from", args.from.as_ref())
                .with("to", args.to.as_ref());
            session.listing(&call, &args.page, AUDIT, "The audit has no such entries.")
        }
        Some(AuditCommand::Export { out }) => export(session, out),
        Some(AuditCommand::Verify { file: Some(file), head }) => {
            of_file(session, file, head.clone())
        }
        Some(AuditCommand::Verify { file: None, head }) => of_server(session, head.as_ref()),
    }
}

fn export(session: &Session, out: &Path) -> Result<(), Failure> {
    let reply = session.get(&["organizations", session.org()?, "audit", "export"])?;
    credentials::write_private(out, reply.text.as_bytes())?;
    let entries = counted(reply.text.lines().count() as u64, "entry", "entries");
    session.out.note(&format!("Written to {}: {entries}.", out.display()));
    of_file(session, out, None)
}

fn of_server(session: &Session, known: Option<&Head>) -> Result<(), Failure> {
    let segments = ["organizations", session.org()?, "audit", "verify"];
    let call = Call::new(Method::GET, &segments).with("head", known);
    let reply = session.call(&call, &super::client::Send::Nothing)?;
    let found = &reply.value;
    if !is_true(found, "whole") {
        if session.out.json {
            session.show(&reply, |_| String::new())?;
        }
        let broken = Broken {
            seq: number(found, "broken.seq"),
            id: raw(found, "broken.id").to_owned(),
            why: text(found, "broken.why"),
        };
        return Err(failure(&broken));
    }
    session.show(&reply, |found| {
        whole(&Head { seq: number(found, "head.seq"), hash: raw(found, "head.hash").to_owned() })
    })
}

fn of_file(session: &Session, path: &Path, known: Option<Head>) -> Result<(), Failure> {
    let read = |error: std::io::Error| Failure::file(path, "read", &error);
    let file = BufReader::new(File::open(path).map_err(read)?);
    let place = |number: usize| format!("{}, line {number}", path.display());
    let mut walk = Walk::knowing(known);
    for (number, row) in (1..).zip(file.lines()) {
        let row = row.map_err(read)?;
        let link: Link = serde_json::from_str(&row).map_err(|error| {
            Failure::new(
                Exit::Refused,
                format!("This is no entry of an exported audit: {error}."),
                "Give a file that `venn audit export` wrote.",
            )
            .at(place(number))
        })?;
        walk.step(&link).map_err(|broken| failure(&broken).at(place(number)))?;
    }
    let head = walk.finish().map_err(|broken| failure(&broken).at(path.display().to_string()))?;
    if session.out.json {
        let document = serde_json::json!({ "whole": true, "head": head, "broken": null });
        return session.out.print(&document.to_string());
    }
    session.out.print(&whole(&head))
}

fn whole(head: &Head) -> String {
    format!(
        "The audit is whole: {}.\nIts head, to keep elsewhere and to compare (--head):\n  {head}\n",
        counted(head.seq, "entry", "entries")
    )
}

fn failure(broken: &Broken) -> Failure {
    let which = if broken.id.is_empty() { String::new() } else { format!(" ({})", broken.id) };
    Failure::new(
        Exit::Refused,
        format!("The audit is not what was written. Entry {}{which}: {}.", broken.seq, broken.why),
        "Keep the file and the database as they are, and tell the platform's admin.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_is_named() {
        let broken = Broken { seq: 7, id: "aud_1".to_owned(), why: "it was changed".to_owned() };
        assert_eq!(
            failure(&broken).to_string(),
            "error: The audit is not what was written. Entry 7 (aud_1): it was changed.\n  \
             next: Keep the file and the database as they are, and tell the platform's admin."
        );
    }
}
