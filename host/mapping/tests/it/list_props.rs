//! What must be true of any list: reading ends without a panic, and what the
//! `csv` crate wrote is read back.

use std::collections::BTreeSet;
use std::io::{self, Read};

use proptest::prelude::*;
use venn_mapping::list::{ColumnMap, ListLimits, Rejects};

use crate::support::{LIMITS, read_all};

/// Gives its bytes in small pieces, so that every boundary is met.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.len().min(self.1).min(buffer.len());
        let (head, tail) = self.0.split_at(bytes);
        buffer[..bytes].copy_from_slice(head);
        self.0 = tail;
        Ok(bytes)
    }
}

/// Bytes that often are nearly a list.
fn nearly_a_list() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"Id,Name,Website\n".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just(b"\xFF\xFE".to_vec()),
        Just(b"1,Acme,acme.com\r\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b",".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"sep=;\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
        "[a-z\",;\n\r]{0,12}".prop_map(String::into_bytes),
    ];
    let pieces = prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat());
    (any::<bool>(), pieces).prop_map(|(header, rest)| {
        if header { [b"Id,Name,Website\n".to_vec(), rest].concat() } else { rest }
    })
}

/// No surrounding space (it is trimmed), no NUL (it is refused), not empty.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[^\0]{1,12}", "[a-z,;\t\"\r\n ]{1,12}"]
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("an empty cell is none", |text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_end_in_rows_or_a_reason(bytes in nearly_a_list(), piece in 1usize..9) {
        let limits = ListLimits { rows_max: 20, cell_bytes_max: 16, record_bytes_max: 40, problems_listed_max: 3 };
        let at_once = read_all(&*bytes, None, limits);
        let in_pieces = read_all(Pieces(&bytes, piece), None, limits);
        prop_assert_eq!(&at_once, &in_pieces, "how the bytes arrive doesn't matter");
        if let Ok((rows, report)) = at_once {
            prop_assert_eq!(report.rows_read, report.rows_accepted + report.rows_rejected);
            prop_assert_eq!(u64::try_from(rows.len()).unwrap(), report.rows_accepted);
            prop_assert!(report.problems.len() <= 3);
            prop_assert!(report.problems.iter().all(|problem| problem.rejects == Rejects::Row));
        }
    }

    #[test]
    fn what_the_csv_crate_wrote_is_read_back(
        rows in prop::collection::vec((cell(), cell(), prop::option::of(cell()), prop::option::of(cell())), 1..12),
        delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        crlf in any::<bool>(),
        piece in 1usize..40,
    ) {
        let mut seen = BTreeSet::new();
        let rows: Vec<_> = rows.into_iter().filter(|row| seen.insert(row.0.clone())).collect();
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(terminator).from_writer(Vec::new());
        writer.write_record(["key", "title", "site", "note"]).unwrap();
        for (id, name, website, note) in &rows {
            writer.write_record([id, name, website.as_deref().unwrap_or(""), note.as_deref().unwrap_or("")]).unwrap();
        }
        let file = writer.into_inner().unwrap();
        let map = ColumnMap {
            external_id: "key".into(),
            name: Some("title".into()),
            website: Some("site".into()),
            stage: Some("note".into()),
            ..ColumnMap::default()
        };
        let (read, report) = read_all(Pieces(&file, piece), Some(&map), LIMITS).unwrap();
        prop_assert_eq!(report.refused, None);
        let read: Vec<_> = read.into_iter().map(|row| (row.external_id, row.name, row.website, row.stage)).collect();
        prop_assert_eq!(read, rows);
    }
}
