//! Accounts from HubSpot: a live source.
//!
//! - `config`: what the customer sets · `company`: a company as an account
//! - `place`: how far the sync is, and what comes next · `sync`: one run of it
//! - `crm`: the calls to HubSpot · `check`: a look before it is enabled
//!
//! What happened does not matter: every event lets the sync go on from the
//! place in the state. Only another configuration or grant starts it anew.
use venn_sdk::{Draft, Event, EventKind, Fault, Finding, Plugin, Report};

mod check;
mod company;
mod config;
mod crm;
mod place;
mod sync;

struct HubspotSource;

impl Plugin for HubspotSource {
    fn handle(event: Event) -> Result<Report, Fault> {
        match event.kind() {
            // What was read while something was not granted is not there.
            EventKind::GrantChanged => sync::run(event.continuation.is_none()),
            EventKind::Installed | EventKind::Schedule | EventKind::Configured => sync::run(false),
            _ => Ok(Report::default()),
        }
    }

    fn check(draft: Draft) -> Result<Vec<Finding>, Fault> {
        check::check(&draft)
    }
}

venn_sdk::plugin!(HubspotSource);
