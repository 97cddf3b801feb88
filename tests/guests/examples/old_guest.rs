//! An old guest: it handles `installed` and nothing else, and answers any kind
//! that it does not know with an empty report. Used by the contract suite: a
//! host that knows one more event kind must be able to run it.
use venn_sdk::{Event, EventKind, Fault, Plugin, Report};

struct Old;

impl Plugin for Old {
    fn handle(event: Event) -> Result<Report, Fault> {
        Ok(match event.kind() {
            EventKind::Installed => Report::new("installed"),
            _ => Report::default(),
        })
    }
}

venn_sdk::plugin!(Old);
