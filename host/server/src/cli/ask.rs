//! Questions to the person, and secrets from them.
//!
//! A question that decides something is answered by `y` and nothing else; who
//! cannot be asked must have said `--yes`. A secret is never an argument: other
//! users of the machine can read those.
use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::{output::failure::Failure, session::Session};

/// No key or token that we know of comes near.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Asks; a no is a [`Failure`] with what was not done.
pub(crate) fn confirm(session: &Session, question: &str, otherwise: &str) -> Result<(), Failure> {
    if session.global.yes {
        return Ok(());
    }
    let mut err = io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if !matches!(read, Ok(1..)) {
        let _ = writeln!(err);
        return Err(Failure::usage(
            "Nobody answered the question.",
            "Add --yes to agree beforehand.",
        ));
    }
    if is_yes(&answer) { Ok(()) } else { Err(Failure::cancelled(otherwise)) }
}

/// Before a release is withdrawn, by its publisher or by the platform.
pub(crate) fn withdrawal(session: &Session, release: &str) -> Result<(), Failure> {
    let question =
        format!("Withdraw {release} for good? Installs with it stop until they choose another.");
    confirm(session, &question, "It was not withdrawn.")
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Reads a secret: from the file, else from stdin; typed ones are not shown.
pub(crate) fn secret(file: Option<&Path>, what: &str) -> Result<Zeroizing<String>, Failure> {
    let text = match file {
        Some(path) => {
            let meta = fs::metadata(path).map_err(|error| Failure::file(path, "read", &error))?;
            check_size(meta.len(), what)?;
            Zeroizing::new(
                fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?,
            )
        }
        None if io::stdin().is_terminal() => {
            let term = console::Term::stderr();
            let _ = term.write_str(&format!("{what} (not shown): "));
            Zeroizing::new(
                term.read_secure_line().map_err(|error| no_secret(what, &error.to_string()))?,
            )
        }
        None => {
            let mut text = Zeroizing::new(String::new());
            let read = io::stdin().lock().take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
            check_size(read.map_err(|error| no_secret(what, &error.to_string()))? as u64, what)?;
            text
        }
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(no_secret(what, "it is empty"));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// Reads one line as a secret, from the terminal or from stdin: for where there are
/// several.
pub(crate) fn secret_line(what: &str) -> Result<Zeroizing<String>, Failure> {
    if io::stdin().is_terminal() {
        return secret(None, what);
    }
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(SECRET_BYTES_MAX + 1).read_line(&mut line);
    check_size(read.map_err(|error| no_secret(what, &error.to_string()))? as u64, what)?;
    let line = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    if line.is_empty() { Err(no_secret(what, "it is empty")) } else { Ok(line) }
}

/// The same for one that is chosen: who types it without seeing it types it twice.
pub(crate) fn new_secret(what: &str) -> Result<Zeroizing<String>, Failure> {
    let first = secret_line(what)?;
    if io::stdin().is_terminal() && *secret_line("The same again")? != *first {
        return Err(no_secret(what, "the two are not the same"));
    }
    Ok(first)
}

fn check_size(bytes: u64, what: &str) -> Result<(), Failure> {
    if bytes > SECRET_BYTES_MAX {
        return Err(no_secret(what, "it has more than 64 KiB"));
    }
    Ok(())
}

fn no_secret(what: &str, why: &str) -> Failure {
    Failure::usage(
        format!("{what} cannot be read: {why}."),
        "Send it on stdin, or name a file that holds it.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y", "Y\n", "yes\n", " YES "] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n", "no", "yep", "ja", "yy"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }

    #[test]
    fn a_secret_loses_its_line_end_and_an_empty_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "pat-eu1-abc\n").unwrap();
        assert_eq!(secret(Some(&path), "The API key").unwrap().as_str(), "pat-eu1-abc");
        fs::write(&path, " \n").unwrap();
        assert_eq!(
            secret(Some(&path), "The API key").unwrap_err().to_string(),
            "error: The API key cannot be read: it is empty.\n  \
             next: Send it on stdin, or name a file that holds it."
        );
    }
}
