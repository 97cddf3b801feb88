//! One case for each problem: the report names place, reason and next step.

use std::io::{self, Cursor, Read};

use venn_mapping::list::{Code, ColumnMap, ListLimits, ListReader, Rejects};

use crate::support::{LIMITS, read_all, refusal};

const HEADER: &str = "Record ID,Company name,Company Domain Name,Amount,Create Date\n";

/// What happens to one row behind a good one, and that the next one is read.
fn row_problem(row: &str) -> String {
    let file = format!("{HEADER}1,Acme,acme.com,,\n{row}\n3,Beta,beta.com,,\n");
    let (rows, report) = read_all(file.as_bytes(), None, LIMITS).unwrap();
    assert_eq!(report.refused, None, "{row}");
    assert_eq!(rows.iter().map(|row| &*row.external_id).collect::<Vec<_>>(), ["1", "3"], "{row}");
    assert_eq!((report.rows_read, report.rows_rejected), (3, 1));
    assert_eq!(report.problems[0].rejects, Rejects::Row);
    report.problems[0].to_string()
}

#[test]
fn a_wrong_row_is_rejected_alone() {
    for (row, text) in [
        (
            "2,Two,two.com",
            "line 3, column 4 \"Amount\": this row has 3 cells, the header has 5 (ragged-row). Quote cells that hold the delimiter or a line break, and fill rows up to the header.",
        ),
        (
            "2,Two,two.com,,,x",
            "line 3, column 6: this row has 6 cells, the header has 5 (ragged-row). Quote cells that hold the delimiter or a line break, and fill rows up to the header.",
        ),
        (
            "2,\"Two\" Inc,two.com,,",
            "line 3, column 2 \"Company name\": text follows the quote that closes this cell (stray-quote). Double every quote inside of the cell (\"\").",
        ),
        (
            ",Two,two.com,,",
            "line 3, column 1 \"Record ID\": this account has no id (missing-id). Every account needs the id that the CRM gave it.",
        ),
        (
            "1,Two,two.com,,",
            "line 3, column 1 \"Record ID\": the id \"1\" is that of line 2 already (duplicate-id). Keep one of the two rows: the first one was taken.",
        ),
        (
            "2,\" \",,,",
            "line 3, column 2 \"Company name\": this account has neither a name nor a website (missing-name-and-website). Give it one of them in the CRM, or leave it out of the export.",
        ),
        (
            "2,Two,two.com,many,",
            "line 3, column 4 \"Amount\": \"many\" isn't an amount (invalid-amount). Write it as a plain number with a decimal point, such as 1234.50.",
        ),
        (
            "2,Two,two.com,,03/04/2025",
            "line 3, column 5 \"Create Date\": \"03/04/2025\" isn't a date, or could be two (invalid-date). Write it as YYYY-MM-DD.",
        ),
    ] {
        assert_eq!(row_problem(row), text);
    }
    let long_id = format!("{},Two,two.com,,", "9".repeat(300));
    assert_eq!(
        row_problem(&long_id),
        "line 3, column 1 \"Record ID\": an id of more than 256 bytes isn't one (id-too-long). Every account needs the id that the CRM gave it."
    );
}

#[test]
fn a_cell_of_ten_megabytes_is_rejected_and_the_next_row_is_read() {
    for cell in ["x".repeat(10_000_000), format!("\"{}\"", "x,".repeat(5_000_000))] {
        assert_eq!(
            row_problem(&format!("2,{cell},two.com,,")),
            "line 3, column 2 \"Company name\": this cell has more than 65536 bytes (cell-too-long). Shorten the cell or leave the column out of the export."
        );
    }
    let wide = format!("2,Two,two.com,,{}", ",x".repeat(600_000));
    assert_eq!(
        row_problem(&wide),
        "line 3: this row has more than 1048576 bytes (record-too-long). Leave columns out of the export."
    );
}

#[test]
fn a_cell_at_the_limit_is_read() {
    let limits = ListLimits { cell_bytes_max: 10, ..LIMITS };
    for (cell, accepted) in [("a234567890", 1), ("a2345678901", 0)] {
        let file = format!("Id,Name,Website\n1,{cell},a.com\n");
        assert_eq!(
            read_all(file.as_bytes(), None, limits).unwrap().1.rows_accepted,
            accepted,
            "{cell}"
        );
    }
}

