//! Keeps a ledger: each step of each event counts itself in the install's state and on the
//! timeline, and tells a vendor. Used by the suite on crashes: what was done twice, or never,
//! stands in the ledger.
//!
//! An event is known by what its sender calls it (the body of a `webhook`, the time of a
//! `schedule`), so that one which comes twice counts twice. Configuration: `ledger`, with
//! which its lines begin, `steps`, and `account`, on whose timeline it writes.
use serde::Deserialize;
use venn_guests::payload;
use venn_sdk::{Cause, Event, Fault, Plugin, Report, config, http::Request, state, timeline};

struct Ledger;

const VENDOR: &str = "https://vendor.example/ledger";

/// What is read of the payloads of both kinds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    body_base64: String,
    schedule: String,
    due_at: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    ledger: String,
    steps: u32,
    account: Option<String>,
}

impl Plugin for Ledger {
    fn handle(event: Event) -> Result<Report, Fault> {
        let Some(name) = name(&event) else { return Ok(Report::default()) };
        let config: Config = serde_json::from_str(&config::text()).unwrap_or_default();
        let step = event.continuation.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let line = format!("{}/{name}/{step}", config.ledger);
        let said = Request::post(VENDOR).json(&line).send()?;
        if said.status != 200 {
            return Err(Fault::new("vendor-down", Cause::ThirdParty, "the vendor did not take it"));
        }
        count(&line)?;
        count("lines")?;
        if let Some(account) = &config.account {
            timeline::append([timeline::Entry::new(account, &line, "line", &line)])?;
        }
        let report = Report::new(line);
        let next = step + 1;
        Ok(if next < config.steps { report.again(next.to_string()) } else { report })
    }
}

/// One more under this key.
fn count(key: &str) -> Result<(), Fault> {
    let state = state::common();
    let before: u64 = state.get_json(key)?.unwrap_or(0);
    Ok(state.set_json(key, &(before + 1))?)
}

fn name(event: &Event) -> Option<String> {
    let told: Told = payload(event);
    match event.kind.as_str() {
        "webhook" => Some(told.body_base64),
        "schedule" => Some(format!("{}-{}", told.schedule, told.due_at)),
        _ => None,
    }
}

venn_sdk::plugin!(Ledger);
