//! Short words for the tests: read a list, build entries, say what paired.

use std::io::Read;

use venn_mapping::list::{ColumnMap, ListLimits, ListProblem, ListReader, ListReport, Row};
use venn_mapping::{Decisions, Entry, LiveDecisions, Mapping};

/// Small enough to reach in a test.
pub(crate) const LIMITS: ListLimits = ListLimits {
    rows_max: 1_000_000,
    cell_bytes_max: 64 * 1024,
    record_bytes_max: 1024 * 1024,
    problems_listed_max: 100,
};

pub(crate) fn read_all(
    source: impl Read,
    map: Option<&ColumnMap>,
    limits: ListLimits,
) -> Result<(Vec<Row>, ListReport), ListProblem> {
    let mut list = ListReader::open(source, map, limits)?;
    let mut rows = Vec::new();
    while let Some(row) = list.next_row() {
        rows.extend(row);
    }
    assert!(list.next_row().is_none(), "the end stays the end");
    Ok((rows, list.into_report()))
}

/// The file's problem: at opening or later.
pub(crate) fn refusal(source: impl Read, limits: ListLimits) -> ListProblem {
    match read_all(source, None, limits) {
        Err(problem) => problem,
        Ok((_, report)) => report.refused.expect("the file is refused"),
    }
}

pub(crate) fn entry(id: &str, name: &str, website: &str) -> Entry {
    Entry::new(id, name, Some(website).filter(|text| !text.is_empty()))
}

pub(crate) fn no_decisions() -> LiveDecisions {
    Decisions::default().live(&|_, _| true)
}

/// `l1-r1 host sure`, sorted by domain and id.
pub(crate) fn said(mapping: &Mapping) -> Vec<String> {
    mapping
        .pairs()
        .map(|pair| {
            format!("{}-{} {:?} {:?}", pair.left, pair.right, pair.evidence.rule, pair.confidence)
        })
        .collect()
}