#[test]
fn a_quote_that_swallows_rows_refuses_the_file_at_the_line_where_it_opens() {
    let text = |file: &str, limits| refusal(file.as_bytes(), limits).to_string();
    let open = format!("{HEADER}1,Acme,acme.com,,\n2,\"Two,two.com,,\n3,Three,three.com,,\n");
    let next = "Close the quote or double it (\"\") and import the file again; the rows behind it can't be told apart.";
    assert_eq!(
        text(&open, LIMITS),
        format!(
            "line 3, column 2 \"Company name\": the quote that opens here isn't closed properly: the file ends before it closes on line 5 (quote-not-closed). {next}"
        )
    );
    let closed_later = format!("{open}4,\"Four\",four.com,,\n");
    assert_eq!(
        text(&closed_later, LIMITS),
        format!(
            "line 3, column 2 \"Company name\": the quote that opens here isn't closed properly: text follows its closing quote on line 5 (quote-not-closed). {next}"
        )
    );
    let limits = ListLimits { record_bytes_max: 100, ..LIMITS };
    let long = format!("{open}{}", "5,Five,five.com,,\n".repeat(100));
    assert_eq!(
        text(&long, limits),
        format!(
            "line 3, column 2 \"Company name\": the quote that opens here isn't closed properly: the row has grown over 100 bytes on line 8 (quote-not-closed). {next}"
        )
    );
}

/// A source without end: the test cuts it far behind the limit.
struct Endless(bool);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(if self.0 { b'\n' } else { b'x' });
        self.0 = !self.0;
        Ok(buffer.len())
    }
}

#[test]
fn a_never_closed_quote_ends_an_endless_file_within_the_record_limit() {
    let source = Cursor::new(format!("{HEADER}1,\"")).chain(Endless(false).take(20_000_000));
    let mut list = ListReader::open(source, None, LIMITS).unwrap();
    let problem = list.next_row().unwrap().unwrap_err();
    assert_eq!((problem.code, problem.line), (Code::QuoteNotClosed, 2));
    assert!(list.bytes_read() < 1_300_000, "{}", list.bytes_read());
    assert!(list.next_row().is_none());
}

#[test]
fn encodings_other_than_utf_8_and_utf_16_are_refused_at_the_byte() {
    let mut windows = format!("{HEADER}1,Acme,acme.com,,\n2,Caf").into_bytes();
    windows.extend(b"\xE9,cafe.com,,\n");
    assert_eq!(
        refusal(&*windows, LIMITS).to_string(),
        "line 3, byte 6: this byte (0xE9) isn't UTF-8; spreadsheets often write Windows-1252 instead (not-utf8). Save the list as \"CSV UTF-8\" and import it again."
    );
    let nul = format!("{HEADER}1,Ac\0me,acme.com,,\n");
    assert_eq!(
        refusal(nul.as_bytes(), LIMITS).to_string(),
        "line 2, byte 5: a NUL byte: this isn't a text file, or it is UTF-16 without byte-order mark (nul-byte). Save the list as \"CSV UTF-8\" and import it again."
    );
    let half: &[u8] = b"\xFF\xFEI\0d\0,\0\n\0\x00\xD8";
    assert_eq!(refusal(half, LIMITS).code, Code::UnrecognisedColumns);
    let cut: &[u8] = b"Id,Name,Website\n1,Caf\xC3";
    assert_eq!(
        refusal(cut, LIMITS).to_string().split(';').next().unwrap(),
        "line 2, byte 6: this byte (0xC3) isn't UTF-8"
    );
}

#[test]
fn utf_16_and_byte_order_marks_read_as_the_same_rows() {
    let text = "Id;Name;Website\r\n1;Müller 食狮;müller.de\r\n";
    let utf_16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    };
    let files = [
        text.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        utf_16([0xFF, 0xFE], u16::to_le_bytes),
        utf_16([0xFE, 0xFF], u16::to_be_bytes),
    ];
    for file in files {
        let (rows, report) = read_all(&*file, None, LIMITS).unwrap();
        assert_eq!(
            (&*rows[0].name, rows[0].website.as_deref()),
            ("Müller 食狮", Some("müller.de"))
        );
        assert_eq!((report.refused, report.delimiter), (None, ';'));
    }
    let mut broken = utf_16([0xFF, 0xFE], u16::to_le_bytes);
    broken.extend([0x00, 0xD8, b'x', 0]);
    assert_eq!(
        refusal(&*broken, LIMITS).to_string(),
        "line 3: the file begins as UTF-16LE and has a broken character here (not-utf16). Save the list as \"CSV UTF-8\" and import it again."
    );
}

struct BreaksOff;

impl Read for BreaksOff {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed"))
    }
}

#[test]
fn an_upload_that_breaks_off_refuses_the_file() {
    let source = Cursor::new(format!("{HEADER}1,Acme,acme.com,,\n2,Two")).chain(BreaksOff);
    assert_eq!(
        refusal(source, LIMITS).to_string(),
        "line 3: the file breaks off here: connection closed (read-failed). Upload it again; nothing of it was used."
    );
}

