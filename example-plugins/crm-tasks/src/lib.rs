//! A task in HubSpot for every overlap that is new, so that somebody follows
//! up. Copy this folder to start a plugin of your own.
//!
//! - [`config`]: what the customer sets.
//! - [`task`]: what a task says. Pure.
//! - [`place`]: how far the work is, over many short runs. Pure.
//! - [`crm`]: the calls to HubSpot, and nothing that decides.
//! - [`sync`]: one run: read changes, make tasks, note it, remember the place.
//! - [`check`]: a look before the install is enabled.
//!
//! It does not keep anything of an overlap itself, does not delete tasks when
//! an overlap goes away (people work on them), and never reopens one.
use venn_sdk::{Draft, Event, EventKind, Fault, Finding, Plugin, Report};

#[cfg(feature = "broken")]
mod broken;
mod check;
mod config;
mod crm;
mod place;
mod sync;
mod task;

struct CrmTasks;

impl Plugin for CrmTasks {
    fn handle(event: Event) -> Result<Report, Fault> {
        match event.kind() {
            EventKind::Installed => {
                crm::create_property()?;
                Ok(Report::new("HubSpot is ready for tasks"))
            }
            EventKind::OverlapsChanged => sync::run(&event),
            // Kinds that this release does not know are not an error.
            _ => Ok(Report::default()),
        }
    }

    fn check(draft: Draft) -> Result<Vec<Finding>, Fault> {
        Ok(check::check(&draft))
    }
}

venn_sdk::plugin!(CrmTasks);

#[cfg(test)]
mod tests {
    /// What the code does and `venn.toml` must ask for or promise.
    const MANIFEST: &str = include_str!("../venn.toml");

    #[test]
    fn the_manifest_asks_for_every_field_that_is_read() {
        let line = MANIFEST.lines().find(|line| line.starts_with("fields = ")).unwrap_or_default();
        for field in crate::place::FIELDS {
            assert!(line.contains(&format!("\"{field}\"")), "{field} is not in: {line}");
        }
    }

    #[test]
    fn every_fault_that_a_customer_may_meet_has_an_answer() {
        let codes = ["unauthorized", "rate-limited", "unavailable", "rejected"];
        let codes = codes.map(|code| format!("{}-{code}", crate::crm::CONNECTION));
        for code in codes.iter().map(String::as_str).chain(["not-allowed"]) {
            assert!(MANIFEST.contains(&format!("code = \"{code}\"")), "{code} is not declared");
        }
    }
}
