//! What goes wrong, for the person at the terminal: what happened, where, and
//! what to type next. Never a secret: the place is a path or an address
//! without its query.
use std::{fmt, io, path::Path};

use serde_json::{Value, json};

use super::{
    Paint, put,
    value::{self, clean, list, text},
};
use crate::{cli::exit::Exit, keys::KeysError, refused::Refused};
use venn_store::StoreError;

/// Longest part of an answer that is not ours, shown as it is.
const FOREIGN_CHARS: usize = 300;

/// Why a command ends without having done what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit.
    pub(crate) exit: Exit,
    // Boxed, because every result of the command line carries one.
    told: Box<Told>,
}

/// What is told about a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Told {
    what: String,
    place: Option<String>,
    problems: Vec<String>,
    next_step: String,
    code: Option<String>,
    document: Option<String>,
}

impl Failure {
    /// A failure with what to do next.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, next_step: impl Into<String>) -> Self {
        let (what, next_step) = (what.into(), next_step.into());
        Self { exit, told: Box::new(Told { what, next_step, ..Told::default() }) }
    }

    /// The command makes no sense as it was typed.
    pub(crate) fn usage(what: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, next_step)
    }

    /// Something that nobody foresaw.
    pub(crate) fn unexpected(what: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, what, "Try again; if it stays, report it with this text.")
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &Path, verb: &str, error: &io::Error) -> Self {
        let exit =
            if error.kind() == io::ErrorKind::NotFound { Exit::Usage } else { Exit::Unexpected };
        Self::new(
            exit,
            format!("A file cannot be {verb}: {error}."),
            "Check the path and its permissions.",
        )
        .at(path.display().to_string())
    }

    /// The person said no.
    pub(crate) fn cancelled(what: impl Into<String>) -> Self {
        Self::new(
            Exit::Cancelled,
            what,
            "Nothing to do; run the command again to change your mind.",
        )
    }

    /// What happened, in one sentence.
    pub(crate) fn is_problem(&self, code: &str) -> bool {
        self.told.code.as_deref() == Some(code)
    }

    /// What happened.
    pub(crate) fn what(&self) -> &str {
        &self.told.what
    }

    /// What to do or type next.
    pub(crate) fn next_step(&self) -> &str {
        &self.told.next_step
    }

    /// Where it happened.
    #[must_use]
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.told.place = Some(place.into());
        self
    }

    /// Adds problems, each with its place.
    #[must_use]
    pub(crate) fn with_problems(mut self, problems: impl IntoIterator<Item = String>) -> Self {
        self.told.problems.extend(problems);
        self
    }

    /// From the API's answer: a problem document, or something foreign.
    pub(crate) fn of_answer(place: String, status: u16, body: &str) -> Self {
        let document: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let code = value::raw(&document, "code");
        if code.is_empty() {
            let shown: String = clean(body.trim()).chars().take(FOREIGN_CHARS).collect();
            return Self::new(
                Exit::of_problem(status, ""),
                format!("The answer ({status}) is not one of Venn's: {shown}"),
                "Check that --server is the address of a Venn server, without a path.",
            )
            .at(place);
        }
        let problem = |problem: &Value| {
            format!(
                "{}: {} → {}",
                text(problem, "place"),
                text(problem, "reason"),
                text(problem, "next_step")
            )
        };
        let told = Told {
            what: text(&document, "detail"),
            place: Some(place),
            problems: list(&document, "problems").iter().map(problem).collect(),
            next_step: command_for(code)
                .map_or_else(|| text(&document, "next_step"), str::to_owned),
            code: Some(clean(code)),
            document: Some(body.to_owned()),
        };
        Self { exit: Exit::of_problem(status, code), told: Box::new(told) }
    }

    /// The problem document for `--json`: the API's as it came, else one of the
    /// same shape, without a status.
    pub(crate) fn document(&self) -> String {
        self.told.document.clone().unwrap_or_else(|| self.own_document().to_string())
    }

    fn own_document(&self) -> Value {
        let told = &self.told;
        let place = told.place.as_deref().unwrap_or_default();
        let problem = |text: &String| {
            let (at, rest) = text.split_once(": ").unwrap_or((place, text));
            let (reason, next_step) = rest.split_once(" → ").unwrap_or((rest, ""));
            json!({ "place": at, "reason": reason, "next_step": next_step })
        };
        json!({
            "type": format!("urn:venn:exit:{}", self.exit.name()),
            "title": self.exit.words(),
            "status": null,
            "code": self.exit.name(),
            "detail": told.what,
            "owner": "caller",
            "next_step": told.next_step,
            "problems": told.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }

    /// The whole text for stderr.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let told = &self.told;
        let mut out = format!("{} {}\n", paint.red("error:"), told.what);
        if let Some(place) = &told.place {
            put!(out, "  {} {place}\n", paint.dim("where:"));
        }
        for problem in &told.problems {
            put!(out, "  {} {problem}\n", paint.red("-"));
        }
        if !told.next_step.is_empty() {
            put!(out, "  {} {}\n", paint.dim("next:"), told.next_step);
        }
        if let Some(code) = &told.code {
            put!(out, "  {} {code}\n", paint.dim("code:"));
        }
        out
    }
}

/// Where the API says what to send, the command line says what to type.
fn command_for(code: &str) -> Option<&'static str> {
    match code {
        "unauthenticated" => {
            Some("`venn login --server URL` keeps a new token; or set VENN_TOKEN.")
        }
        "not-found" => {
            Some("Check the id or name; `venn whoami` shows the organization that you act for.")
        }
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Paint(false)).trim_end())
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        error.chain().find_map(known).unwrap_or_else(|| Self::unexpected(format!("{error:#}")))
    }
}

