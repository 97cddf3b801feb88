//! One account from the texts of its values: what a row must have, and its
//! canonical form. The one place that says so, whatever brought the texts: a
//! cell of a file or a live source.
//!
//! Doesn't know lines beyond the number that it is given, nor columns: what is
//! wrong is told by the value's name, and the caller puts its own place to it.

use serde::{Deserialize, Serialize};

use super::date::date;
use super::problem::{Code, excerpt};
use super::value::amount;

/// One account of the list. Texts are trimmed; empty ones are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The line on which the row begins, counted from 1.
    pub line: u64,
    /// The CRM's own id.
    pub external_id: String,
    /// The name; the website's text if there is no name.
    pub name: String,
    /// The website as written.
    pub website: Option<String>,
    /// The stage as written.
    pub stage: Option<String>,
    /// The owner as written.
    pub owner: Option<String>,
    /// Canonical decimal text.
    pub amount: Option<String>,
    /// `YYYY-MM-DD`.
    pub created_on: Option<String>,
    /// The further columns that the caller asked for: name and text.
    pub extra: Vec<(String, String)>,
}

/// The values of one row as they came. Empty texts are none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    /// The CRM's own id.
    pub external_id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Website.
    pub website: &'a str,
    /// Stage.
    pub stage: &'a str,
    /// Owner.
    pub owner: &'a str,
    /// Amount, as people write it.
    pub amount: &'a str,
    /// Date, as people write it.
    pub created_on: &'a str,
}

/// Which value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `external-id`
    ExternalId,
    /// `name`; also where it or the website must be there.
    Name,
    /// `website`
    Website,
    /// `stage`
    Stage,
    /// `owner`
    Owner,
    /// `amount`
    Amount,
    /// `created-on`
    CreatedOn,
    /// A further one, by name.
    Extra(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ExternalId => "external-id",
            Self::Name => "name",
            Self::Website => "website",
            Self::Stage => "stage",
            Self::Owner => "owner",
            Self::Amount => "amount",
            Self::CreatedOn => "created-on",
            Self::Extra(name) => return write!(f, "extra {}", excerpt(name)),
        })
    }
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Where.
    pub value: Value,
    /// The kind.
    pub code: Code,
    /// What is wrong.
    pub reason: String,
    /// What to do now.
    pub next_step: &'static str,
}

/// Ids of CRMs have 10 to 40 characters; a longer one is a wrong column.
const ID_BYTES_MAX: usize = 256;

impl Row {
    /// Reads the values. `delimiter` is that of the file, which says how numbers
    /// are written where it comes from; a comma for plain decimals.
    pub fn of(
        line: u64,
        texts: Texts<'_>,
        extra: Vec<(String, String)>,
        delimiter: u8,
    ) -> Result<Self, RowProblem> {
        let external_id = external_id(texts.external_id)?;
        let website = filled(texts.website);
        let Some(name) = filled(texts.name).or_else(|| website.clone()) else {
            return Err(RowProblem {
                value: Value::Name,
                code: Code::MissingNameAndWebsite,
                reason: "this account has neither a name nor a website".to_owned(),
                next_step: "Give it one of them in the CRM, or leave it out of the export.",
            });
        };
        let amount = read(
            texts.amount,
            |text| amount(text, delimiter),
            |text| RowProblem {
                value: Value::Amount,
                code: Code::InvalidAmount,
                reason: format!("\"{text}\" isn't an amount"),
                next_step: "Write it as a plain number with a decimal point, such as 1234.50.",
            },
        )?;
        let created_on = read(texts.created_on, date, |text| RowProblem {
            value: Value::CreatedOn,
            code: Code::InvalidDate,
            reason: format!("\"{text}\" isn't a date, or could be two"),
            next_step: "Write it as YYYY-MM-DD.",
        })?;
        Ok(Self {
            line,
            external_id,
            name,
            website,
            stage: filled(texts.stage),
            owner: filled(texts.owner),
            amount,
            created_on,
            extra,
        })
    }
}

