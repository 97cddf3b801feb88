//! `venn installs ask`: what a person asks of an install, and what its plugin answers.
//!
//! An answer is the plugin's words: text is printed with control characters written out, and
//! anything else goes to a file or nowhere.
use std::{fs, path::PathBuf};

use clap::Args;
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use venn_domain::count::counted;

use super::super::{
    exit::Exit,
    input,
    marketplace::asked,
    output::{
        failure::Failure,
        value::{at, clean, list, raw, text},
    },
    session::Session,
};

/// Asks it for one of its actions, and waits a few seconds for the answer
///
/// `venn installs show` lists its actions. What takes longer goes on, and `venn deliveries show`
/// says how far it is.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The install's id or name
    install: String,
    /// The action's name
    action: String,
    /// What you have to say with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,
    /// A named value (repeatable)
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = input::pair)]
    input: Vec<(String, String)>,
    /// Where the answer goes, byte by byte, instead of being printed
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What may be asked of an install, for people; nothing where the API's document is printed.
pub(super) fn offered(session: &Session, org: &str, id: &str) -> Result<String, Failure> {
    if session.out.json {
        return Ok(String::new());
    }
    let reply = session.get(&["organizations", org, "installs", id, "actions"])?;
    Ok(asked(list(&reply.value, "actions"), session.out.paint))
}

/// `venn installs ask`
pub(super) fn ask(session: &Session, org: &str, args: &AskArgs) -> Result<(), Failure> {
    let id = input::install(session, &args.install)?;
    let values = args.input.iter().map(|(name, value)| (name.clone(), json!(value)));
    let body = json!({
        "action": args.action, "text": args.text, "input": values.collect::<Map<_, _>>(),
    });
    let reply = session.post(&["organizations", org, "installs", &id, "ask"], &body)?;
    let answer = answer(&reply.value)?;
    if let (Some(path), Some(answer)) = (&args.output, &answer) {
        fs::write(path, answer).map_err(|error| Failure::file(path, "written", &error))?;
    }
    session.show(&reply, |asked| match &answer {
        Some(answer) => told(raw(asked, "answer.content_type"), answer, args.output.is_some()),
        None => untold(asked),
    })?;
    match raw(&reply.value, "state") {
        "parked" | "dead" => {
            let delivery = text(&reply.value, "delivery");
            let next = format!("`venn deliveries show {delivery}` says why, and has its runs.");
            Err(Failure::new(Exit::Differs, "The plugin did not answer.", next))
        }
        _ => Ok(()),
    }
}

/// The bytes that the plugin answered; none if it did not.
fn answer(asked: &Value) -> Result<Option<Vec<u8>>, Failure> {
    if at(asked, "answer").is_null() {
        return Ok(None);
    }
    let bytes = BASE64.decode(raw(asked, "answer.body_base64").as_bytes());
    bytes.map(Some).map_err(|_| Failure::unexpected("The server's answer is no base64."))
}

/// An answer for the terminal.
fn told(kind: &str, answer: &[u8], is_kept: bool) -> String {
    let size = counted(answer.len() as u64, "byte", "bytes");
    let (kind, essence) = (clean(kind), kind.split(';').next().unwrap_or_default().trim());
    let is_text = essence.starts_with("text/") || essence == "application/json";
    match std::str::from_utf8(answer) {
        _ if is_kept => format!("It answered {size} of `{kind}`; they are in the file."),
        Ok(text) if is_text => clean(text),
        _ => format!("It answered {size} of `{kind}`. Ask with `--output FILE` to have them."),
    }
}

/// Where there is no answer, or none yet.
fn untold(asked: &Value) -> String {
    let (delivery, state) = (text(asked, "delivery"), raw(asked, "state"));
    match state {
        "done" => format!("It is done: {}", text(asked, "summary")),
        "parked" | "dead" => format!("It failed: {}", text(asked, "summary")),
        _ => format!(
            "It has not answered yet: `venn deliveries show {delivery}` shows how far it is."
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn text_is_printed_harmless_and_bytes_are_not_printed() {
        assert_eq!(told("text/plain; charset=utf-8", b"two\nlines", false), "two\nlines");
        assert_eq!(told("application/json", b"{\"a\":\"\x1b[2J\"}", false), r#"{"a":"\u{1b}[2J"}"#);
        let offer = "Ask with `--output FILE` to have them.";
        assert_eq!(
            told("image/png\x1b", b"\x89P", false),
            format!("It answered 2 bytes of `image/png\\u{{1b}}`. {offer}")
        );
        assert_eq!(
            told("text/plain", b"\xff", false),
            format!("It answered 1 byte of `text/plain`. {offer}")
        );
        assert_eq!(
            told("text/plain", b"x", true),
            "It answered 1 byte of `text/plain`; they are in the file."
        );
    }

    #[test]
    fn what_is_not_answered_says_why_or_where_to_look() {
        let asked = |state: &str| json!({ "delivery": "dlv_1", "state": state, "summary": "stopped\u{1b}", "answer": null });
        assert_eq!(answer(&asked("done")), Ok(None));
        assert_eq!(untold(&asked("done")), "It is done: stopped\\u{1b}");
        assert_eq!(untold(&asked("dead")), "It failed: stopped\\u{1b}");
        assert_eq!(
            untold(&asked("leased")),
            "It has not answered yet: `venn deliveries show dlv_1` shows how far it is."
        );
    }
}
