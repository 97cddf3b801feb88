//! Panics on every event, after it wrote state and a log line: neither state
//! nor anything else may be committed, and the panic's words with file and line
//! must be in the log. Used by the suites on endings and verdicts.
use venn_sdk::{Event, Fault, Plugin, Report, log, state};

struct Trap;

impl Plugin for Trap {
    #[expect(clippy::panic, reason = "this is the behaviour")]
    fn handle(event: Event) -> Result<Report, Fault> {
        log::info!("about to panic");
        // Denied without the capability, which is fine: the panic comes anyway.
        drop(state::common().set("before-panic", event.id.as_bytes()));
        panic!("the list of owners is empty")
    }
}

venn_sdk::plugin!(Trap);
