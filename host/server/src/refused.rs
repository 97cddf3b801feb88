//! What an operator has to do otherwise, on the server's own machine: what is wrong,
//! where, and the next step.
use std::fmt;

/// Refused, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({place}) {next_step}")]
pub struct Refused {
    /// What is wrong, a sentence.
    pub what: String,
    /// The folder, file or setting.
    pub place: String,
    /// What to do, a sentence.
    pub next_step: String,
}

impl Refused {
    /// What, where, and the next step.
    pub fn new(
        what: impl Into<String>,
        place: impl fmt::Display,
        next_step: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), place: place.to_string(), next_step: next_step.into() }
    }
}
