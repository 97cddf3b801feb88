//! The reader of a company list: opens it, then gives one row after the other.
//!
//! Holds one row at a time. Which problem costs what: see the head of this
//! folder's `mod.rs`.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::io::Read;

use csv_core::ReadRecordResult;

use super::columns::{ColumnMap, Layout, layout};
use super::problem::{Code, ListProblem, Rejects, excerpt};
use super::report::ListReport;
use super::row::{Row, RowProblem, Texts, Value};
use super::split::{RawRecord, RecordFault, Split};

/// What a list may cost. The caller brings the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// More rows refuse the file.
    pub rows_max: u64,
    /// A longer cell rejects its row (bytes of UTF-8 as written, with quotes).
    pub cell_bytes_max: usize,
    /// A longer row is rejected; one with a quote over several lines refuses the file.
    pub record_bytes_max: usize,
    /// How many problems the report lists; all are counted.
    pub problems_listed_max: usize,
}

/// Reads a company list row by row.
pub struct ListReader<R> {
    split: Split<R>,
    parser: csv_core::Reader,
    raw: RawRecord,
    cells: Cells,
    headers: Vec<String>,
    layout: Layout,
    limits: ListLimits,
    seen: SeenIds,
    report: ListReport,
    done: bool,
}

impl<R: Read> ListReader<R> {
    /// Reads the header and decides on the columns: by `map` if given, else by
    /// the names of a known format. Every problem here refuses the file.
    pub fn open(
        source: R,
        map: Option<&ColumnMap>,
        limits: ListLimits,
    ) -> Result<Self, ListProblem> {
        let mut split = Split::open(source, &limits);
        let mut raw = RawRecord::default();
        if !split.next_record(&mut raw)? {
            let next = "Export the list again, with a header line.";
            return Err(ListProblem::new(Code::EmptyFile, split.line(), "the file is empty", next));
        }
        let mut parser = csv_core::ReaderBuilder::new().delimiter(split.delimiter()).build();
        let mut cells = Cells::default();
        if raw.fault.is_some() || !cells.parse(&mut parser, &raw) {
            let reason =
                "the header line can't be read: a cell is too long or its quotes are broken";
            let next = "Is this a CSV file? Export the list again, with a header line.";
            return Err(ListProblem::new(Code::BadHeader, raw.line, reason, next));
        }
        let headers: Vec<String> = (0..raw.fields).map(|at| cells.get(at).to_owned()).collect();
        let (layout, format) = layout(&headers, map, raw.line)?;
        let (columns, ignored_columns) = layout.uses(&headers);
        let report = ListReport {
            format,
            encoding: split.encoding().to_owned(),
            delimiter: char::from(split.delimiter()),
            columns,
            ignored_columns,
            rows_read: 0,
            rows_accepted: 0,
            rows_rejected: 0,
            rows_blank: 0,
            problem_counts: std::collections::BTreeMap::new(),
            problems: Vec::new(),
            refused: None,
        };
        let seen = SeenIds::default();
        Ok(Self { split, parser, raw, cells, headers, layout, limits, seen, report, done: false })
    }

    /// The next row, or what is wrong with it. After a problem that rejects the
    /// file, and at the end, none.
    pub fn next_row(&mut self) -> Option<Result<Row, ListProblem>> {
        if self.done {
            return None;
        }
        let result = self.read_row().transpose();
        match &result {
            None => self.done = true,
            Some(Ok(_)) => self.report.rows_accepted += 1,
            Some(Err(problem)) => {
                self.report.note(problem, self.limits.problems_listed_max);
                self.done = problem.rejects == Rejects::File;
            }
        }
        result
    }

    /// How much of the source is read, in its own bytes.
    pub fn bytes_read(&self) -> u64 {
        self.split.bytes_read()
    }

    /// The report so far.
    pub fn report(&self) -> &ListReport {
        &self.report
    }

    /// The report, at the end.
    pub fn into_report(self) -> ListReport {
        self.report
    }

    fn read_row(&mut self) -> Result<Option<Row>, ListProblem> {
        loop {
            let more =
                self.split.next_record(&mut self.raw).map_err(|problem| self.named(problem))?;
            if !more {
                if self.report.rows_read == 0 {
                    let reason = "the file has a header and no rows";
                    let next = "Export the list again; an empty list would remove every account.";
                    return Err(ListProblem::new(Code::NoRows, self.split.line(), reason, next));
                }
                return Ok(None);
            }
            let parsed = self.raw.fault.is_none() && self.cells.parse(&mut self.parser, &self.raw);
            if parsed && self.cells.all_blank() {
                self.report.rows_blank += 1;
                continue;
            }
            if self.report.rows_read >= self.limits.rows_max {
                let reason = format!("the file has more than {} rows", self.limits.rows_max);
                let next = "Split the list, or leave out accounts that needn't be mapped.";
                return Err(ListProblem::new(Code::TooManyRows, self.raw.line, reason, next));
            }
            self.report.rows_read += 1;
            self.check_structure(parsed)?;
            return self.row().map(Some);
        }
    }

    /// Puts the column's name to its number.
    fn named(&self, mut problem: ListProblem) -> ListProblem {
        if let Some(column) = problem.column.as_mut() {
            let index =
                usize::try_from(column.number).ok().and_then(|number| number.checked_sub(1));
            column.name = index.and_then(|at| self.headers.get(at)).map(|name| excerpt(name));
        }
        problem
    }

