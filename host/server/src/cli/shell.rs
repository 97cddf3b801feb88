//! `venn completions` and `venn man`: made from the command tree, so that they
//! cannot be out of date.
use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, output::failure::Failure, session::Session};

/// Prints completions for a shell
///
/// bash: `venn completions bash > ~/.local/share/bash-completion/completions/venn`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page, or writes one for each command
///
/// `venn man | man -l -` reads it at once.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder to write venn.1, venn-serve.1 and so on to
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// `venn completions`
pub(crate) fn completions(session: &Session, args: &CompletionsArgs) -> Result<(), Failure> {
    session.out.print(&completion(args.shell))
}

fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "venn", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// `venn man`
pub(crate) fn man(session: &Session, args: &ManArgs) -> Result<(), Failure> {
    let Some(folder) = &args.to else { return session.out.print(&page()?) };
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| Failure::file(folder, "written", &error))?;
    session.out.print(&format!("The manual pages are in {}.", folder.display()))
}

fn page() -> Result<String, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| Failure::unexpected(format!("The page cannot be made: {error}.")))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn completions_know_the_commands_and_not_the_hidden_one() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completion(shell);
            assert!(script.contains("marketplace") && script.contains("doctor"), "{shell}");
        }
    }

    #[test]
    fn the_manual_has_the_commands_and_the_exit_codes() {
        let page = page().unwrap();
        for part in ["venn\\-publish", "the server cannot be reached", "\\-\\-server"] {
            assert!(page.contains(part), "{part}:\n{page}");
        }
        assert!(!page.contains("compile\\-child"), "{page}");
    }
}
