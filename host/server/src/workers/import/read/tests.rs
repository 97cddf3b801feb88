//! Files as they come: to batches, or to a reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
use std::fmt::Write as _;

use super::*;

/// Reads a file with this text; gives the batches and the end.
fn read_text(text: &[u8], options: &ImportOptions) -> (Vec<Batch>, End) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let (sender, mut inbox) = tokio::sync::mpsc::channel(1_000);
    let end = read(file.path(), options, &sender);
    let mut batches = Vec::new();
    while let Ok(batch) = inbox.try_recv() {
        batches.push(batch);
    }
    (batches, end)
}

fn options(columns: serde_json::Value) -> ImportOptions {
    ImportOptions { columns: Some(columns), ..ImportOptions::default() }
}

#[test]
fn rows_come_normalised_in_batches_with_their_progress() {
    let mut text = "Id,Firm,Site,Phase\n".to_owned();
    for number in 0..2_500 {
        writeln!(text, "{number},Firm {number} GmbH,https://www.f{number}.example.com/x,Customer")
            .unwrap();
    }
    let columns = serde_json::json!({
        "external_id": "id", "name": "Firm", "website": "Site", "stage": "Phase"
    });
    let (batches, end) = read_text(text.as_bytes(), &options(columns));
    let sizes: Vec<_> = batches.iter().map(|batch| batch.rows.len()).collect();
    assert_eq!(sizes, [2_000, 500]);
    let row = &batches[0].rows[7];
    assert_eq!((row.host.as_str(), row.domain.as_str()), ("f7.example.com", "example.com"));
    assert_eq!((row.name_key.as_str(), row.population.as_str()), ("firm 7", "customers"));
    let End::Whole { progress, .. } = end else { panic!("the file was refused") };
    assert_eq!((progress.rows_read, progress.bytes_read), (2_500, text.len() as u64));
}

#[test]
fn a_rejected_row_is_reported_with_line_column_reason_and_next_step() {
    let text = "Id,Firm,Worth\n1,Acme,lots\n2,Bolt,5\n";
    let columns = serde_json::json!({ "external_id": "Id", "name": "Firm", "amount": "Worth" });
    let (batches, end) = read_text(text.as_bytes(), &options(columns));
    assert_eq!(batches[0].rows.len(), 1);
    let End::Whole { report, .. } = end else { panic!("the file was refused") };
    assert_eq!(report.problems_total, 1);
    let expected = ImportProblem {
        line: Some(2),
        column: Some("Worth".to_owned()),
        code: "invalid-amount".to_owned(),
        reason: "\"lots\" isn't an amount".to_owned(),
        next_step: "Write it as a plain number with a decimal point, such as 1234.50.".to_owned(),
    };
    assert_eq!(report.problems, [expected]);
}

#[test]
fn a_file_of_unknown_columns_is_refused_and_so_is_one_that_goes_bad_half_way() {
    let code = |text: &[u8]| match read_text(text, &ImportOptions::default()).1 {
        End::Refused { report } => report.error.unwrap().code,
        _ => panic!("the file was taken"),
    };
    assert_eq!(code(b"a,b\n1,2\n"), "unrecognised-columns");
    assert_eq!(code(b""), "empty-file");
    let half = b"Record ID,Company name,Company Domain Name\n1,Acme,acme.com\n2,\xff,b.com\n";
    assert_eq!(code(half), "not-utf8");
}

#[test]
fn a_lost_file_is_a_reason_and_a_batch_that_nobody_takes_ends_the_reading() {
    let (sender, inbox) = tokio::sync::mpsc::channel(1);
    let end = read(Path::new("/nonexistent/file"), &ImportOptions::default(), &sender);
    let End::Refused { report } = end else { panic!("the file was taken") };
    assert_eq!(report.error.unwrap().code, "file-lost");
    drop(inbox);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Record ID,Company name,Company Domain Name\n1,Acme,acme.com\n")
        .unwrap();
    assert!(matches!(read(file.path(), &ImportOptions::default(), &sender), End::Cancelled));
}
