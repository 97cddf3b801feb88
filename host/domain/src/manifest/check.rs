//! Reading a manifest and listing everything that is wrong with it.

/// The most problems listed at once.
pub const PROBLEM_LIMIT: usize = 50;

/// One thing that is wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{place}: {reason}. {next_step}")]
pub struct Problem {
    /// For example `egress[0].host`.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub next_step: String,
}
