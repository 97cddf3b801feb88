//! In `check` it tries everything and tells what it may: one finding per try,
//! the result as JSON in the message. Used by the suite on `check`: GET and HEAD
//! go out, POST does not, no partner data, no effects.
//!
//! Configuration: `{"url": "https://…", "connection": "crm"}`.
use serde::Deserialize;
use venn_guests::answer;
use venn_sdk::{
    Draft, Event, Fault, Finding, Plugin, Report, http::Request, overlaps::Query, state, timeline,
};

struct Check;

#[derive(Deserialize)]
struct Config {
    url: String,
    connection: Option<String>,
}

impl Plugin for Check {
    fn handle(_: Event) -> Result<Report, Fault> {
        Ok(Report::default())
    }

    fn check(draft: Draft) -> Result<Vec<Finding>, Fault> {
        let config: Config = draft.config()?;
        let http = |method: &str| {
            let mut request = Request::new(method, &config.url);
            if let Some(connection) = &config.connection {
                request = request.connection(connection);
            }
            answer(request.send().map(|answer| answer.status))
        };
        let entry = timeline::Entry::new("acc_1", "key", "kind", "text");
        let tries = [
            ("get", http("GET")),
            ("head", http("HEAD")),
            ("post", http("POST")),
            ("overlaps", answer(Query::new().send())),
            ("state", answer(state::common().set("key", b"value"))),
            ("timeline", answer(timeline::append([entry]))),
        ];
        let found = |(name, result): (&str, serde_json::Value)| {
            Finding::warning(result.to_string()).field(name)
        };
        Ok(tries.into_iter().map(found).collect())
    }
}

venn_sdk::plugin!(Check);
