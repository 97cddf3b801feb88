//! Bytes of a file to UTF-8 text, block by block.
//!
//! UTF-8 with or without byte-order mark, UTF-16 in both orders with one.
//! Anything else is refused, never guessed: a guess turns names into other names.

use std::io::{ErrorKind, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8};

/// One block of input: large enough that calls don't count, small beside a record.
const BLOCK_BYTES: usize = 64 * 1024;

/// Why no more text comes.
#[derive(Debug)]
pub(super) enum DecodeFault {
    /// The source failed.
    Read(std::io::Error),
    /// A sequence that the encoding doesn't have.
    Malformed { byte: Option<u8> },
}

pub(super) struct Decode<R> {
    source: R,
    block: Box<[u8]>,
    /// What of the block isn't decoded yet.
    from: usize,
    to: usize,
    encoding: &'static Encoding,
    decoder: Option<encoding_rs::Decoder>,
    ended: bool,
    bytes_read: u64,
    /// The last bytes before the block: a character may span two blocks.
    tail: Vec<u8>,
}

/// The longest sequence that a decoder looks at before it calls it malformed.
const SEQUENCE_BYTES_MAX: usize = 6;

impl<R: Read> Decode<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
            encoding: UTF_8,
            decoder: None,
            ended: false,
            bytes_read: 0,
            tail: Vec::new(),
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// `UTF-8`, `UTF-16LE` or `UTF-16BE`; known after the first block.
    pub(super) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Appends one more block of text. False at the end.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>) -> Result<bool, DecodeFault> {
        if self.decoder.is_none() {
            self.read_mark()?;
        }
        if self.ended {
            return Ok(false);
        }
        let mut last = false;
        if self.from >= self.to {
            self.keep_tail();
            last = self.read_more()? == 0;
        }
        let input = self.block.get(self.from..self.to).unwrap_or_default();
        let Some(decoder) = self.decoder.as_mut() else { return Ok(false) };
        let start = out.len();
        // Three bytes of text for each byte of input is the worst case.
        let room = decoder
            .max_utf8_buffer_length_without_replacement(input.len())
            .unwrap_or(BLOCK_BYTES * 4);
        out.resize(start + room, 0);
        let free = out.get_mut(start..).unwrap_or_default();
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(input, free, last);
        out.truncate(start + written);
        self.from += read;
        match result {
            DecoderResult::Malformed(length, after) => {
                self.ended = true;
                let back = usize::from(length) + usize::from(after);
                let before = self.block.get(..self.from).unwrap_or_default();
                let mut latest_first = before.iter().rev().chain(self.tail.iter().rev());
                Err(DecodeFault::Malformed {
                    byte: latest_first.nth(back.saturating_sub(1)).copied(),
                })
            }
            DecoderResult::InputEmpty if last => {
                self.ended = true;
                Ok(written > 0)
            }
            DecoderResult::InputEmpty | DecoderResult::OutputFull => Ok(true),
        }
    }

    /// Reads the first bytes and decides on the encoding.
    fn read_mark(&mut self) -> Result<(), DecodeFault> {
        // The longest mark has three bytes.
        while self.to < 3 && self.read_more()? > 0 {}
        let first = self.block.get(..self.to).unwrap_or_default();
        let (encoding, mark_bytes) = Encoding::for_bom(first).unwrap_or((UTF_8, 0));
        self.encoding = encoding;
        self.decoder = Some(encoding.new_decoder_without_bom_handling());
        self.from = mark_bytes;
        Ok(())
    }

    /// Empties the block, but for what a fault may still point at.
    fn keep_tail(&mut self) {
        let start = self.to.saturating_sub(SEQUENCE_BYTES_MAX);
        self.tail.extend_from_slice(self.block.get(start..self.to).unwrap_or_default());
        let surplus = self.tail.len().saturating_sub(SEQUENCE_BYTES_MAX);
        self.tail.drain(..surplus);
        self.from = 0;
        self.to = 0;
    }

    fn read_more(&mut self) -> Result<usize, DecodeFault> {
        loop {
            match self.source.read(self.block.get_mut(self.to..).unwrap_or_default()) {
                Ok(bytes) => {
                    self.to += bytes;
                    self.bytes_read =
                        self.bytes_read.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
                    return Ok(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(DecodeFault::Read(error));
                }
            }
        }
    }
}
