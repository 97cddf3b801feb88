//! What ends a run from inside a host function or an epoch tick.

/// Travels through the engine as an error and is found again at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// A limit of this name was reached.
    #[error("the limit {0} was reached")]
    Limit(&'static str),
    /// Something of ours failed.
    #[error("the host failed: {0}")]
    HostFailed(String),
    /// The guest asked something else than the tape holds at this call.
    #[error("call {at_call} differs from the tape: expected {expected}, got {got}")]
    Diverged {
        /// Counted from 0.
        at_call: usize,
        /// What the tape holds.
        expected: String,
        /// What the guest asked.
        got: String,
    },
    /// The guest asks on where the taped run was cut off.
    #[error("the tape ends before call {0}")]
    TapeEnds(usize),
}
