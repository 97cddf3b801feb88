//! The `venn` command. Everything is in [`venn_server::cli`].
use std::process::ExitCode;

fn main() -> ExitCode {
    venn_server::cli::main()
}
