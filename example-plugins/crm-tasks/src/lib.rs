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
