//! `venn runs`, `venn logs`, `venn replay`: what a plugin did, in what order,
//! and whether it does the same again.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Call,
    exit::Exit,
    input,
    output::{
        Paint,
        failure::Failure,
        put,
        table::{Column, Field},
        value::{at, clean, is_true, list, moment, raw, text},
    },
    session::{Page, Session},
};
use crate::api::run::ENDINGS;

/// Runs of plugins
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Lists runs
    List(ListArgs),
    /// Shows one run: how it ended, whose fault it was, what it called
    Show {
        /// The run's id
        run: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only of this install, by id or name
    #[arg(long, value_name = "INSTALL")]
    install: Option<String>,
    /// Only those that ended so
    #[arg(long, value_name = "ENDING", value_parser = ENDINGS)]
    ending: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Shows what a run logged
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The run's id
    run: String,
    /// The transcript: ending, calls of the contract, effects, log and usage
    #[arg(long)]
    transcript: bool,
}

/// Runs a recorded run again, without network, and compares
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The run's id
    run: String,
}

const RUNS: &[Column] = &[
    Column::whole("RUN", "id"),
    Column::state("ENDING", "ending"),
    Column::text("EVENT", "event_kind"),
    Column::text("VERDICT", "verdict.class"),
    Column::text("SUMMARY", "summary"),
    Column::moment("STARTED", "started_at"),
];

const RUN: &[Field] = &[
    Field::whole("Id", "id"),
    Field::state("Ending", "ending"),
    Field::text("Summary", "summary"),
    Field::text("Event", "event_kind"),
    Field::text("Subject", "subject"),
    Field::whole("Install", "install"),
    Field::text("Version", "version"),
    Field::whole("Delivery", "delivery"),
    Field::number("Step", "step"),
    Field::number("Attempt", "attempt"),
    Field::number("Denials", "denials"),
    Field::number("Effects dropped", "effects_dropped"),
    Field::text("Overtaken", "overtaken"),
    Field::number("Accounts added", "accounts_added"),
    Field::number("Accounts changed", "accounts_changed"),
    Field::number("Accounts unchanged", "accounts_unchanged"),
    Field::number("Accounts removed", "accounts_removed"),
    Field::number("CPU, µs", "usage.cpu_us"),
    Field::number("Wall, µs", "usage.wall_us"),
    Field::number("Memory, bytes", "usage.memory_bytes"),
    Field::whole("Trace", "trace_id"),
    Field::moment("Started", "started_at"),
    Field::moment("Ended", "ended_at"),
];

const VERDICT: &[Field] = &[
    Field::text("Where it lies", "class"),
    Field::text("What sort", "kind"),
    Field::text("Owner", "owner"),
    Field::text("To fix", "field"),
    Field::text("The plugin says", "claimed_class"),
    Field::text("Tried again", "retryable"),
];

const CALLS: &[Column] = &[
    Column::text("CALL", "call"),
    Column::text("TARGET", "target"),
    Column::state("RESULT", "result.result"),
    Column::text("STATUS", "result.status"),
];

/// `venn runs`
pub(crate) fn run(session: &Session, args: &RunsArgs) -> Result<(), Failure> {
    match &args.command {
        None => list_runs(session, &args.list),
        Some(RunsCommand::List(args)) => list_runs(session, args),
        Some(RunsCommand::Show { run }) => {
            let reply = session.get(&["organizations", session.org()?, "runs", run])?;
            session.show(&reply, |run| render(session, run))
        }
    }
}

fn list_runs(session: &Session, args: &ListArgs) -> Result<(), Failure> {
    let install = args.install.as_ref().map(|name| input::install(session, name)).transpose()?;
    let segments = ["organizations", session.org()?, "runs"];
    let call = Call::new(Method::GET, &segments)
        .with("install", install)
        .with("ending", args.ending.as_ref());
    session.listing(&call, &args.page, RUNS, "No runs.")
}

fn render(session: &Session, run: &Value) -> String {
    let mut out = session.out.fields(run, RUN);
    if let Some(verdict) = run.get("verdict").filter(|verdict| !verdict.is_null()) {
        put!(
            out,
            "\n{}\n{}",
            session.out.paint.bold("Verdict"),
            session.out.fields(verdict, VERDICT)
        );
        for evidence in list(verdict, "evidence") {
            let line = evidence.as_str().map_or_else(|| text(evidence, ""), clean);
            put!(out, "  - {line}\n");
        }
    }
    let calls = list(run, "calls");
    if !calls.is_empty() {
        put!(out, "\n{}", session.out.table(calls, CALLS));
    }
    out += &denied(calls, session.out.paint);
    let id = text(run, "id");
    put!(out, "\nNext: `venn logs {id}` or `venn replay {id}`\n");
    out
}

/// What was denied, why, and who can change that; each denial once.
fn denied(calls: &[Value], paint: Paint) -> String {
    let mut told: Vec<(String, u64)> = Vec::new();
    for call in calls.iter().filter(|call| raw(call, "result.result") == "denied") {
        let denial = at(call, "result.denial");
        let line = format!(
            "{}, {}: {}\n    {}",
            text(denial, "capability"),
            text(denial, "what"),
            text(denial, "why"),
            who_can_change_it(denial)
        );
        match told.iter_mut().find(|(known, _)| *known == line) {
            Some((_, times)) => *times += 1,
            None => told.push((line, 1)),
        }
    }
    let mut out = String::new();
    for (line, times) in told {
        if out.is_empty() {
            put!(out, "\n{}\n", paint.bold("Denied"));
        }
        let often = if times > 1 { format!(" ({times} times)") } else { String::new() };
        put!(out, "  - {line}{often}\n");
    }
    out
}

