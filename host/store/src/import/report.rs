//! What an import says about its file: problems with their places, what was
//! left out, and the question that a person must answer.
//!
//! Problems may repeat a short piece of a cell: the report is for members of
//! the organization whose list it is.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use venn_domain::limits;

/// What an import found so far. Kept as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportReport {
    /// The first rejected rows.
    pub problems: Vec<ImportProblem>,
    /// How many rows were rejected.
    pub problems_total: u64,
    /// Columns that nothing was read from.
    pub ignored_columns: Vec<String>,
    /// Stages that no mapping knows; their accounts are prospects.
    pub unknown_stages: Vec<UnknownStage>,
    /// The question that is open.
    pub confirm: Option<Confirm>,
    /// How many removals a person said yes to.
    pub confirmed_removes: u64,
    /// Why the file could not be used.
    pub error: Option<ImportProblem>,
}

/// What is wrong with a row or with the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportProblem {
    /// The line of the file, from 1; none if it is not about one.
    pub line: Option<u64>,
    /// The column's name, or its number if it has none.
    pub column: Option<String>,
    /// A stable name.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What to do now.
    pub next_step: String,
}

/// A stage that fell into prospects for want of a better place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownStage {
    /// As the file has it; empty for rows without one.
    pub stage: String,
    /// In how many rows.
    pub rows: u64,
}

/// What a person is asked before many accounts are removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirm {
    /// Accounts that would go.
    pub removes: u64,
    /// Accounts that are there.
    pub of: u64,
    /// Their share, rounded up; 100 only if all of them go.
    pub percent: u64,
    /// The question, in one sentence.
    pub question: String,
}

impl Confirm {
    /// Whether somebody must be asked before `removes` of `of` accounts go.
    pub(crate) const fn is_needed(removes: u64, of: u64) -> bool {
        removes.saturating_mul(100) > of.saturating_mul(limits::REPLACE_REMOVES_PERCENT)
    }

    /// The question about a list.
    pub(super) fn of_list(removes: u64, of: u64) -> Self {
        Self::asking("The list", ["is there now", "are there now"], removes, of)
    }

    /// The question about a live source.
    pub(crate) fn of_source(removes: u64, of: u64) -> Self {
        Self::asking("The source", ["came from it"; 2], removes, of)
    }

    fn asking(who: &str, [one, all]: [&str; 2], removes: u64, of: u64) -> Self {
        let share = removes.saturating_mul(100).div_ceil(of.max(1));
        let percent = if removes < of { share.min(99) } else { share };
        let question = if of == 1 {
            format!("{who} lacks the only account that {one}. Shall it be removed?")
        } else {
            format!(
                "{who} lacks {removes} of the {of} accounts that {all} ({percent} %). \
                 Shall they be removed?"
            )
        };
        Self { removes, of, percent, question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replace_that_removes_more_than_a_fifth_is_asked_about() {
        assert!(!Confirm::is_needed(20, 100) && !Confirm::is_needed(0, 0));
        assert!(Confirm::is_needed(21, 100) && Confirm::is_needed(1, 0));
        let question = "The list lacks 21 of the 100 accounts that are there now (21 %). \
                        Shall they be removed?";
        let confirm = Confirm { removes: 21, of: 100, percent: 21, question: question.to_owned() };
        assert_eq!(Confirm::of_list(21, 100), confirm);
        // 2656 of 2675 are 99.3 %: only all are 100 %.
        let percents = [(2_656, 2_675), (2_675, 2_675), (201, 1_000)];
        let percents = percents.map(|(removes, of)| Confirm::of_list(removes, of).percent);
        assert_eq!(percents, [99, 100, 21]);
        assert_eq!(
            Confirm::of_source(1, 1).question,
            "The source lacks the only account that came from it. Shall it be removed?"
        );
    }
}
