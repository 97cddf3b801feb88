//! What can be wrong with a company list: place, reason, next step.
//!
//! To add one: a variant of [`Code`] (never renamed: callers and documents name
//! it), its line in [`Code::rejects`], a case in `tests/it/bad_lists.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable name for each kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file has no text at all.
    EmptyFile,
    /// The file has a header and no rows.
    NoRows,
    /// Bytes that aren't UTF-8.
    NotUtf8,
    /// A UTF-16 file with a broken character.
    NotUtf16,
    /// A NUL byte: not a text file, or UTF-16 without byte-order mark.
    NulByte,
    /// The source broke off.
    ReadFailed,
    /// No known format and no column map.
    UnrecognisedColumns,
    /// The column map names a column that the file lacks.
    MissingColumn,
    /// A column that is used stands in the file twice.
    DuplicateColumn,
    /// The header can't be read.
    BadHeader,
    /// A quote that swallows the following rows.
    QuoteNotClosed,
    /// More rows than the limit.
    TooManyRows,
    /// More or fewer cells than the header.
    RaggedRow,
    /// Text after a closing quote.
    StrayQuote,
    /// A cell longer than the limit.
    CellTooLong,
    /// A row longer than the limit.
    RecordTooLong,
    /// No external id.
    MissingId,
    /// An external id that is too long to be one.
    IdTooLong,
    /// An external id for the second time.
    DuplicateId,
    /// Neither name nor website.
    MissingNameAndWebsite,
    /// Not an amount.
    InvalidAmount,
    /// Not a date.
    InvalidDate,
}

/// What a problem costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejects {
    /// This row; reading goes on.
    Row,
    /// The whole file.
    File,
}

impl Code {
    /// Whether the row or the whole file falls.
    pub fn rejects(self) -> Rejects {
        match self {
            Self::RaggedRow
            | Self::StrayQuote
            | Self::CellTooLong
            | Self::RecordTooLong
            | Self::MissingId
            | Self::IdTooLong
            | Self::DuplicateId
            | Self::MissingNameAndWebsite
            | Self::InvalidAmount
            | Self::InvalidDate => Rejects::Row,
            Self::EmptyFile
            | Self::NoRows
            | Self::NotUtf8
            | Self::NotUtf16
            | Self::NulByte
            | Self::ReadFailed
            | Self::UnrecognisedColumns
            | Self::MissingColumn
            | Self::DuplicateColumn
            | Self::BadHeader
            | Self::QuoteNotClosed
            | Self::TooManyRows => Rejects::File,
        }
    }

    fn text(self) -> String {
        // The one spelling is serde's.
        let debug = format!("{self:?}");
        let mut text = String::with_capacity(debug.len() + 4);
        for c in debug.chars() {
            if c.is_ascii_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(c.to_ascii_lowercase());
        }
        text
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Counted from 1.
    pub number: u64,
    /// As the header has it; none beyond the header.
    pub name: Option<String>,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListProblem {
    /// The kind.
    pub code: Code,
    /// What it costs.
    pub rejects: Rejects,
    /// The line of the file, counted from 1; of a row over several lines, its
    /// first; of a quote, where it opens.
    pub line: u64,
    /// The column, if it is about one.
    pub column: Option<Column>,
    /// The byte of the line, counted from 1, if it is about one.
    pub byte: Option<u64>,
    /// What is wrong.
    pub reason: String,
    /// What to do now.
    pub next_step: String,
}

impl ListProblem {
    pub(super) fn new(code: Code, line: u64, reason: impl Into<String>, next_step: &str) -> Self {
        Self {
            code,
            rejects: code.rejects(),
            line,
            column: None,
            byte: None,
            reason: reason.into(),
            next_step: next_step.to_owned(),
        }
    }

    /// `index` counts from 0.
    pub(super) fn in_column(mut self, index: usize, headers: &[String]) -> Self {
        let number = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
        self.column = Some(Column { number, name: headers.get(index).map(|name| excerpt(name)) });
        self
    }

    pub(super) fn at_byte(mut self, byte: u64) -> Self {
        self.byte = Some(byte);
        self
    }
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {}", column.number)?;
            if let Some(name) = &column.name {
                write!(f, " \"{name}\"")?;
            }
        }
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        write!(f, ": {} ({}). {}", self.reason, self.code, self.next_step)
    }
}

impl std::error::Error for ListProblem {}

/// How much of a cell a report repeats: enough to find it.
const EXCERPT_CHARS_MAX: usize = 40;

/// A cell as a report may repeat it: one line, short.
pub(super) fn excerpt(cell: &str) -> String {
    let mut text: String = cell
        .chars()
        .take(EXCERPT_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if cell.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{Code, excerpt};

    #[test]
    fn a_code_reads_the_same_in_text_and_in_json() {
        for code in [Code::NotUtf8, Code::NotUtf16, Code::MissingNameAndWebsite, Code::NulByte] {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("a\nb"), "a b");
        assert_eq!(excerpt(&"x".repeat(1000)).chars().count(), 41);
    }
}
