//! Text to records: where a row begins and ends, and whether its quotes are whole.
//!
//! Follows the quoting rules of the `csv` crate byte by byte, so that it knows
//! three things that the parser alone doesn't tell: on which line a quote opened,
//! whether text follows a closing quote, and how long a record grows *before* it
//! is held. A record over `record_bytes_max` is read on to its end without being
//! kept. If it goes over a line break, its quote has most likely swallowed rows:
//! then the file is refused, because those rows would be missed in silence.
//!
//! Doesn't unquote (`csv-core` does) and doesn't know what a column means.

use std::io::Read;

use super::decode::{Decode, DecodeFault};
use super::problem::{Code, ListProblem};
use super::reader::ListLimits;
use super::sniff::{FirstLine, sniff};

/// Why a record can't become a row. `field` counts from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum RecordFault {
    StrayQuote { field: usize },
    CellTooLong { field: usize },
    TooLong,
}

/// One record as it stands in the file, ended by a line feed.
#[derive(Debug, Default)]
pub(super) struct RawRecord {
    pub(super) bytes: Vec<u8>,
    pub(super) line: u64,
    pub(super) fields: usize,
    pub(super) fault: Option<RecordFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a cell.
    CellStart,
    /// In a cell without quotes, or behind a stray quote.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that closes the cell or is the first of two.
    QuoteSeen,
}

/// Where the scan of one record stands.
struct Scan {
    state: State,
    field: usize,
    cell_bytes: usize,
    record_bytes: usize,
    quote_line: u64,
}

pub(super) struct Split<R> {
    decode: Decode<R>,
    text: Vec<u8>,
    at: usize,
    /// Raised once the text before it is used up.
    pending: Option<DecodeFault>,
    line: u64,
    byte: u64,
    after_cr: bool,
    delimiter: u8,
    cell_bytes_max: usize,
    record_bytes_max: usize,
}

