//! `venn import`: an account list goes in as a whole, or not at all.
//!
//! The file is uploaded, read on the server, and applied. A replace that would
//! remove more than a fifth of the accounts is asked about first.
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Map, Value, json};
use venn_domain::{count::counted, limits};

use super::{
    ask,
    client::{Call, Reply, Send},
    exit::Exit,
    input,
    output::{
        Output,
        failure::Failure,
        put,
        table::{Column, Field},
        value::{list, number, raw, text},
    },
    session::Session,
};
use crate::api::import::TOO_LARGE_NEXT;

/// How often the server is asked how far it is: people see a bar move at four
/// steps a second, and a list of this size is read in seconds.
const POLL: Duration = Duration::from_millis(250);
/// Problems shown; `--json` has those that the server keeps.
const PROBLEMS_SHOWN: usize = 20;

/// Imports an account list
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The list, a CSV file
    file: PathBuf,
    /// What happens to accounts that are not in the list: `replace` removes them
    #[arg(long, value_enum)]
    mode: Mode,
    /// Which column is what, as JSON or @FILE; HubSpot and Salesforce exports need none
    #[arg(long, value_name = "JSON|@FILE")]
    columns: Option<String>,
    /// Which stage falls into which population: JSON, @FILE, or STAGE=POPULATION,…
    #[arg(long, value_name = "STAGE=POPULATION")]
    stages: Option<String>,
}

/// What an import does with accounts that are not in it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// The list is all there is: other accounts are removed
    Replace,
    /// Other accounts stay as they are
    Merge,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

const DONE: &[Field] = &[
    Field::state("State", "state"),
    Field::number("Rows read", "rows_read"),
    Field::number("Added", "added"),
    Field::number("Changed", "changed"),
    Field::number("Removed", "removed"),
    Field::number("Unchanged", "unchanged"),
    Field::number("Kept by a source", "kept_by_source"),
    Field::number("Rejected", "rows_rejected"),
    Field::text("Columns ignored", "ignored_columns"),
];

const PROBLEMS: &[Column] = &[
    Column::number("LINE", "line"),
    Column::text("COLUMN", "column"),
    Column::text("REASON", "reason"),
    Column::text("NEXT", "next_step"),
];

/// What to type where no column is known: the API says what to send.
const COLUMNS_NEXT: &str = "Say which column is which: --columns '{\"external_id\":\"Nr\",\"name\":\"Firma\",\"website\":\"Web\"}', with the names that the file has.";

/// `venn import`
pub(crate) fn run(session: &Session, args: &ImportArgs) -> Result<(), Failure> {
    let columns = args.columns.as_ref().map(|text| input::json(text, "--columns")).transpose()?;
    let stages = args.stages.as_ref().map(|text| read_stages(text)).transpose()?;
    if !args.file.is_file() {
        return Err(Failure::usage("There is no such file.", "Check the path.")
            .at(args.file.display().to_string()));
    }
    check_size(&args.file)?;
    let file_name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let org = session.org()?;
    let body = json!({ "mode": args.mode.name(), "file_name": file_name, "columns": columns, "stages": stages });
    let made = session.post(&["organizations", org, "imports"], &body)?;
    let id = raw(&made.value, "id").to_owned();
    upload(session, org, &id, args)?;
    let mut import = wait(session, org, &id)?;
    if raw(&import.value, "state") == "waiting-for-confirmation" {
        import = decide(session, org, &id, &import.value)?;
    }
    session.show(&import, |import| render(&session.out, import))?;
    ended(&import.value)
}

/// What the server would say after much of it was sent.
fn check_size(file: &Path) -> Result<(), Failure> {
    let found = fs::metadata(file).map_err(|error| Failure::file(file, "read", &error))?;
    let (bytes, most) = (found.len(), limits::IMPORT_FILE_BYTES);
    if bytes <= most {
        return Ok(());
    }
    let what = format!(
        "The file has {bytes} bytes, and a list may have {most} (limit `import.file`). Nothing was sent."
    );
    Err(Failure::new(Exit::Refused, what, TOO_LARGE_NEXT).at(file.display().to_string()))
}

fn read_stages(argument: &str) -> Result<Value, Failure> {
    if argument.starts_with(['{', '@']) {
        return input::json(argument, "--stages");
    }
    let pairs: Result<Map<String, Value>, String> = argument
        .split(',')
        .map(|part| input::pair(part).map(|(stage, key)| (stage, Value::String(key))))
        .collect();
    pairs.map(Value::Object).map_err(|reason| {
        Failure::usage(
            format!("--stages: {reason}."),
            "For example --stages 'VIP=key-accounts,Won=customers'.",
        )
    })
}

fn upload(session: &Session, org: &str, id: &str, args: &ImportArgs) -> Result<(), Failure> {
    let bar = session.out.bar(0, "uploading");
    let segments = ["organizations", org, "imports", id, "file"];
    let sent = session.call(&Call::new(Method::PUT, &segments), &Send::File(&args.file, &bar));
    bar.finish_and_clear();
    sent.map(|_| ())
}

/// Follows the import until it is over or asks something.
fn wait(session: &Session, org: &str, id: &str) -> Result<Reply, Failure> {
    let bar = session.out.bar(0, "reading");
    loop {
        let import = session.get(&["organizations", org, "imports", id])?;
        if !matches!(raw(&import.value, "state"), "waiting-for-file" | "reading" | "applying") {
            bar.finish_and_clear();
            return Ok(import);
        }
        show_progress(&bar, &import.value);
        thread::sleep(POLL);
    }
}

fn show_progress(bar: &ProgressBar, import: &Value) {
    bar.set_length(number(import, "file_bytes"));
    bar.set_position(number(import, "bytes_read"));
    bar.set_message(text(import, "state"));
}