fn who_can_change_it(denial: &Value) -> String {
    match raw(denial, "who_can_change_it") {
        "customer-admin" => {
            format!("An admin of the customer can change it: {}.", customer(denial))
        }
        "data-owner" => {
            "The partner can change it: `venn partner rules`, typed by an admin there.".to_owned()
        }
        "platform-admin" => "The platform's admin can change it, for the plugin.".to_owned(),
        "publisher" => "The publisher can change it, in the plugin's next release.".to_owned(),
        "" => "Nobody can change it.".to_owned(),
        other => format!("{} can change it.", clean(other)),
    }
}

/// Where a customer's admin changes what was denied.
fn customer(denial: &Value) -> String {
    let (what, why) = (raw(denial, "what"), raw(denial, "why"));
    if what.starts_with("connection ") {
        return "`venn connections list` says what is wrong with it, `venn inbox` what to type"
            .to_owned();
    }
    let of_config = ["the customer has not said in ", "the customer says in "];
    if of_config.iter().any(|words| why.starts_with(words)) {
        return "`venn installs config`".to_owned();
    }
    "`venn installs grant`".to_owned()
}

/// `venn logs`
pub(crate) fn logs(session: &Session, args: &LogsArgs) -> Result<(), Failure> {
    let what = if args.transcript { "transcript" } else { "log" };
    let reply = session.get(&["organizations", session.org()?, "runs", &args.run, what])?;
    if args.transcript {
        // A transcript is text: as JSON it is one string.
        let text =
            if session.out.json { json!(reply.text).to_string() } else { clean(&reply.text) };
        return session.out.print(&text);
    }
    session.show(&reply, |log| {
        let lines = list(log, "items");
        if lines.is_empty() {
            "The run logged nothing.".to_owned()
        } else {
            render_log(lines, session.out.paint)
        }
    })
}

fn render_log(lines: &[Value], paint: Paint) -> String {
    let mut out = String::new();
    for line in lines {
        let level = format!("{:<5}", text(line, "level"));
        let level = match level.trim_end() {
            "error" | "panic" => paint.red(&level),
            "warn" => paint.yellow(&level),
            _ => paint.dim(&level),
        };
        put!(out, "{}  {level}  {}\n", moment(line, "at"), text(line, "message"));
    }
    out
}

/// `venn replay`: a difference is an exit of its own.
pub(crate) fn replay(session: &Session, args: &ReplayArgs) -> Result<(), Failure> {
    let reply = session
        .post(&["organizations", session.org()?, "runs", &args.run, "replay"], &json!({}))?;
    session.show(&reply, |replay| render_replay(replay, session.out.paint))?;
    if raw(&reply.value, "result") == "same" || is_true(&reply.value, "same") {
        return Ok(());
    }
    let next = format!("`venn logs {} --transcript` shows what was recorded.", args.run);
    Err(Failure::new(Exit::Differs, "The replay differs from the recorded run.", next)
        .at(args.run.clone()))
}

fn render_replay(replay: &Value, paint: Paint) -> String {
    let mut out = match raw(replay, "result") {
        "same" => paint.green("The replay ended as the recorded run did."),
        "diverged" => paint
            .red(&format!("The replay took another way at host call {}.", text(replay, "at_call"))),
        _ => paint.red("The replay made the same calls, but ended otherwise."),
    };
    if raw(replay, "result") != "same" && !raw(replay, "text").is_empty() {
        put!(out, "\n{}", clean(raw(replay, "text")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_one_line_a_record_whatever_the_plugin_wrote() {
        let lines = [
            json!({"at": "2025-11-24T16:00:00.123456Z", "level": "info", "message": "made 3 tasks"}),
            json!({"at": "2025-11-24T16:00:01.000000Z", "level": "panic", "message": "a\nb\u{1b}[31m"}),
        ];
        assert_eq!(
            render_log(&lines, Paint(false)),
            "2025-11-24 16:00:00  info   made 3 tasks\n\
             2025-11-24 16:00:01  panic  a b\\u{1b}[31m\n"
        );
    }

    #[test]
    fn a_denied_call_says_what_was_denied_and_who_can_change_it() {
        let denial = |who: &str| {
            json!({"call": "http.send", "result": {"result": "denied", "capability": "http:egress",
            "denial": {"capability": "http:egress", "what": "GET https://api.example.com/x",
                       "why": "the host is not granted", "who_can_change_it": who}}})
        };
        let ok = json!({"call": "state.get", "result": {"result": "ok"}});
        let calls = [ok, denial("customer-admin"), denial("publisher"), denial("customer-admin")];
        assert_eq!(
            denied(&calls, Paint(false)),
            "\nDenied\n  \
             - http:egress, GET https://api.example.com/x: the host is not granted\n    \
             An admin of the customer can change it: `venn installs grant`. (2 times)\n  \
             - http:egress, GET https://api.example.com/x: the host is not granted\n    \
             The publisher can change it, in the plugin's next release.\n"
        );
        assert_eq!(denied(&calls[..1], Paint(false)), "");
        let next = |what: &str, why: &str| customer(&json!({ "what": what, "why": why }));
        assert!(
            next("connection robot", "the service refused it").contains("`venn connections list`")
        );
        let why = "the customer says in `instance` that the host is acme2.crm.example";
        assert_eq!(next("GET https://acme.crm.example/x", why), "`venn installs config`");
        assert_eq!(
            next("field their-name", "the customer did not grant it"),
            "`venn installs grant`"
        );
    }

    #[test]
    fn a_replay_says_where_it_went_another_way() {
        let diverged = json!({"result": "diverged", "at_call": 4, "text": "recorded GET, now POST", "ending": null});
        assert_eq!(
            render_replay(&diverged, Paint(false)),
            "The replay took another way at host call 4.\nrecorded GET, now POST"
        );
    }
}
