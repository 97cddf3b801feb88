//! Lists of accounts as people export and edit them.
//!
//! However the bytes arrive, the same comes of them; every row is accepted or
//! rejected with place and reason; no accepted row lacks its id or has another's; and
//! where nothing is rejected, the `csv` crate finds the same rows.
use std::{collections::HashSet, io::Read};

use venn_mapping::list::{ListLimits, ListProblem, ListReader, ListReport, Row};

/// Small, so that each is reached.
const LIMITS: ListLimits =
    ListLimits { rows_max: 40, cell_bytes_max: 64, record_bytes_max: 512, problems_listed_max: 5 };

/// Gives some bytes at a time.
struct Slow<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.rest.len().min(self.step).min(buffer.len());
        let (head, rest) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(head);
        self.rest = rest;
        Ok(count)
    }
}

type Outcome = Result<(Vec<Row>, ListReport), ListProblem>;

pub(crate) fn run(bytes: &[u8]) {
    let whole = read(bytes);
    for step in [1, 7] {
        assert_eq!(read(Slow { rest: bytes, step }), whole, "{step} bytes at a time");
    }
    let (rows, report) = match whole {
        Ok(read) => read,
        Err(problem) => return told(&problem),
    };
    report.problems.iter().chain(&report.refused).for_each(told);
    assert_eq!(report.rows_accepted, rows.len() as u64);
    let refused = u64::from(report.refused.is_some());
    let counted = report.rows_accepted + report.rows_rejected;
    assert!((counted..=counted + refused).contains(&report.rows_read), "{report:?}");
    assert!(report.rows_read <= LIMITS.rows_max);
    let ids: HashSet<_> = rows.iter().map(|row| &row.external_id).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
    for row in &rows {
        assert!(!row.external_id.is_empty() && !row.name.is_empty() && row.line > 1, "{row:?}");
    }
    if report.refused.is_none() && report.rows_rejected == 0 && report.encoding == "UTF-8" {
        compare(bytes, &rows, &report);
    }
}

fn read(source: impl Read) -> Outcome {
    let mut list = ListReader::open(source, None, LIMITS)?;
    let mut rows = Vec::new();
    while let Some(row) = list.next_row() {
        rows.extend(row);
    }
    assert!(list.next_row().is_none(), "the end stays the end");
    Ok((rows, list.into_report()))
}

fn told(problem: &ListProblem) {
    assert!(problem.line > 0 && !problem.reason.is_empty() && !problem.next_step.is_empty());
    assert!(problem.to_string().len() < 4096, "{problem} is no sentence");
}

fn compare(bytes: &[u8], rows: &[Row], report: &ListReport) {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let delimiter = u8::try_from(report.delimiter).expect("one byte");
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let header = reader.headers().expect("text").clone();
    let id = report.columns.iter().find(|column| column.field == "external_id").expect("an id");
    let at = header.iter().position(|name| name.trim() == id.column).expect("the id's column");
    let theirs: Vec<_> = reader
        .records()
        .map(|record| record.expect("text"))
        .filter(|record| record.iter().any(|cell| !cell.trim().is_empty()))
        .map(|record| record.get(at).unwrap_or_default().trim().to_owned())
        .collect();
    let ours: Vec<_> = rows.iter().map(|row| row.external_id.clone()).collect();
    assert_eq!(ours, theirs);
}
