//! A list file to normalised rows, a batch at a time. Runs on a thread of its
//! own: parsing and normalising would hold up the async ones.
//!
//! It knows no store and no import: a batch that nobody takes ends it.
use std::{fs::File, path::Path};

use tokio::sync::mpsc::Sender;
use venn_domain::limits;
use venn_mapping::list::{ColumnMap, ListLimits, ListProblem, ListReader, ListReport, Row};
use venn_store::import::{ImportOptions, ImportProblem, ImportReport, ImportRow, Progress};

use super::{refused, stages::Stages};
use crate::account_row::normalised;

/// Rows of one write: few enough that other writers of the store are not kept
/// waiting, enough that the commit's sync does not count.
const BATCH_ROWS: usize = 2_000;

/// Rows, and how far the file was read with them.
pub(super) struct Batch {
    pub(super) rows: Vec<ImportRow>,
    pub(super) progress: Progress,
}

/// How reading ended.
pub(super) enum End {
    /// All batches were taken.
    Whole { progress: Progress, report: ImportReport },
    /// The file cannot be used; rows that were given do not count.
    Refused { report: ImportReport },
    /// Nobody takes batches any more.
    Cancelled,
}

/// Reads the whole file.
pub(super) fn read(path: &Path, options: &ImportOptions, batches: &Sender<Batch>) -> End {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "import.file.open failed");
            let reason = "the uploaded file is not there any more".to_owned();
            return End::Refused { report: refused("file-lost", reason, "Import the list again.") };
        }
    };
    let columns = options.columns.clone().map(serde_json::from_value::<ColumnMap>).transpose();
    let columns = match columns {
        Ok(columns) => columns,
        Err(error) => {
            let reason = format!("the column map cannot be read: {error}");
            return End::Refused {
                report: refused("bad-column-map", reason, "Correct the column map."),
            };
        }
    };
    let list = match ListReader::open(file, columns.as_ref(), list_limits()) {
        Ok(list) => list,
        Err(problem) => {
            let report = ImportReport { error: Some(told(&problem)), ..ImportReport::default() };
            return End::Refused { report };
        }
    };
    read_rows(list, Stages::new(&options.stages), batches)
}

fn read_rows(mut list: ListReader<File>, mut stages: Stages, batches: &Sender<Batch>) -> End {
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    while let Some(row) = list.next_row() {
        // What is wrong with a row stands in the report.
        let Ok(row) = row else { continue };
        rows.push(in_population(row, &mut stages));
        if rows.len() == BATCH_ROWS {
            let rows = std::mem::replace(&mut rows, Vec::with_capacity(BATCH_ROWS));
            if batches.blocking_send(Batch { rows, progress: progress(&list) }).is_err() {
                return End::Cancelled;
            }
        }
    }
    let progress = progress(&list);
    if !rows.is_empty() && batches.blocking_send(Batch { rows, progress }).is_err() {
        return End::Cancelled;
    }
    let found = list.into_report();
    let report = report(&found, &stages);
    match report.error {
        Some(_) => End::Refused { report },
        None => End::Whole { progress, report },
    }
}

fn list_limits() -> ListLimits {
    let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    ListLimits {
        rows_max: limits::IMPORT_ROWS,
        cell_bytes_max: size(limits::IMPORT_CELL_BYTES),
        record_bytes_max: size(limits::IMPORT_RECORD_BYTES),
        problems_listed_max: size(limits::IMPORT_PROBLEMS),
    }
}

fn progress(list: &ListReader<File>) -> Progress {
    let report = list.report();
    Progress {
        bytes_read: list.bytes_read(),
        rows_read: report.rows_read,
        rows_rejected: report.rows_rejected,
    }
}

fn in_population(row: Row, stages: &mut Stages) -> ImportRow {
    let population = stages.population(row.stage.as_deref().unwrap_or_default());
    normalised(row, population)
}

fn report(found: &ListReport, stages: &Stages) -> ImportReport {
    ImportReport {
        problems: found.problems.iter().map(told).collect(),
        problems_total: found.rows_rejected,
        ignored_columns: found.ignored_columns.clone(),
        unknown_stages: stages.unknown(),
        error: found.refused.as_ref().map(told),
        ..ImportReport::default()
    }
}

fn told(problem: &ListProblem) -> ImportProblem {
    let column = problem.column.as_ref();
    ImportProblem {
        line: Some(problem.line),
        column: column
            .map(|column| column.name.clone().unwrap_or_else(|| column.number.to_string())),
        code: problem.code.to_string(),
        reason: problem.reason.clone(),
        next_step: problem.next_step.clone(),
    }
}

#[cfg(test)]
mod tests;
