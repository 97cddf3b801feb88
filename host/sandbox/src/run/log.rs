//! The run's log: what the guest writes through `log.write`, and its standard
//! output and error, line by line.
use std::sync::{Arc, Mutex, PoisonError};

use venn_domain::{
    limits,
    run::LogLine,
    time::{Clock, Timestamp},
};

use crate::engine::to_usize;

/// Shared with the guest's output streams. Without lines it does not allocate.
#[derive(Clone)]
pub(crate) struct RunLog {
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lines: Vec<LogLine>,
    dropped: u64,
    /// What came through a stream after its last line break.
    partial: String,
}

impl RunLog {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Arc::default() }
    }

    /// One record. Anything but the known levels counts as `info`; `panic` is
    /// how the SDKs mark a panic's text.
    pub(crate) fn write(&self, level: &str, message: &str) {
        let level = match level {
            "debug" | "info" | "warn" | "error" | "panic" => level,
            _ => "info",
        };
        self.lock().push(self.clock.now(), level, message);
    }

    /// Bytes of a stream: every line is a record.
    pub(crate) fn stream(&self, level: &'static str, bytes: &[u8]) {
        let mut kept = self.lock();
        let text = String::from_utf8_lossy(bytes);
        for piece in text.split_inclusive('\n') {
            // A line without end is cut, not collected.
            if kept.partial.len() < to_usize(limits::RUN_LOG_LINE_BYTES) {
                kept.partial.push_str(piece);
            }
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut kept.partial);
                kept.push(self.clock.now(), level, line.trim_end_matches(['\n', '\r']));
            }
        }
    }

    /// The lines, and how many were dropped.
    pub(crate) fn take(&self) -> (Vec<LogLine>, u64) {
        let mut kept = self.lock();
        let rest = std::mem::take(&mut kept.partial);
        if !rest.is_empty() {
            kept.push(self.clock.now(), "info", &rest);
        }
        (std::mem::take(&mut kept.lines), kept.dropped)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, at: Timestamp, level: &str, message: &str) {
        if self.lines.len() as u64 >= limits::RUN_LOG_LINES {
            self.dropped += 1;
            return;
        }
        let message = plain(message, to_usize(limits::RUN_LOG_LINE_BYTES));
        self.lines.push(LogLine { at, level: level.to_owned(), message });
    }
}

/// Text that is one line wherever it is shown: control characters and those
/// that turn the direction of writing are escaped, and it is cut at a
/// character's border, with a mark.
pub(crate) fn plain(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let before = out.len();
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        if out.len() > bytes_max {
            out.truncate(before);
            while out.len() + CUT.len() > bytes_max && out.pop().is_some() {}
            out.push_str(CUT);
            break;
        }
    }
    out
}

const CUT: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    #[test]
    fn a_line_cannot_forge_another() {
        let log = RunLog::new(Arc::new(Still));
        log.write("root", "a\nERROR forged\u{1b}[31m\0\u{202e}txt");
        let (lines, dropped) = log.take();
        let [line] = lines.as_slice() else { unreachable!("one record is one line") };
        assert_eq!(line.level, "info");
        assert_eq!(line.message, r"a\nERROR forged\u{1b}[31m\u{0}\u{202e}txt");
        assert_eq!(dropped, 0);
    }

    #[test]
    fn what_is_too_much_is_counted_and_what_is_too_long_is_cut() {
        let log = RunLog::new(Arc::new(Still));
        for _ in 0..1_000 {
            log.stream("info", b"x\n");
        }
        assert_eq!(log.take().1, 744);
        let cut = RunLog::new(Arc::new(Still));
        cut.stream("info", "ü".repeat(5_000).as_bytes());
        let (lines, _) = cut.take();
        assert!(
            lines.iter().all(|line| line.message.len() <= 4_096 && line.message.ends_with('…'))
        );
    }
}