impl Texts<'_> {
    /// What a file's reader sees in the bytes, for texts that come without a
    /// file: a NUL, a value that is longer than a cell may be.
    pub fn check(
        &self,
        extra: &[(String, String)],
        cell_bytes_max: usize,
    ) -> Result<(), RowProblem> {
        let core = [
            (Value::ExternalId, self.external_id),
            (Value::Name, self.name),
            (Value::Website, self.website),
            (Value::Stage, self.stage),
            (Value::Owner, self.owner),
            (Value::Amount, self.amount),
            (Value::CreatedOn, self.created_on),
        ];
        for (value, text) in core {
            check(value, text, cell_bytes_max)?;
        }
        for (name, text) in extra {
            for part in [name, text] {
                check(Value::Extra(name.clone()), part, cell_bytes_max)?;
            }
        }
        Ok(())
    }
}

fn check(value: Value, text: &str, cell_bytes_max: usize) -> Result<(), RowProblem> {
    if text.len() > cell_bytes_max {
        return Err(RowProblem {
            value,
            code: Code::CellTooLong,
            reason: format!("it has more than {cell_bytes_max} bytes"),
            next_step: "Shorten it, or leave it out.",
        });
    }
    if text.contains('\0') {
        return Err(RowProblem {
            value,
            code: Code::NulByte,
            reason: "it has a NUL character".to_owned(),
            next_step: "Take it out: no name or address has one.",
        });
    }
    Ok(())
}

fn external_id(text: &str) -> Result<String, RowProblem> {
    let (code, reason) = match filled(text) {
        None => (Code::MissingId, "this account has no id".to_owned()),
        Some(id) if id.len() > ID_BYTES_MAX => {
            (Code::IdTooLong, format!("an id of more than {ID_BYTES_MAX} bytes isn't one"))
        }
        Some(id) => return Ok(id),
    };
    let next_step = "Every account needs the id that the CRM gave it.";
    Err(RowProblem { value: Value::ExternalId, code, reason, next_step })
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn read(
    text: &str,
    read: impl Fn(&str) -> Option<String>,
    wrong: impl Fn(&str) -> RowProblem,
) -> Result<Option<String>, RowProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    read(text).map(Some).ok_or_else(|| wrong(&excerpt(text)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const GOOD: Texts<'static> = Texts {
        external_id: " 7 ",
        name: "",
        website: "acme.example",
        stage: "Customer",
        owner: " ",
        amount: "$1,234.50",
        created_on: "2026-01-02T03:04:05.678Z",
    };

    #[test]
    fn values_become_canonical_and_the_website_stands_for_the_name() {
        let row = Row::of(3, GOOD, Vec::new(), b',').unwrap();
        assert_eq!((row.line, &*row.external_id, &*row.name), (3, "7", "acme.example"));
        assert_eq!((row.amount.as_deref(), row.owner), (Some("1234.5"), None));
        assert_eq!(row.created_on.as_deref(), Some("2026-01-02"));
    }

    #[test]
    fn what_is_wrong_is_told_by_the_values_name() {
        let wrong = |texts| Row::of(1, texts, Vec::new(), b',').unwrap_err();
        let told = |texts| {
            let problem = wrong(texts);
            (problem.value.to_string(), problem.code)
        };
        let id = "x".repeat(257);
        assert_eq!(
            told(Texts { external_id: "", ..GOOD }),
            ("external-id".into(), Code::MissingId)
        );
        assert_eq!(
            told(Texts { external_id: &id, ..GOOD }),
            ("external-id".into(), Code::IdTooLong)
        );
        assert_eq!(
            told(Texts { website: " ", ..GOOD }),
            ("name".into(), Code::MissingNameAndWebsite)
        );
        assert_eq!(told(Texts { amount: "much", ..GOOD }), ("amount".into(), Code::InvalidAmount));
        assert_eq!(
            told(Texts { created_on: "03/04/2026", ..GOOD }),
            ("created-on".into(), Code::InvalidDate)
        );
    }

    #[test]
    fn texts_without_a_file_are_looked_at_for_what_a_file_cannot_hold() {
        let extra = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
        let told = |texts: Texts<'_>, extra: Vec<(String, String)>| {
            let problem = texts.check(&extra, 16).unwrap_err();
            (problem.value.to_string(), problem.code)
        };
        assert_eq!(GOOD.check(&[], 64), Ok(()));
        let texts = Texts { created_on: "", ..GOOD };
        assert_eq!(
            told(Texts { name: "a\0b", ..texts }, Vec::new()),
            ("name".into(), Code::NulByte)
        );
        assert_eq!(
            told(texts, extra("tier", "seventeen letters")),
            ("extra tier".into(), Code::CellTooLong)
        );
        assert_eq!(told(texts, extra("t\0", "x")), ("extra t ".into(), Code::NulByte));
    }
}
