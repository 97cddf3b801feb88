//! `venn doctor`: looks at everything that commonly keeps a command from
//! working, and says what to type. It changes nothing.
//!
//! To add a check: a function that returns [`Check`]s, a line in [`run`].
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Serialize;
use venn_domain::count::counted;

use super::{
    client::{Call, Send},
    credentials,
    exit::Exit,
    output::{
        Paint,
        failure::Failure,
        put,
        value::{raw, text},
    },
    session::Session,
    storage::{DatabaseArgs, block_on},
};
use crate::installation;
use venn_store::Database;

/// Looks for what keeps commands from working, and says what to type
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A server's data folder on this machine, to look at too
    #[arg(long, value_name = "DIR", env = "VENN_DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// A token that ends sooner is worth a word.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Clocks further apart make expiry and logs misleading.
const CLOCK_APART: SignedDuration = SignedDuration::from_secs(60);

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Note,
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    text: String,
    next_step: String,
}

impl Check {
    fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, state: State::Ok, text: text.into(), next_step: String::new() }
    }

    fn note(name: &'static str, text: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { name, state: State::Note, text: text.into(), next_step: next_step.into() }
    }

    fn broken(name: &'static str, failure: &Failure) -> Self {
        let (text, next_step) = (failure.what().to_owned(), failure.next_step().to_owned());
        Self { name, state: State::Broken, text, next_step }
    }
}

/// `venn doctor`
pub(crate) fn run(session: &Session, args: &DoctorArgs) -> Result<(), Failure> {
    let mut checks = vec![kept_logins()];
    checks.extend(server(session));
    let database = args.database.database()?;
    checks.extend(args.data.as_deref().map(|data| data_folder(data, &database)));
    checks.extend(tools());
    let broken = checks.iter().filter(|check| check.state == State::Broken).count();
    if session.out.json {
        session.out.print(&serde_json::json!({ "checks": checks }).to_string())?;
    } else {
        session.out.print(&render(&checks, session.out.paint))?;
    }
    if broken == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Differs,
        format!("{} failed.", counted(broken as u64, "check", "checks")),
        "Do what stands beside it, then `venn doctor` again.",
    ))
}

fn render(checks: &[Check], paint: Paint) -> String {
    let mut out = String::new();
    for check in checks {
        let mark = match check.state {
            State::Ok => paint.green("ok    "),
            State::Note => paint.yellow("note  "),
            State::Broken => paint.red("broken"),
        };
        put!(out, "{mark} {:<12} {}\n", check.name, check.text);
        if !check.next_step.is_empty() {
            put!(out, "       {:<12} → {}\n", "", check.next_step);
        }
    }
    out
}

fn kept_logins() -> Check {
    const NAME: &str = "logins";
    let kept = credentials::path().and_then(|path| credentials::read(&path));
    match kept {
        Err(failure) => Check::broken(NAME, &failure),
        Ok(kept) if kept.profiles.is_empty() => {
            Check::note(NAME, "None is kept.", "`venn login --server URL`, or set VENN_TOKEN.")
        }
        Ok(kept) => {
            let names: Vec<&str> = kept.profiles.keys().map(String::as_str).collect();
            Check::ok(NAME, format!("Kept: {}.", names.join(", ")))
        }
    }
}

/// The server and the token, as far as one leads to the other.
fn server(session: &Session) -> Vec<Check> {
    let client = match session.client() {
        Ok(client) => client,
        Err(failure) => return vec![Check::broken("login", &failure)],
    };
    let health = match client.health() {
        Ok(health) => health,
        Err(failure) => return vec![Check::broken("server", &failure)],
    };
    let address = client.server().origin().ascii_serialization();
    let mut checks = vec![if health.ready {
        Check::ok("server", format!("{address} answers, and so does its database."))
    } else {
        let next = "Look at its log: the store does not answer.";
        Check::broken(
            "server",
            &Failure::new(Exit::Unreachable, format!("{address} is not ready."), next),
        )
    }];
    checks.extend(health.date.map(|theirs| clock(theirs, Timestamp::now())));
    let me = client.call(&Call::new(Method::GET, &["me"]), &Send::Nothing);
    checks.push(match me {
        Err(failure) => Check::broken("token", &failure),
        Ok(me) => {
            let who = format!(
                "{}, {} of {}",
                text(&me.value, "user_name"),
                text(&me.value, "role"),
                text(&me.value, "organization_slug")
            );
            token(&who, raw(&me.value, "token_expires_at"), Timestamp::now())
        }
    });
    checks
}

