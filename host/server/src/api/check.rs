//! Checks of what people type: names, titles, e-mail addresses.
//!
//! A body's problems are collected, so that one answer names all of them.
use std::fmt::Display;

use rapidfuzz::distance::jaro_winkler;
use venn_domain::{
    manifest::{PROBLEM_LIMIT, Problem},
    text::is_hidden,
};

use crate::error::{ApiError, Code};

/// Longest title or name of a person or company, in characters.
const TITLE_CHARS_MAX: usize = 200;
/// Longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, without brackets).
const EMAIL_BYTES_MAX: usize = 254;

/// The problems of one body.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem of the member `place`.
    pub fn add(&mut self, place: &str, reason: impl Into<String>, next_step: impl Into<String>) {
        let (reason, next_step) = (reason.into(), next_step.into());
        self.0.push(Problem { place: place.to_owned(), reason, next_step });
    }

    /// Adds what a check found.
    pub fn note<E: Display>(&mut self, place: &str, found: Result<(), E>) {
        if let Err(reason) = found {
            self.add(place, reason.to_string(), "Correct it and send the request again");
        }
    }

    /// All is well, or the error that names every problem, up to fifty.
    pub fn into_result(mut self) -> Result<(), ApiError> {
        self.0.truncate(PROBLEM_LIMIT);
        let Some(first) = self.0.first() else { return Ok(()) };
        // A reason that asks ends its sentence itself.
        let end = if first.reason.ends_with('?') { "" } else { "." };
        let detail = format!("{}: {}{end}", first.place, first.reason);
        Err(ApiError::new(Code::Invalid, detail, "Correct the named members and send it again.")
            .with_problems(self.0))
    }
}

/// How much alike two words must be, 0 to 1, for one to be meant by the other.
const ALIKE: f64 = 0.75;

/// The known word that was probably meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let alike = |one: &&str| jaro_winkler::similarity(word.chars(), one.to_lowercase().chars());
    let near = known.iter().copied().filter(|one| alike(one) >= ALIKE);
    near.max_by(|a, b| alike(a).total_cmp(&alike(b)))
}

/// A title or name for people: one line of visible text.
pub fn title(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().count() > TITLE_CHARS_MAX {
        return Err(format!("it has more than {TITLE_CHARS_MAX} characters"));
    }
    if text.chars().any(is_hidden) {
        return Err("it has a line break or another control or hidden character".to_owned());
    }
    Ok(())
}

/// An e-mail address, as far as one can tell without sending to it.
pub fn email(text: &str) -> Result<(), String> {
    let parts = text.rsplit_once('@');
    let whole = parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if !whole || text.len() > EMAIL_BYTES_MAX || text.contains(odd) {
        return Err("it is not an e-mail address".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        let known = ["name", "owner", "created-on", "Tier"];
        for (slip, meant) in [
            ("nme", Some("name")),
            ("created_on", Some("created-on")),
            ("tier", Some("Tier")),
            ("revenue", None),
        ] {
            assert_eq!(nearest(slip, &known), meant, "{slip}");
        }
    }

    #[test]
    fn titles_and_addresses_are_refused_with_the_reason() {
        assert_eq!(title("Acme, Inc."), Ok(()));
        assert_eq!(title("  "), Err("it is empty".to_owned()));
        assert_eq!(title(&"ä".repeat(201)), Err("it has more than 200 characters".to_owned()));
        let reason = "it has a line break or another control or hidden character".to_owned();
        assert_eq!(title("a\nb"), Err(reason));
        assert_eq!(email("ann@acme.example"), Ok(()));
        for bad in
            ["", "ann", "@acme.example", "ann@acme", "a b@acme.example", "ann@acme.example\n"]
        {
            assert_eq!(email(bad), Err("it is not an e-mail address".to_owned()), "{bad}");
        }
    }
}