fn decide(session: &Session, org: &str, id: &str, import: &Value) -> Result<Reply, Failure> {
    // The problems may be why so much would go: they are shown before the question.
    session.out.note(&problems(&session.out, import));
    let question = text(import, "confirm.question");
    if let Err(no) =
        ask::confirm(session, &question, "The import was cancelled; nothing was changed.")
    {
        session.post(&["organizations", org, "imports", id, "cancel"], &json!({}))?;
        return Err(no);
    }
    session.post(&["organizations", org, "imports", id, "confirm"], &json!({}))?;
    // The server takes the yes before it goes on: until then it still waits.
    loop {
        let import = wait(session, org, id)?;
        if raw(&import.value, "state") != "waiting-for-confirmation" {
            return Ok(import);
        }
        thread::sleep(POLL);
    }
}

/// Figures, what is not known, problems, and what it asks.
pub(super) fn render(out: &Output, import: &Value) -> String {
    let mut text_out = out.fields(import, DONE);
    for stage in list(import, "unknown_stages") {
        text_out += &unknown_stage(stage);
    }
    text_out += &problems(out, import);
    if !raw(import, "confirm.question").is_empty() {
        let (question, id) = (text(import, "confirm.question"), text(import, "id"));
        put!(
            text_out,
            "{question}\n  yes: `venn imports confirm {id}`   no: `venn imports cancel {id}`\n"
        );
    }
    text_out
}

fn unknown_stage(stage: &Value) -> String {
    let rows = number(stage, "rows");
    if raw(stage, "stage").trim().is_empty() {
        let without = counted(rows, "row has no stage and counts", "rows have no stage and count");
        return format!(
            "{without} as prospects. If another column is the stage, name it with --columns.\n"
        );
    }
    format!(
        "The stage `{}` ({}) is not known: it counts as a prospect. Map it with --stages.\n",
        text(stage, "stage"),
        counted(rows, "row", "rows")
    )
}

fn problems(out: &Output, import: &Value) -> String {
    let all = list(import, "problems");
    if all.is_empty() {
        return String::new();
    }
    let shown: Vec<Value> = all.iter().take(PROBLEMS_SHOWN).cloned().collect();
    let total = number(import, "problems_total");
    let mut text =
        format!("\n{}:\n{}", counted(total, "problem", "problems"), out.table(&shown, PROBLEMS));
    if total > shown.len() as u64 {
        put!(
            text,
            "… and {} more: --json lists those that are kept.\n",
            total - shown.len() as u64
        );
    }
    text
}

fn ended(import: &Value) -> Result<(), Failure> {
    let id = text(import, "id");
    match raw(import, "state") {
        "done" => Ok(()),
        "cancelled" => Err(Failure::cancelled("The import was cancelled; nothing was changed.")),
        _ => {
            let reason = [
                raw(import, "error.detail"),
                raw(import, "error.reason"),
                raw(import, "error.code"),
            ];
            let reason = reason
                .into_iter()
                .find(|reason| !reason.is_empty())
                .unwrap_or("no reason is known");
            let next = match raw(import, "error.code") {
                "unrecognised-columns" => COLUMNS_NEXT,
                _ => raw(import, "error.next_step"),
            };
            let next = [next, "Correct the file and import it again."];
            let next = next.into_iter().find(|next| !next.is_empty()).unwrap_or_default();
            Err(Failure::new(
                Exit::Refused,
                format!("The import failed, nothing was changed: {reason}"),
                next,
            )
            .at(id))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn stages_are_pairs_or_json() {
        let expected = json!({"VIP": "key-accounts", "Closed Won": "customers"});
        assert_eq!(read_stages("VIP=key-accounts,Closed Won=customers").unwrap(), expected);
        assert_eq!(
            read_stages(r#"{"VIP":"key-accounts","Closed Won":"customers"}"#).unwrap(),
            expected
        );
        assert_eq!(
            read_stages("VIP").unwrap_err().to_string(),
            "error: --stages: expected NAME=VALUE.\n  next: For example --stages 'VIP=key-accounts,Won=customers'."
        );
    }

    #[test]
    fn a_stage_that_is_not_known_is_told_with_its_rows_and_none_is_no_stage() {
        let told = |stage: &str, rows: u64| unknown_stage(&json!({"stage": stage, "rows": rows}));
        assert_eq!(
            told("Churned", 1),
            "The stage `Churned` (1 row) is not known: it counts as a prospect. Map it with --stages.\n"
        );
        assert_eq!(
            told("", 2),
            "2 rows have no stage and count as prospects. If another column is the stage, name it with --columns.\n"
        );
        assert!(told("", 1).starts_with("1 row has no stage and counts as prospects."));
    }

    #[test]
    fn an_import_that_failed_says_why_and_that_nothing_changed() {
        let import = json!({"id": "imp_1", "state": "failed", "error": {"code": "bad-list", "reason": "a quote is never closed", "next_step": "Close it."}});
        assert_eq!(
            ended(&import).unwrap_err().to_string(),
            "error: The import failed, nothing was changed: a quote is never closed\n  where: imp_1\n  next: Close it."
        );
        let unknown = json!({"id": "imp_1", "state": "failed", "error": {"code": "unrecognised-columns", "reason": "the columns aren't those of a known CRM export: \"Nr\"", "next_step": "Pass a column map."}});
        assert_eq!(
            ended(&unknown).unwrap_err().next_step(),
            r#"Say which column is which: --columns '{"external_id":"Nr","name":"Firma","website":"Web"}', with the names that the file has."#
        );
        assert_eq!(ended(&json!({"state": "cancelled"})).unwrap_err().exit, Exit::Cancelled);
        assert_eq!(ended(&json!({"state": "done"})), Ok(()));
    }
}
