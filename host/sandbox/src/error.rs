//! What goes wrong on our side. What a guest does is never an error: it is an
//! [`Ending`](venn_domain::run::Ending).
//!
//! `wasmtime::Error` is not a `std` error; it is turned into text here, once.

/// Something of ours failed, and somebody has to look at it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine could not be made; the process must not serve.
    #[error(
        "the sandbox's engine could not be started: {0}. Check the address-space limit (`ulimit -v`) and the pool's size in the settings"
    )]
    Engine(String),
    /// A certificate in the settings cannot be read.
    #[error(
        "the extra certificate authority for overridden hosts cannot be used: {0}. It must be PEM with at least one certificate"
    )]
    ExtraCa(String),
    /// The compile child could not be started or talked to.
    #[error(
        "the compile child could not be run: {0}. Check that `compile_program` is the venn binary and may be executed"
    )]
    Child(String),
}

/// Why a stored artifact is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not what this host sealed for this component, engine and
    /// CPU: compile the component again, and find out who changed them.
    #[error(
        "the artifact was not sealed by this host for this component, engine and processor; compile the component again"
    )]
    NotOurs,
    /// The engine refused what it had made.
    #[error("the engine refuses the artifact: {0}; compile the component again")]
    Engine(String),
    /// The component does not fit the contract that this host serves.
    #[error("the component does not fit the contract: {0}")]
    Contract(String),
}

/// The whole chain of an engine's error as one line.
pub(crate) fn text(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