    fn check_structure(&self, parsed: bool) -> Result<(), ListProblem> {
        let problem =
            |code, reason: String, next| ListProblem::new(code, self.raw.line, reason, next);
        match self.raw.fault {
            Some(RecordFault::StrayQuote { field }) => {
                let reason = "text follows the quote that closes this cell".to_owned();
                let next = "Double every quote inside of the cell (\"\").";
                return Err(problem(Code::StrayQuote, reason, next).in_column(field, &self.headers));
            }
            Some(RecordFault::CellTooLong { field }) => {
                let reason =
                    format!("this cell has more than {} bytes", self.limits.cell_bytes_max);
                let next = "Shorten the cell or leave the column out of the export.";
                return Err(
                    problem(Code::CellTooLong, reason, next).in_column(field, &self.headers)
                );
            }
            Some(RecordFault::TooLong) => {
                let reason =
                    format!("this row has more than {} bytes", self.limits.record_bytes_max);
                return Err(problem(
                    Code::RecordTooLong,
                    reason,
                    "Leave columns out of the export.",
                ));
            }
            None => {}
        }
        let (cells, columns) = (self.raw.fields, self.headers.len());
        if !parsed || cells != columns {
            let reason = format!("this row has {cells} cells, the header has {columns}");
            let next = "Quote cells that hold the delimiter or a line break, and fill rows up to the header.";
            return Err(
                problem(Code::RaggedRow, reason, next).in_column(cells.min(columns), &self.headers)
            );
        }
        Ok(())
    }

    fn row(&mut self) -> Result<Row, ListProblem> {
        let cell = |at: Option<usize>| at.map(|at| self.cells.get(at)).unwrap_or_default();
        let layout = &self.layout;
        let texts = Texts {
            external_id: cell(Some(layout.external_id)),
            name: cell(layout.name),
            website: cell(layout.website),
            stage: cell(layout.stage),
            owner: cell(layout.owner),
            amount: cell(layout.amount),
            created_on: cell(layout.created_on),
        };
        let extra = layout.extra.iter().filter_map(|&at| {
            Some((self.headers.get(at)?.clone(), self.cells.filled(at)?.to_owned()))
        });
        let row = Row::of(self.raw.line, texts, extra.collect(), self.split.delimiter())
            .map_err(|problem| self.placed(problem))?;
        // Last, so that only an accepted row takes its id.
        self.remember(&row.external_id)?;
        Ok(row)
    }

    /// Puts line and column to what is wrong with a row.
    fn placed(&self, problem: RowProblem) -> ListProblem {
        let RowProblem { value, code, reason, next_step } = problem;
        let layout = &self.layout;
        let column = match value {
            Value::ExternalId => Some(layout.external_id),
            Value::Name => layout.name.or(layout.website),
            Value::Website => layout.website,
            Value::Stage => layout.stage,
            Value::Owner => layout.owner,
            Value::Amount => layout.amount,
            Value::CreatedOn => layout.created_on,
            Value::Extra(_) => None,
        };
        let told = ListProblem::new(code, self.raw.line, reason, next_step);
        told.in_column(column.unwrap_or_default(), &self.headers)
    }

    fn remember(&mut self, external_id: &str) -> Result<(), ListProblem> {
        let Some(first) = self.seen.insert(external_id, self.raw.line) else { return Ok(()) };
        let reason = format!("the id \"{}\" is that of line {first} already", excerpt(external_id));
        let next = "Keep one of the two rows: the first one was taken.";
        let problem = ListProblem::new(Code::DuplicateId, self.raw.line, reason, next);
        Err(problem.in_column(self.layout.external_id, &self.headers))
    }
}

/// The unquoted cells of one record.
#[derive(Default)]
struct Cells {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    /// False if the parser doesn't see one whole record, which `Split` rules out.
    fn parse(&mut self, parser: &mut csv_core::Reader, raw: &RawRecord) -> bool {
        self.text.resize(raw.bytes.len(), 0);
        // One more than there are: a full buffer looks like an unfinished record.
        self.ends.resize(raw.fields + 1, 0);
        let (result, _, written, ends) =
            parser.read_record(&raw.bytes, &mut self.text, &mut self.ends);
        self.text.truncate(written);
        self.ends.truncate(ends);
        result == ReadRecordResult::Record && ends == raw.fields
    }

    /// The cell, trimmed; empty if there is none.
    fn get(&self, at: usize) -> &str {
        let start =
            at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let bytes =
            self.ends.get(at).and_then(|&end| self.text.get(start..end)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default().trim()
    }

    fn filled(&self, at: usize) -> Option<&str> {
        Some(self.get(at)).filter(|cell| !cell.is_empty())
    }

    fn all_blank(&self) -> bool {
        (0..self.ends.len()).all(|at| self.get(at).is_empty())
    }
}

/// Ids seen so far with their lines, as 128 bits of keyed hash each: the size
/// doesn't depend on the ids, and two different ids meet with a chance of 1 in
/// 10^26 even in a million rows.
#[derive(Default)]
struct SeenIds {
    keys: (RandomState, RandomState),
    lines: HashMap<(u64, u64), u64>,
}

impl SeenIds {
    /// The line of the first row with this id, if there was one.
    fn insert(&mut self, id: &str, line: u64) -> Option<u64> {
        let key = (self.keys.0.hash_one(id), self.keys.1.hash_one(id));
        match self.lines.entry(key) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(free) => {
                free.insert(line);
                None
            }
        }
    }
}
