//! Reading a company list: a CSV file as a CRM exports it, row by row.
//!
//! ```
//! use venn_mapping::list::{ListLimits, ListReader};
//! let file = "Record ID,Company name,Company Domain Name\n1,Acme,acme.com\n2,,\n";
//! let limits = ListLimits {
//!     rows_max: 1_000_000, cell_bytes_max: 65_536, record_bytes_max: 1_048_576, problems_listed_max: 100,
//! };
//! let mut list = ListReader::open(file.as_bytes(), None, limits)?;
//! while let Some(row) = list.next_row() {
//!     match row {
//!         Ok(row) => println!("{} {}", row.external_id, row.name),
//!         Err(problem) => println!("{problem}"),
//!     }
//! }
//! assert_eq!((list.report().rows_accepted, list.report().rows_rejected), (1, 1));
//! assert!(list.report().refused.is_none());
//! # Ok::<(), venn_mapping::list::ListProblem>(())
//! ```
//!
//! # What rejects a row, and what refuses the file
//! A *row* is rejected when it alone is wrong: nothing of it is used, reading
//! goes on, the report counts it. A *file* is refused when what follows can't be
//! trusted: encoding, columns, a quote that swallows rows, too many rows, a
//! source that breaks off. [`Code::rejects`] is the one place that says which.
//! The caller must not use any row of a refused file: [`ListReport::refused`].
//!
//! A wrong amount or date rejects its row rather than being dropped: a value
//! that silently disappears is worse than a row that is named with its reason.
//!
//! # Memory
//! One 64 KiB input block and its text, one record (`record_bytes_max`) twice,
//! the listed problems, and some 50 bytes for each row to find duplicate ids
//! (some 50 MB for a million rows). Nothing else grows with the file: a longer
//! cell or record is read on without being held.
//!
//! # Code map
//! bytes -> `decode` (UTF-8, UTF-16) -> `split` (records, quotes, limits) ->
//! `csv-core` (unquoting) -> `columns` (which column is what) -> `row` (what a
//! row must have; for live sources too) with `value`, `date` -> [`Row`]. Doesn't normalise names or hosts and doesn't know populations.

mod columns;
mod date;
mod decode;
mod problem;
mod reader;
mod recognise;
mod report;
mod row;
mod sniff;
mod split;
mod value;

pub use columns::ColumnMap;
pub use problem::{Code, Column, ListProblem, Rejects};
pub use reader::{ListLimits, ListReader};
pub use report::{ColumnUse, ListFormat, ListReport};
pub use row::{Row, RowProblem, Texts, Value};
