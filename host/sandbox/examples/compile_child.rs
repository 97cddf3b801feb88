//! The compile child by itself, for tests: what the venn binary does when it
//! is called with its hidden argument.
use std::process::ExitCode;

fn main() -> ExitCode {
    venn_sandbox::child_main()
}