fn clock(theirs: Timestamp, ours: Timestamp) -> Check {
    const NAME: &str = "clock";
    let apart = theirs.duration_since(ours).abs();
    if apart <= CLOCK_APART {
        return Check::ok(NAME, "The server's clock and this one agree.");
    }
    let text = format!("The server's clock and this one are {} s apart.", apart.as_secs());
    Check::note(NAME, text, "Set both by NTP: expiry and logs mislead otherwise.")
}

fn token(who: &str, expires_at: &str, now: Timestamp) -> Check {
    const NAME: &str = "token";
    let left = expires_at.parse::<Timestamp>().map(|end| end.duration_since(now));
    match left {
        Ok(left) if left < EXPIRES_SOON => Check::note(
            NAME,
            format!("{who}; it ends {}.", ends_in(left.as_hours())),
            "`venn orgs tokens --create NAME --scope …` makes the next one.",
        ),
        _ => Check::ok(NAME, format!("{who}.")),
    }
}

fn ends_in(hours: i64) -> String {
    let hours = u64::try_from(hours).unwrap_or(0);
    match hours / 24 {
        0 => format!("in {}", counted(hours, "hour", "hours")),
        days => format!("in {}", counted(days, "day", "days")),
    }
}

fn data_folder(data: &Path, database: &Database) -> Check {
    const NAME: &str = "data folder";
    let place = data.display();
    match data.metadata() {
        Err(error) => {
            let next = "Name the folder that `venn serve --data` has, or leave --data out.";
            let what = format!("{place} cannot be looked at: {error}.");
            Check::broken(NAME, &Failure::usage(what, next))
        }
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => Check::note(
            NAME,
            format!("Other users of this machine may look into {place}."),
            format!("`chmod 700 {place}`"),
        ),
        Ok(_) => match block_on(installation::check(data, database)) {
            Ok(Ok(found)) if found.begun => Check::ok(
                NAME,
                format!("{place} is yours alone, and belongs to {}.", database.place(data)),
            ),
            Ok(Ok(_)) => Check::note(
                NAME,
                format!("{place} is empty, and so is {}.", database.place(data)),
                "`venn serve` begins there.",
            ),
            Ok(Err(error)) => Check::broken(NAME, &error.into()),
            Err(failure) => Check::broken(NAME, &failure),
        },
    }
}

/// What plugins in each language are built with; none is needed to use Venn.
fn tools() -> Vec<Check> {
    [
        ("rust", "cargo", "https://rustup.rs"),
        ("typescript", "npm", "`sudo apt-get install nodejs npm`"),
        ("python", "python3", "`sudo apt-get install python3 python3-venv`"),
    ]
    .into_iter()
    .map(|(language, program, how)| match version(program) {
        Some(version) => Check::ok(language, format!("Plugins can be built: {program} {version}.")),
        None => Check::note(
            language,
            format!("{program} is not here."),
            format!("Only to build plugins in it: {how}"),
        ),
    })
    .collect()
}

/// The first word with a digit of what `--version` prints.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    said.split_whitespace()
        .find(|word| word.contains(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_that_ends_soon_and_clocks_that_differ_are_told() {
        let now = at("2025-11-24T16:00:00Z");
        assert_eq!(
            token("Ann, admin of acme", "2026-11-24T16:00:00Z", now),
            Check::ok("token", "Ann, admin of acme.")
        );
        assert_eq!(
            token("Ann, admin of acme", "2025-11-27T16:00:01Z", now),
            Check::note(
                "token",
                "Ann, admin of acme; it ends in 3 days.",
                "`venn orgs tokens --create NAME --scope …` makes the next one."
            )
        );
        let soon = [49, 25, 23, 1, -1].map(ends_in);
        assert_eq!(soon, ["in 2 days", "in 1 day", "in 23 hours", "in 1 hour", "in 0 hours"]);
        assert_eq!(clock(at("2025-11-24T16:00:59Z"), now).state, State::Ok);
        assert_eq!(
            clock(at("2025-11-24T15:58:00Z"), now).text,
            "The server's clock and this one are 120 s apart."
        );
    }

    #[test]
    fn a_data_folder_that_others_may_read_is_told_with_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let check = data_folder(folder.path(), &Database::Embedded);
        assert_eq!(check.next_step, format!("`chmod 700 {}`", folder.path().display()));
        assert_eq!(
            data_folder(&folder.path().join("none"), &Database::Embedded).state,
            State::Broken
        );
    }

    #[test]
    fn every_check_is_a_line_and_says_what_to_type() {
        let checks = [
            Check::ok("server", "It answers."),
            Check::broken("token", &Failure::usage("It is not valid.", "`venn login`")),
        ];
        assert_eq!(
            render(&checks, Paint(false)),
            "ok     server       It answers.\nbroken token        It is not valid.\n                    → `venn login`\n"
        );
    }
}
