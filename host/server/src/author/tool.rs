//! Running somebody else's tool: what it says goes to the person where it
//! fails, and nowhere where it works.
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a command and answers what it printed. Where it fails, `failed` says
/// what did not work, and all that the tool said follows.
pub(super) fn run(command: &mut Command, failed: &str) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{name} cannot be started"))?;
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = [said, printed].into_iter().filter(|text| !text.is_empty());
    let said = said.collect::<Vec<_>>().join("\n");
    if is_offline(&said) {
        bail!(
            "{failed}: the package registry cannot be reached. What is fetched once is kept; connect, \
             or set the registry of your network (npm config, pip config), then try again. {name} says:\n{said}"
        );
    }
    bail!("{failed}. {name} says:\n{said}")
}

/// What npm and pip say where there is no network.
const OFFLINE: [&str; 9] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
    "ENOTCACHED",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Connection refused",
];

fn is_offline(said: &str) -> bool {
    OFFLINE.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn sh(script: &str) -> Result<String> {
        run(Command::new("sh").args(["-c", script]), "the bundle was not made")
    }

    #[test]
    fn what_the_tool_said_is_told_where_it_failed() {
        assert_eq!(sh("echo fine").unwrap(), "fine");
        let error = sh("echo 'app.ts:3:1: unexpected }' >&2; exit 1").unwrap_err().to_string();
        assert_eq!(error, "the bundle was not made. sh says:\napp.ts:3:1: unexpected }");
    }

    #[test]
    fn no_network_is_told_as_such() {
        let error = sh("echo 'npm error code EAI_AGAIN' >&2; exit 1").unwrap_err().to_string();
        let start = "the bundle was not made: the package registry cannot be reached. ";
        assert!(error.starts_with(start), "{error}");
        assert!(error.ends_with("sh says:\nnpm error code EAI_AGAIN"), "{error}");
    }

    #[test]
    fn a_tool_that_is_not_there_is_named() {
        let error = run(&mut Command::new("no-such-tool"), "it").unwrap_err().to_string();
        assert_eq!(error, "no-such-tool cannot be started");
    }
}
