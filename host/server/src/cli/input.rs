//! Arguments that are more than a word: JSON or `@FILE`, `name=value`, and
//! names that stand for ids.
use std::{fs, path::Path};

use reqwest::Method;
use serde_json::Value;

use super::{
    client::Call,
    exit::Exit,
    output::{
        failure::Failure,
        value::{list, raw},
    },
    session::{Page, Session},
};

/// Reads `JSON` or `@FILE`.
pub(crate) fn json(argument: &str, what: &str) -> Result<Value, Failure> {
    let Some(path) = argument.strip_prefix('@') else { return parse(argument, what) };
    json_file(Path::new(path), what)
}

/// Reads a file of JSON.
pub(crate) fn json_file(path: &Path, what: &str) -> Result<Value, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?;
    parse(&text, what).map_err(|failure| failure.at(path.display().to_string()))
}

fn parse(text: &str, what: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(
            format!("{what} is not JSON: {error}."),
            "Give JSON, or @FILE with JSON in it.",
        )
    })
}

/// For clap: splits `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// For clap: splits `PLUGIN@VERSION`.
pub(crate) fn release(text: &str) -> Result<(String, String), String> {
    match text.split_once('@') {
        Some((plugin, version)) if !plugin.is_empty() && !version.is_empty() => {
            Ok((plugin.to_owned(), version.to_owned()))
        }
        _ => Err("expected PLUGIN@VERSION, for example crm-tasks@0.1.0".to_owned()),
    }
}

/// Items of a listing under the organization, all pages.
pub(crate) fn all_of(session: &Session, noun: &str) -> Result<Vec<Value>, Failure> {
    let segments = ["organizations", session.org()?, noun];
    let call = Call::new(Method::GET, &segments);
    let reply = session.page(&call, &Page { all: true, ..Page::default() })?;
    Ok(list(&reply.value, "items").to_vec())
}

/// A partnership by id, or by the partner's slug: the one that has not ended.
pub(crate) fn partnership(session: &Session, text: &str) -> Result<String, Failure> {
    if text.starts_with("pty_") {
        return Ok(text.to_owned());
    }
    let all = all_of(session, "partnerships")?;
    let with: Vec<&Value> = all.iter().filter(|item| raw(item, "partner_slug") == text).collect();
    let found = with.iter().find(|item| raw(item, "state") != "ended").or(with.first());
    found.map(|item| raw(item, "id").to_owned()).ok_or_else(|| {
        not_found(
            format!("There is no partnership with `{text}`."),
            "`venn partner list` shows them; `venn partner propose SLUG` begins one.",
        )
    })
}

/// A connection by id, or by its name.
pub(crate) fn connection(session: &Session, text: &str) -> Result<String, Failure> {
    if text.starts_with("con_") {
        return Ok(text.to_owned());
    }
    named(
        session,
        "connections",
        text,
        "`venn connections list` shows them; `venn connections add NAME --host HOST` makes one.",
    )
}

/// An install by id, or by its name.
pub(crate) fn install(session: &Session, text: &str) -> Result<String, Failure> {
    if text.starts_with("ins_") {
        return Ok(text.to_owned());
    }
    named(session, "installs", text, "`venn installs list` shows them.")
}

/// A member by id, or by e-mail address.
pub(crate) fn member(session: &Session, text: &str) -> Result<String, Failure> {
    if !text.contains('@') {
        return Ok(text.to_owned());
    }
    let all = all_of(session, "members")?;
    let is_it = |item: &&Value| raw(item, "user_email").eq_ignore_ascii_case(text);
    all.iter().find(is_it).map(|item| raw(item, "user_id").to_owned()).ok_or_else(|| {
        not_found(
            format!("There is no member with the address {text}."),
            "`venn orgs members` shows them; `venn orgs members --add E-MAIL --role ROLE` adds one.",
        )
    })
}

fn named(session: &Session, noun: &str, name: &str, next: &str) -> Result<String, Failure> {
    let all = all_of(session, noun)?;
    let mut found = all.iter().filter(|item| raw(item, "name") == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(raw(one, "id").to_owned()),
        (Some(_), Some(_)) => Err(Failure::usage(
            format!("More than one of the {noun} is called `{name}`."),
            "Give the id instead of the name.",
        )),
        (None, _) => Err(not_found(format!("None of the {noun} is called `{name}`."), next)),
    }
}

fn not_found(what: String, next: &str) -> Failure {
    Failure::new(Exit::NotFound, what, next)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn json_stands_in_the_argument_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "{\"a\":1}").unwrap();
        let expected = serde_json::json!({"a": 1});
        assert_eq!(json("{\"a\":1}", "--config").unwrap(), expected);
        assert_eq!(json(&format!("@{}", path.display()), "--config").unwrap(), expected);
        fs::write(&path, "{").unwrap();
        assert_eq!(
            json(&format!("@{}", path.display()), "--config").unwrap_err().to_string(),
            format!(
                "error: --config is not JSON: EOF while parsing an object at line 1 column 1.\n  where: {}\n  \
                 next: Give JSON, or @FILE with JSON in it.",
                path.display()
            )
        );
    }

    #[test]
    fn a_pair_has_two_sides() {
        assert_eq!(pair("VIP=key-accounts=x"), Ok(("VIP".to_owned(), "key-accounts=x".to_owned())));
        for bad in ["", "VIP", "=x", "VIP="] {
            assert!(pair(bad).is_err(), "{bad}");
        }
    }
}
