//! Writes 1,000 log lines of 8 KiB with control characters in them. Used by the
//! suite on limits: 256 lines, each cut and escaped, then the number dropped.
use venn_sdk::{Event, Fault, Plugin, Report, log};

struct Flood;

/// About four times the published number of lines.
const LINES: u32 = 1_000;
/// Twice the published length of a line.
const LINE_BYTES: usize = 8 << 10;

impl Plugin for Flood {
    fn handle(_: Event) -> Result<Report, Fault> {
        for line in 0..LINES {
            let text = "x".repeat(LINE_BYTES);
            log::info!("{line}\n\x1b[31m\r{text}");
        }
        Ok(Report::new("flooded"))
    }
}

venn_sdk::plugin!(Flood);