#[test]
fn files_without_rows_or_with_too_many_are_refused() {
    assert_eq!(
        refusal(&b"\xEF\xBB\xBF\r\n"[..], LIMITS).to_string(),
        "line 2: the file is empty (empty-file). Export the list again, with a header line."
    );
    assert_eq!(
        refusal(format!("{HEADER},,,,\n").as_bytes(), LIMITS).to_string(),
        "line 3: the file has a header and no rows (no-rows). Export the list again; an empty list would remove every account."
    );
    let limits = ListLimits { rows_max: 1, ..LIMITS };
    let two = format!("{HEADER}1,Acme,acme.com,,\n,,,,\n2,Two,two.com,,\n");
    assert_eq!(
        refusal(two.as_bytes(), limits).to_string(),
        "line 4: the file has more than 1 rows (too-many-rows). Split the list, or leave out accounts that needn't be mapped."
    );
}

#[test]
fn unknown_columns_ask_for_a_map_and_a_map_must_fit() {
    let file = "Nr,Firma,Web,Firma\n7,Acme,acme.com,x\n";
    assert_eq!(
        refusal(file.as_bytes(), LIMITS).to_string(),
        "line 1: the columns aren't those of a known CRM export: \"Nr\", \"Firma\", \"Web\", \"Firma\" (unrecognised-columns). Pass a column map that says which column is the external id, the name and the website."
    );
    let map = |text: &str| serde_json::from_str::<ColumnMap>(text);
    let with = |text: &str| read_all(file.as_bytes(), Some(&map(text).unwrap()), LIMITS);
    assert_eq!(
        with(r#"{"external_id":"Nr","website":"URL"}"#).unwrap_err().to_string(),
        "line 1: the column map names \"URL\", which the file lacks; it has \"Nr\", \"Firma\", \"Web\", \"Firma\" (missing-column). Correct the column map or the file's header."
    );
    assert_eq!(
        with(r#"{"external_id":"nr","name":"firma"}"#).unwrap_err().to_string(),
        "line 1, column 4 \"Firma\": this column stands in the file twice: as column 2 too (duplicate-column). Rename or remove one of them and import the file again."
    );
    assert_eq!(with(r#"{"external_id":"Nr"}"#).unwrap_err().code, Code::MissingColumn);
    assert!(map(r#"{"external_id":"Nr","phone":"Tel"}"#).is_err(), "unknown keys are refused");
    let (rows, report) = with(r#"{"external_id":" NR ","website":"web"}"#).unwrap();
    assert_eq!((&*rows[0].name, rows[0].website.as_deref()), ("acme.com", Some("acme.com")));
    assert_eq!(report.ignored_columns, ["Firma", "Firma"]);
}

#[test]
fn columns_that_nobody_asked_for_stay_out() {
    let file = "ID,NAME,Website,Phone,Type,Score\n1,Acme,acme.com,555,Customer,9\n";
    let (rows, report) = read_all(file.as_bytes(), None, LIMITS).unwrap();
    assert_eq!(report.ignored_columns, ["Phone", "Score"]);
    assert!(rows[0].extra.is_empty() && !format!("{rows:?}").contains("555"));
    let map = ColumnMap {
        external_id: "id".into(),
        name: Some("name".into()),
        extra: vec!["score".into()],
        ..ColumnMap::default()
    };
    let (rows, report) = read_all(file.as_bytes(), Some(&map), LIMITS).unwrap();
    assert_eq!(rows[0].extra, [("Score".to_owned(), "9".to_owned())]);
    assert_eq!(report.ignored_columns, ["Website", "Phone", "Type"]);
}

#[test]
fn problems_are_listed_up_to_the_limit_and_counted_to_the_end() {
    let file = format!("{HEADER}{}", ",Nobody,a.com,,\n".repeat(250));
    let (_, report) = read_all(file.as_bytes(), None, LIMITS).unwrap();
    assert_eq!((report.problems.len(), report.rows_rejected), (100, 250));
    assert_eq!(report.problem_counts[&Code::MissingId], 250);
}

#[test]
fn a_million_rows_stream() {
    struct Rows(u64);
    impl Read for Rows {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 1_000_000 {
                return Ok(0);
            }
            self.0 += 1;
            let row = format!("{},Company {},c{}.com,,\n", self.0, self.0, self.0);
            buffer[..row.len()].copy_from_slice(row.as_bytes());
            Ok(row.len())
        }
    }
    let mut list = ListReader::open(Cursor::new(HEADER).chain(Rows(0)), None, LIMITS).unwrap();
    let mut line = 0;
    while let Some(row) = list.next_row() {
        line = row.unwrap().line;
    }
    assert_eq!((list.report().rows_accepted, line), (1_000_000, 1_000_001));
}
