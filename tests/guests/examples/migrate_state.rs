//! Moves the key `old` to `new` in `migrate`, and fails if the old version is
//! `0.0.0`. Used by the suite on moving between releases: one transaction with
//! the move, or nothing; an HTTP call in between is denied.
use venn_sdk::{Cause, Event, Fault, Plugin, Report, http::Request, state};

struct Migrate;

impl Plugin for Migrate {
    fn handle(_: Event) -> Result<Report, Fault> {
        Ok(Report::default())
    }

    fn migrate(old_version: String) -> Result<(), Fault> {
        let state = state::common();
        if let Some(value) = state.get("old")? {
            state.set("new", &value)?;
            state.remove("old")?;
        }
        if Request::get("https://example.com/").send().is_ok() {
            return Err(Fault::new("egress", Cause::Platform, "a migration may not call out"));
        }
        if old_version == "0.0.0" {
            return Err(Fault::new("too-old", Cause::Plugin, "0.0.0 cannot be moved"));
        }
        Ok(())
    }
}

venn_sdk::plugin!(Migrate);
