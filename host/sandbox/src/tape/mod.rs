//! The tape of a run: everything that came to the guest from outside, in
//! order, so that the run can be repeated without any of it.
//!
//! It holds what the run saw, partner-owned rows and bodies included, and no
//! credential: those are added behind the recorder. What leaves the platform
//! is made by [`Tape::redacted_calls`]. Format 1 is MessagePack with named
//! fields; a reader refuses formats that it does not know.
//!
//! Recording keeps values (shared, not copied); [`Tape::encode`] does the work
//! after the run.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use venn_domain::{
    event::Event,
    run::{CallSummary, Effects, Ending, LogLine, Outcome, Usage},
    time::Timestamp,
};

use crate::job::{RunInfo, RunLimits};

pub(crate) mod entry;
pub(crate) mod playback;
mod redact;
mod summary;
mod transcript;

use entry::Entry;
pub(crate) use summary::summaries;
pub use transcript::transcript;

/// The newest format.
const FORMAT: u32 = 1;
/// Larger ones are not read: what a run may leave, and room for its names.
const ENCODED_BYTES: usize = 256 << 20;

/// The recorded host calls of one run.
#[derive(Debug, Clone)]
pub struct Tape {
    pub(crate) header: Header,
    pub(crate) entries: Arc<Vec<Entry>>,
}

/// What the run was, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) info: RunInfo,
    /// SHA-256 of the component, hexadecimal.
    pub(crate) digest: String,
    pub(crate) call: Call,
    pub(crate) config: Arc<str>,
    pub(crate) limits: RunLimits,
    /// The authority's number when the run started.
    pub(crate) authority: u64,
    pub(crate) started_at: Timestamp,
    pub(crate) ending: Ending,
    pub(crate) effects: Effects,
    pub(crate) usage: Usage,
    pub(crate) log: Vec<LogLine>,
    pub(crate) log_dropped: u64,
}

/// The export that was called, with its argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Call {
    Handle(Event),
    Check { config: String, connections: Vec<String> },
    Migrate { old_version: String },
}

/// Why bytes are not a tape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// A newer or older program wrote it.
    #[error(
        "the tape has format {0}, and this program reads format {FORMAT}; use the version of venn that recorded it"
    )]
    Format(u32),
    /// It is damaged.
    #[error("the tape cannot be read: {0}")]
    Damaged(String),
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Tape {
    /// The bytes to keep.
    pub fn encode(&self) -> Result<Vec<u8>, TapeError> {
        let damaged = |error: rmp_serde::encode::Error| TapeError::Damaged(error.to_string());
        let mut bytes = rmp_serde::to_vec_named(&self.header).map_err(damaged)?;
        let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
        self.entries.serialize(&mut serializer).map_err(damaged)?;
        Ok(bytes)
    }

    /// Reads what [`Tape::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, TapeError> {
        if bytes.len() > ENCODED_BYTES {
            return Err(TapeError::Damaged(format!("it has more than {ENCODED_BYTES} bytes")));
        }
        let damaged = |error: rmp_serde::decode::Error| TapeError::Damaged(error.to_string());
        let FormatOnly { format } = rmp_serde::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(TapeError::Format(format));
        }
        let mut reader = rmp_serde::Deserializer::new(bytes);
        let header = Header::deserialize(&mut reader).map_err(damaged)?;
        let entries = Vec::<Entry>::deserialize(&mut reader).map_err(damaged)?;
        Ok(Self { header, entries: Arc::new(entries) })
    }

    /// SHA-256 of the component that ran, hexadecimal: which artifact to load
    /// for a replay.
    pub fn digest(&self) -> &str {
        &self.header.digest
    }

    /// The taped run's ending.
    pub fn ending(&self) -> &Ending {
        &self.header.ending
    }

    /// The taped run's outcome.
    pub fn outcome(&self) -> Outcome {
        let header = &self.header;
        Outcome {
            ending: header.ending.clone(),
            effects: header.effects.clone(),
            usage: header.usage,
            log: header.log.clone(),
            log_dropped: header.log_dropped,
            calls: summaries(&self.entries),
        }
    }

    /// The run as text for people and for snapshots.
    pub fn transcript(&self) -> String {
        transcript(&self.outcome())
    }

    /// The host calls without values: names, hosts, the fixed parts of paths,
    /// codes and timings. This is what a publisher's bundle holds.
    pub fn redacted_calls(&self) -> Vec<CallSummary> {
        summaries(&self.entries).into_iter().map(redact::call).collect()
    }
}

impl Header {
    pub(crate) const fn format() -> u32 {
        FORMAT
    }
}