/// What a person can mend on the server's own machine.
fn known(error: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(Refused { what, place, next_step }) = error.downcast_ref::<Refused>() {
        return Some(Failure::new(Exit::Refused, what, next_step).at(place));
    }
    if let Some(error) = error.downcast_ref::<KeysError>() {
        return match error {
            KeysError::Random(_) | KeysError::Store(_) | KeysError::File { .. } => None,
            KeysError::BadVariable | KeysError::NotRotatable => Some(two(Exit::Usage, error)),
            _ => Some(two(Exit::Refused, error)),
        };
    }
    let error = error.downcast_ref::<StoreError>()?;
    match error {
        StoreError::Connect { place, source } => {
            // The driver's text has its cause already.
            let exit = if error.is_answered() { Exit::Refused } else { Exit::Unreachable };
            let what = format!("The database cannot be connected to: {source}.");
            let next = "Check that it runs, and that user, password, database and TLS settings in VENN_DATABASE are right.";
            Some(Failure::new(exit, what, next).at(place))
        }
        StoreError::InUse
        | StoreError::Newer { .. }
        | StoreError::Foreign { .. }
        | StoreError::Damaged { .. }
        | StoreError::Locale { .. } => Some(two(Exit::Refused, error)),
        _ => None,
    }
}

/// An error for operators: what is wrong, a semicolon, and the next step.
fn two(exit: Exit, error: &dyn std::error::Error) -> Failure {
    let text = error.to_string();
    let (what, next) = text.split_once("; ").unwrap_or((&text, ""));
    Failure::new(exit, sentence(what), sentence(next))
}

fn sentence(text: &str) -> String {
    // A path that comes first stays as it is.
    if text.split(' ').next().is_some_and(|word| word.contains(['/', '.'])) {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    format!("{}{}.", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "POST http://127.0.0.1:8080/v1/organizations/acme/plugins/crm/releases";

    #[test]
    fn a_problem_document_is_rendered_with_every_problem_and_the_next_step() {
        let body = r#"{"type":"urn:venn:error:bad-manifest","title":"The manifest has problems.","status":422,
            "code":"bad-manifest","detail":"The manifest has 2 problems.","owner":"caller",
            "next_step":"Correct them and publish again.","problems":[
            {"place":"egress[0].host","reason":"`*` is not a host","next_step":"Write the exact host"},
            {"place":"version","reason":"it is \u001b[2Jmissing","next_step":"Write `version = \"0.1.0\"`"}]}"#;
        let failure = Failure::of_answer(PLACE.to_owned(), 422, body);
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(
            failure.render(Paint(false)),
            "error: The manifest has 2 problems.\n\
             \x20 where: POST http://127.0.0.1:8080/v1/organizations/acme/plugins/crm/releases\n\
             \x20 - egress[0].host: `*` is not a host → Write the exact host\n\
             \x20 - version: it is \\u{1b}[2Jmissing → Write `version = \"0.1.0\"`\n\
             \x20 next: Correct them and publish again.\n\
             \x20 code: bad-manifest\n"
        );
        assert_eq!(failure.document(), body);
    }

    #[test]
    fn an_invalid_token_says_what_to_type() {
        let body = r#"{"code":"unauthenticated","detail":"The token is not valid, or has expired.",
            "next_step":"Send `authorization: Bearer <token>`.","problems":[]}"#;
        let failure = Failure::of_answer("GET http://a/v1/me".to_owned(), 401, body);
        assert_eq!(
            failure.render(Paint(false)),
            "error: The token is not valid, or has expired.\n\
             \x20 where: GET http://a/v1/me\n\
             \x20 next: `venn login --server URL` keeps a new token; or set VENN_TOKEN.\n\
             \x20 code: unauthenticated\n"
        );
        assert_eq!(failure.exit.code(), 3);
    }

    #[test]
    fn an_answer_of_somebody_else_is_named_as_such_and_made_harmless() {
        let failure = Failure::of_answer(
            "GET http://a/v1/me".to_owned(),
            502,
            "<h1>\u{1b}]0;x\u{7}Bad</h1>\n",
        );
        assert_eq!(
            failure.render(Paint(false)),
            "error: The answer (502) is not one of Venn's: <h1>\\u{1b}]0;x\\u{7}Bad</h1>\n\
             \x20 where: GET http://a/v1/me\n\
             \x20 next: Check that --server is the address of a Venn server, without a path.\n"
        );
        assert_eq!(failure.exit, Exit::Unexpected);
    }

    #[test]
    fn what_the_command_line_found_itself_has_the_shape_of_the_apis_problem() {
        let failure = Failure::new(Exit::NotLoggedIn, "There is no login.", "`venn login`.")
            .with_problems(["a: b → c".to_owned(), "d".to_owned()])
            .at("here");
        let document: Value = serde_json::from_str(&failure.document()).unwrap_or_default();
        let expected = json!({
            "type": "urn:venn:exit:not-logged-in",
            "title": "there is no token, or it is not valid any more",
            "status": null, "code": "not-logged-in", "detail": "There is no login.",
            "owner": "caller", "next_step": "`venn login`.",
            "problems": [{ "place": "a", "reason": "b", "next_step": "c" },
                         { "place": "here", "reason": "d", "next_step": "" }],
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn colour_changes_no_word() {
        let failure = Failure::usage("No.", "Type it otherwise.")
            .at("here")
            .with_problems(["a: b → c".to_owned()]);
        let coloured = failure.render(Paint(true));
        assert_eq!(console::strip_ansi_codes(&coloured), failure.render(Paint(false)));
    }
}