impl<R: Read> Split<R> {
    pub(super) fn open(source: R, limits: &ListLimits) -> Self {
        let mut split = Self {
            decode: Decode::new(source),
            text: Vec::new(),
            at: 0,
            pending: None,
            line: 1,
            byte: 0,
            after_cr: false,
            delimiter: b',',
            cell_bytes_max: limits.cell_bytes_max,
            record_bytes_max: limits.record_bytes_max,
        };
        let mut first_line = FirstLine::default();
        while !first_line.is_whole(&split.text) && split.extend() {}
        let sniffed = sniff(&split.text);
        split.delimiter = sniffed.delimiter;
        split.at = sniffed.skip;
        split
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn encoding(&self) -> &'static str {
        self.decode.encoding()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.decode.bytes_read()
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record that isn't an empty line. False at the end.
    pub(super) fn next_record(&mut self, record: &mut RawRecord) -> Result<bool, ListProblem> {
        record.bytes.clear();
        record.fields = 0;
        record.fault = None;
        let mut scan = Scan {
            state: State::CellStart,
            field: 0,
            cell_bytes: 0,
            record_bytes: 0,
            quote_line: 0,
        };
        loop {
            let Some(&byte) = self.text.get(self.at) else {
                if self.refill()? {
                    continue;
                }
                return self.at_end(&scan, record);
            };
            if scan.record_bytes == 0 {
                record.line = self.line;
            }
            let ends = self.step(byte, &mut scan, record)?;
            self.at += 1;
            self.count_position(byte);
            if ends {
                if scan.record_bytes == 0 {
                    continue;
                }
                finish(&scan, record);
                return Ok(true);
            }
        }
    }

    /// Takes one byte in; true if it ends the record.
    fn step(&self, byte: u8, scan: &mut Scan, record: &mut RawRecord) -> Result<bool, ListProblem> {
        if byte == 0 {
            return Err(self.nul());
        }
        let is_end = matches!(byte, b'\n' | b'\r');
        if is_end && scan.state != State::Quoted {
            return Ok(true);
        }
        let mut cell_ends = false;
        scan.state = match (scan.state, byte) {
            (State::CellStart, b'"') => {
                scan.quote_line = self.line;
                State::Quoted
            }
            (State::Quoted, b'"') => State::QuoteSeen,
            (State::QuoteSeen, b'"') | (State::Quoted, _) => State::Quoted,
            (_, byte) if byte == self.delimiter => {
                cell_ends = true;
                State::CellStart
            }
            (State::QuoteSeen, _) => {
                if scan.quote_line < self.line {
                    return Err(self.swallowed(scan, "text follows its closing quote"));
                }
                let field = scan.field;
                record.fault.get_or_insert(RecordFault::StrayQuote { field });
                State::Plain
            }
            (State::CellStart | State::Plain, _) => State::Plain,
        };
        self.keep(byte, scan, record)?;
        if cell_ends {
            scan.field += 1;
            scan.cell_bytes = 0;
        }
        Ok(false)
    }

    /// Counts a byte and holds it while the record is within its limit.
    fn keep(&self, byte: u8, scan: &mut Scan, record: &mut RawRecord) -> Result<(), ListProblem> {
        scan.record_bytes += 1;
        scan.cell_bytes += 1;
        if scan.cell_bytes > self.cell_bytes_max.saturating_add(1) {
            // One more than the limit, because the delimiter is counted too.
            record.fault.get_or_insert(RecordFault::CellTooLong { field: scan.field });
        }
        if scan.record_bytes <= self.record_bytes_max {
            record.bytes.push(byte);
            return Ok(());
        }
        record.fault.get_or_insert(RecordFault::TooLong);
        if scan.quote_line > 0 && record.line < self.line {
            let why = format!("the row has grown over {} bytes", self.record_bytes_max);
            return Err(self.swallowed(scan, &why));
        }
        Ok(())
    }

    fn at_end(&self, scan: &Scan, record: &mut RawRecord) -> Result<bool, ListProblem> {
        if scan.record_bytes == 0 {
            return Ok(false);
        }
        if scan.state == State::Quoted {
            return Err(self.swallowed(scan, "the file ends before it closes"));
        }
        finish(scan, record);
        Ok(true)
    }

    fn swallowed(&self, scan: &Scan, why: &str) -> ListProblem {
        ListProblem::new(
            Code::QuoteNotClosed,
            scan.quote_line,
            format!("the quote that opens here isn't closed properly: {why} on line {}", self.line),
            "Close the quote or double it (\"\") and import the file again; the rows behind it can't be told apart.",
        )
        .in_column(scan.field, &[])
    }

    fn nul(&self) -> ListProblem {
        ListProblem::new(
            Code::NulByte,
            self.line,
            "a NUL byte: this isn't a text file, or it is UTF-16 without byte-order mark",
            "Save the list as \"CSV UTF-8\" and import it again.",
        )
        .at_byte(self.byte + 1)
    }

    fn count_position(&mut self, byte: u8) {
        match byte {
            b'\n' if self.after_cr => {}
            b'\n' | b'\r' => {
                self.line += 1;
                self.byte = 0;
            }
            _ => self.byte += 1,
        }
        self.after_cr = byte == b'\r';
    }

    /// Replaces the used text by the next block. False at the end.
    fn refill(&mut self) -> Result<bool, ListProblem> {
        self.text.clear();
        self.at = 0;
        loop {
            if let Some(fault) = self.pending.take() {
                return Err(self.undecodable(&fault));
            }
            let more = self.extend();
            if !self.text.is_empty() {
                return Ok(true);
            }
            if !more && self.pending.is_none() {
                return Ok(false);
            }
        }
    }

    /// Appends one block. A fault waits until the text before it is used up.
    fn extend(&mut self) -> bool {
        if self.pending.is_some() {
            return false;
        }
        match self.decode.fill(&mut self.text) {
            Ok(more) => more,
            Err(fault) => {
                self.pending = Some(fault);
                false
            }
        }
    }

    fn undecodable(&self, fault: &DecodeFault) -> ListProblem {
        match fault {
            DecodeFault::Read(error) => ListProblem::new(
                Code::ReadFailed,
                self.line,
                format!("the file breaks off here: {error}"),
                "Upload it again; nothing of it was used.",
            ),
            DecodeFault::Malformed { .. } if self.encoding() != "UTF-8" => ListProblem::new(
                Code::NotUtf16,
                self.line,
                format!("the file begins as {} and has a broken character here", self.encoding()),
                "Save the list as \"CSV UTF-8\" and import it again.",
            ),
            DecodeFault::Malformed { byte } => {
                let byte = byte.map_or_else(String::new, |byte| format!(" (0x{byte:02X})"));
                ListProblem::new(
                    Code::NotUtf8,
                    self.line,
                    format!(
                        "this byte{byte} isn't UTF-8; spreadsheets often write Windows-1252 instead"
                    ),
                    "Save the list as \"CSV UTF-8\" and import it again.",
                )
                .at_byte(self.byte + 1)
            }
        }
    }
}

fn finish(scan: &Scan, record: &mut RawRecord) {
    record.fields = scan.field + 1;
    record.bytes.push(b'\n');
}
