//! The document and the tests agree.
use std::{collections::BTreeSet, fs};

use super::TRIED;
use crate::tidy::{is_a_test, named_tests, root};

/// A row of `docs/attacks.md`.
struct Row {
    case: u16,
    status: String,
    by: String,
}

/// The cases of the catalogue; it has gaps.
const CASES: usize = 118;

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let cells = |line: &str| line.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells = cells(line.strip_prefix("| ")?.strip_suffix(" |")?);
        let [case, _, status, by] = cells.as_slice() else { return None };
        Some(Row { case: case.parse().ok()?, status: status.clone(), by: by.clone() })
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn the_document_names_what_there_is() {
    let rows = rows();
    let cases: BTreeSet<_> = rows.iter().map(|row| row.case).collect();
    assert_eq!((rows.len(), cases.len()), (CASES, CASES), "one row a case");
    let mut tried = BTreeSet::new();
    for row in &rows {
        let tests = named_tests(&row.by);
        match row.status.as_str() {
            "tested" => assert!(!tests.is_empty(), "{}: by which test?", row.case),
            "not applicable" | "accepted risk" => {
                assert!(tests.is_empty() && row.by.ends_with('.'), "{}: why?", row.case);
            }
            other => panic!("{}: {other}", row.case),
        }
        for (package, path) in tests {
            if let Some(name) = path.strip_prefix("attacks::") {
                tried.insert((row.case, name.to_owned()));
                continue;
            }
            assert!(is_a_test(&package, &path), "{}: no test {path} in {package}", row.case);
        }
    }
    let here: BTreeSet<_> = TRIED.iter().map(|(case, name)| (*case, (*name).to_owned())).collect();
    assert_eq!(tried, here);
}
