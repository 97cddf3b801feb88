//! Counts the calls that it hears, in its state, and asks a service between reading the count
//! and writing it: whoever counts at the same time reads the same. The report has the count.
//! Used by the suite on several runs of one install.
use serde_json::json;
use venn_guests::report;
use venn_sdk::{Event, EventKind, Fault, Plugin, Report, http::Request, state};

struct Count;

impl Plugin for Count {
    fn handle(event: Event) -> Result<Report, Fault> {
        if event.kind() != EventKind::Webhook {
            return Ok(Report::default());
        }
        let before: u64 = state::common().get_json("count")?.unwrap_or_default();
        Request::get("https://api.hubapi.com/crm/count").connection("crm").send()?;
        state::common().set_json("count", &(before + 1))?;
        Ok(report(&json!(before + 1)))
    }
}

venn_sdk::plugin!(Count);
