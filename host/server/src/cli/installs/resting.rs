//! An install that rests after failures in a row, as its people read it.
use serde_json::Value;
use venn_domain::count::counted;

use super::super::output::value::{at, number, text};

/// Why it rests, and how it goes on.
pub(super) fn resting(install: &Value) -> String {
    if at(install, "resting").is_null() {
        return String::new();
    }
    let failed = counted(number(install, "resting.failures"), "run", "runs");
    format!(
        "\nIt rests since {}, because {}: {failed} failed in a row. Its events wait, and none is lost.\n\
         It tries again by itself, next at {}.\n  now: venn installs try {}\n",
        text(install, "resting.since"),
        text(install, "resting.why"),
        text(install, "resting.next_try_at"),
        text(install, "name")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_that_rests_says_since_when_why_and_when_it_tries_again() {
        let install = json!({ "name": "eu", "resting": {
            "since": "2026-01-01T00:00:00.000000Z", "next_try_at": "2026-01-01T00:01:00.000000Z",
            "why": "a service that it calls has trouble", "failures": 5,
        } });
        assert_eq!(
            resting(&install),
            "\nIt rests since 2026-01-01T00:00:00.000000Z, because a service that it calls has trouble: \
             5 runs failed in a row. Its events wait, and none is lost.\n\
             It tries again by itself, next at 2026-01-01T00:01:00.000000Z.\n  now: venn installs try eu\n"
        );
        assert_eq!(resting(&json!({ "resting": null })), "");
    }
}
