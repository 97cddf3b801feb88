//! What a host call answers when it does not answer with a value.
//!
//! One type for all interfaces, so that `?` works everywhere: it becomes a
//! [`crate::Fault`] with a code of its own per variant (listed there).
use std::fmt;

pub use crate::bindings::venn::plugin::types::Denial;
use crate::bindings::venn::plugin::{http::HttpError, types::HostError};

/// Why a call did not work. Nothing happened, except where said.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Not allowed: by the manifest, the platform, the customer or a data
    /// owner. `who_can_change_it` says by whom.
    Denied(Denial),
    /// The argument makes no sense; the text says which and why.
    Invalid(String),
    /// A limit of this run was reached; the text names it.
    Limit(String),
    /// Someone else wrote the same state meanwhile; read again and retry.
    Conflict(String),
    /// The host cannot serve this now, or does not serve it yet.
    Unavailable(String),
    /// An HTTP call was allowed but did not work; it may have arrived.
    Network {
        /// `dns`, `connect`, `tls`, `timeout`, `protocol`, `body-too-large`;
        /// others may follow.
        kind: String,
        /// In words.
        message: String,
    },
    /// Text that should be JSON of some shape is not.
    Data(String),
}

impl Error {
    /// [`Error::Data`] for the named thing.
    pub(crate) fn data(what: &str, error: &serde_json::Error) -> Self {
        Self::Data(format!("the {what} cannot be read: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => {
                write!(f, "{}: {} ({})", denial.capability, denial.why, denial.what)
            }
            Self::Network { kind, message } => write!(f, "{kind}: {message}"),
            Self::Invalid(text)
            | Self::Limit(text)
            | Self::Conflict(text)
            | Self::Unavailable(text)
            | Self::Data(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Denied(denial) => Self::Denied(denial),
            HostError::Invalid(text) => Self::Invalid(text),
            HostError::Limit(text) => Self::Limit(text),
            HostError::Conflict(text) => Self::Conflict(text),
            HostError::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Denied(denial) => Self::Denied(denial),
            HttpError::Invalid(text) => Self::Invalid(text),
            HttpError::Limit(text) => Self::Limit(text),
            HttpError::Failed(failure) => {
                Self::Network { kind: failure.kind, message: failure.message }
            }
        }
    }
}
