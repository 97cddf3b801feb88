//! Reports: what a run that worked returns. Its effects are committed.
use serde::Serialize;

use crate::bindings::exports::venn::plugin::entry as raw;

/// A run that worked. The default is an empty report: nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// One line for people, at most 1 KiB.
    pub summary: String,
    /// If present the same event is delivered again at once, with this as its
    /// continuation.
    pub again: Option<String>,
    /// Progress of the whole work, in the plugin's own unit.
    pub done: u64,
    /// The whole work; 0 if not known.
    pub total: u64,
    /// Content type and body (at most 1 MiB) for a `request` event.
    pub answer: Option<(String, Vec<u8>)>,
}

impl Report {
    /// A report of one line.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    /// Asks for another run with this continuation: long work is many short runs.
    #[must_use]
    pub fn again(mut self, continuation: impl Into<String>) -> Self {
        self.again = Some(continuation.into());
        self
    }

    /// [`Report::again`] with a value; read it with [`crate::Event::continuation`].
    #[must_use]
    pub fn again_json(self, continuation: &impl Serialize) -> Self {
        // Plain data always serializes; a map with keys that are no text does
        // not, and then the next run finds `null`.
        self.again(serde_json::to_string(continuation).unwrap_or_else(|_| "null".into()))
    }

    /// How far the whole work is; `total` is 0 if not known.
    #[must_use]
    pub const fn progress(mut self, done: u64, total: u64) -> Self {
        self.done = done;
        self.total = total;
        self
    }

    /// The answer to a `request` event.
    #[must_use]
    pub fn answer(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.answer = Some((content_type.into(), body.into()));
        self
    }
}

impl From<Report> for raw::Report {
    fn from(report: Report) -> Self {
        let answer = report.answer.map(|(content_type, body)| raw::Answer { content_type, body });
        let Report { summary, again, done, total, .. } = report;
        Self { summary, again, done, total, answer }
    }
}
