//! Exit codes: one table, from which `--help` is made.
//!
//! To add one: a line in the `exits!` table. Numbers are never given a second
//! meaning: scripts depend on them.
use std::process::ExitCode;

use super::output::put;

macro_rules! exits {
    ($($name:ident = $code:literal $slug:literal, $words:literal;)*) => {
        /// How the command ended, for scripts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exit { $(#[doc = $words] $name),* }

        impl Exit {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The process's exit code.
            pub(crate) const fn code(self) -> u8 {
                match self { $(Self::$name => $code),* }
            }

            /// Its name: the `code` of the problem document that `--json` prints
            /// where the API has none.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// What it means.
            pub(crate) const fn words(self) -> &'static str {
                match self { $(Self::$name => $words),* }
            }
        }
    };
}

exits! {
    Ok = 0 "ok", "it worked";
    Unexpected = 1 "unexpected", "something unexpected failed";
    Usage = 2 "usage", "the command was typed in a way that makes no sense";
    NotLoggedIn = 3 "not-logged-in", "there is no token, or it is not valid any more";
    NotFound = 4 "not-found", "there is no such thing, or it is not yours to see";
    NotAllowed = 5 "not-allowed", "the role or the token's scopes do not allow it";
    Refused = 6 "refused", "refused as invalid, or not possible in the present state";
    Unreachable = 7 "unreachable", "the server cannot be reached";
    Differs = 8 "differs", "the run, check or replay failed, or differs";
    Cancelled = 9 "cancelled", "cancelled by the person";
    Later = 10 "later", "the server cannot take it now: try again in a few seconds";
}

impl Exit {
    /// The exit for an answer of the API that is an error.
    pub(crate) fn of_problem(status: u16, code: &str) -> Self {
        match (status, code) {
            (_, "check-failed") => Self::Differs,
            (401, _) => Self::NotLoggedIn,
            (403, _) => Self::NotAllowed,
            (404, _) => Self::NotFound,
            (400 | 409 | 413 | 415 | 422, _) => Self::Refused,
            (429 | 503, _) => Self::Later,
            _ => Self::Unexpected,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as it stands at the end of `--help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        put!(text, "{:>3}  {}\n", exit.code(), exit.words());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_answer_has_the_exit_that_help_promises() {
        let table = [
            (401, "unauthenticated", 3),
            (404, "not-found", 4),
            (403, "role-too-small", 5),
            (403, "own-release", 5),
            (400, "bad-query", 6),
            (409, "wrong-state", 6),
            (413, "too-large", 6),
            (422, "gate-failed", 6),
            (409, "check-failed", 8),
            (405, "method-not-allowed", 1),
            (500, "internal", 1),
            (503, "busy", 10),
            (429, "", 10),
        ];
        for (status, code, exit) in table {
            assert_eq!(Exit::of_problem(status, code).code(), exit, "{status} {code}");
        }
    }

    #[test]
    fn help_lists_every_code_once_and_in_order() {
        assert_eq!(
            help(),
            "Exit codes:\n\
             \x20 0  it worked\n\
             \x20 1  something unexpected failed\n\
             \x20 2  the command was typed in a way that makes no sense\n\
             \x20 3  there is no token, or it is not valid any more\n\
             \x20 4  there is no such thing, or it is not yours to see\n\
             \x20 5  the role or the token's scopes do not allow it\n\
             \x20 6  refused as invalid, or not possible in the present state\n\
             \x20 7  the server cannot be reached\n\
             \x20 8  the run, check or replay failed, or differs\n\
             \x20 9  cancelled by the person\n\
             \x2010  the server cannot take it now: try again in a few seconds\n"
        );
    }
}
