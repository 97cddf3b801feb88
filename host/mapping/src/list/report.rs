//! What came of reading a list, for the person who brought it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::problem::{Code, ListProblem, Rejects};

/// How the columns were understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListFormat {
    /// The company export of `HubSpot`.
    Hubspot,
    /// The account export of Salesforce.
    Salesforce,
    /// By the caller's map.
    Mapped,
}

/// One column that is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnUse {
    /// What it becomes: a field of a row, or `extra`.
    pub field: String,
    /// Its name in the file.
    pub column: String,
}

/// The report; complete once `next_row` gave none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListReport {
    /// How the columns were understood.
    pub format: ListFormat,
    /// `UTF-8`, `UTF-16LE`, `UTF-16BE`.
    pub encoding: String,
    /// `,`, `;` or a tab.
    pub delimiter: char,
    /// Columns that are used.
    pub columns: Vec<ColumnUse>,
    /// Columns that were left out.
    pub ignored_columns: Vec<String>,
    /// Rows with any text, rejected ones too.
    pub rows_read: u64,
    /// Rows that were given to the caller.
    pub rows_accepted: u64,
    /// Rows that were rejected.
    pub rows_rejected: u64,
    /// Rows of empty cells, which spreadsheets leave behind; not counted above.
    pub rows_blank: u64,
    /// How often each problem occurred.
    pub problem_counts: BTreeMap<Code, u64>,
    /// The first problems, up to the limit; the counts are complete.
    pub problems: Vec<ListProblem>,
    /// Set if the whole file is refused: then no row of it may be used.
    pub refused: Option<ListProblem>,
}

impl ListReport {
    pub(super) fn note(&mut self, problem: &ListProblem, listed_max: usize) {
        *self.problem_counts.entry(problem.code).or_default() += 1;
        if problem.rejects == Rejects::File {
            self.refused = Some(problem.clone());
            return;
        }
        self.rows_rejected += 1;
        if self.problems.len() < listed_max {
            self.problems.push(problem.clone());
        }
    }
}
