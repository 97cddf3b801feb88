//! Does what the payload says: the guest for everything that is told by host
//! calls alone. Used by the suites on authority, egress, state, effects, faults.
//!
//! Payload: `{"steps": [STEP, …]}`. An event that has none takes them from the
//! configuration, by its kind: `{"steps": {"overlaps-changed": [STEP, …]}}`, with
//! `$subject` for the event's subject, `$event` for its id and `$nul` for U+0000, which no configuration
//! can hold, so that a test can drive it through the server, and `{"$times": 3, "of": …}`
//! for so many of something, where that is more than one can hold. Each step is one call
//! and gives one result ([`venn_guests::answer`]); the report's answer is the list
//! of results.
//! Steps: `{"call": "overlaps.find", …}` with the arguments of the contract,
//! names as in [`Step`]. `times` runs inner steps over and over, so that a test
//! can revoke something in between; `fault`, `panic` and `again` end the run.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use venn_guests::{answer, payload, report};
use venn_sdk::{
    Cause, Event, Fault, Plugin, Report, accounts, config, host, http, log, overlaps, state,
    timeline,
};

struct Script;

#[derive(Default, Deserialize)]
struct Payload {
    steps: Vec<Step>,
}

/// What a test puts into the install's configuration.
#[derive(Default, Deserialize)]
struct Config {
    steps: BTreeMap<String, Vec<Step>>,
}

/// One host call, or a way to end the run.
#[derive(Deserialize)]
#[serde(tag = "call")]
enum Step {
    #[serde(rename = "overlaps.find")]
    Find(Find),
    #[serde(rename = "overlaps.lookup")]
    Lookup {
        domain: String,
        #[serde(default)]
        fields: Vec<String>,
    },
    #[serde(rename = "overlaps.counts")]
    Counts { partnership: Option<String> },
    #[serde(rename = "overlaps.changes")]
    Changes {
        partnership: String,
        cursor: Option<String>,
        #[serde(default)]
        fields: Vec<String>,
        #[serde(default)]
        limit: u32,
    },
    #[serde(rename = "state.get")]
    StateGet { partnership: Option<String>, key: String },
    #[serde(rename = "state.set")]
    StateSet { partnership: Option<String>, key: String, value: String },
    #[serde(rename = "state.remove")]
    StateRemove { partnership: Option<String>, key: String },
    #[serde(rename = "state.keys")]
    StateKeys {
        partnership: Option<String>,
        #[serde(default)]
        prefix: String,
        cursor: Option<String>,
    },
    #[serde(rename = "timeline.append")]
    Timeline { entries: Vec<Entry> },
    #[serde(rename = "accounts.upsert")]
    Upsert { rows: Vec<accounts::AccountRow> },
    #[serde(rename = "accounts.remove")]
    Remove { external_ids: Vec<String> },
    #[serde(rename = "http.send")]
    Http(Call),
    #[serde(rename = "config.get")]
    Config,
    #[serde(rename = "log.write")]
    Log { level: String, message: String },
    #[serde(rename = "host.info")]
    Info,
    #[serde(rename = "host.last-denial")]
    LastDenial,
    /// The event as it arrived.
    #[serde(rename = "event")]
    Event,
    /// Inner steps, this often; one result, a list of lists.
    #[serde(rename = "times")]
    Times { times: u32, steps: Vec<Self> },
    /// Ends the run with a claim.
    #[serde(rename = "fault")]
    Fault {
        code: String,
        cause: String,
        field: Option<String>,
        #[serde(default)]
        message: String,
        retry_after: Option<u32>,
    },
    /// Ends the run with a panic.
    #[serde(rename = "panic")]
    Panic { message: String },
    /// Asks for another run until it has run this often; counts in the
    /// continuation, and tells progress.
    #[serde(rename = "again")]
    Again { times: u64 },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Find {
    partnership: Option<String>,
    our_populations: Vec<String>,
    their_populations: Vec<String>,
    fields: Vec<String>,
    cursor: Option<String>,
    limit: u32,
}

#[derive(Deserialize)]
struct Entry {
    account: String,
    key: String,
    kind: String,
    text: String,
    at: Option<i64>,
    partnership: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    connection: Option<String>,
    operation: Option<String>,
    timeout_ms: Option<u32>,
}

impl Plugin for Script {
    fn handle(event: Event) -> Result<Report, Fault> {
        let mut results = Vec::new();
        let mut again = None;
        for step in &steps(&event) {
            if let Step::Again { times } = step {
                again = Some(*times);
            } else {
                results.push(run(step, &event)?);
            }
        }
        let report = report(&Value::Array(results));
        let Some(times) = again else { return Ok(report) };
        let done =
            event.continuation.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        let report = report.progress(done, times);
        Ok(if done < times { report.again(done.to_string()) } else { report })
    }
}

/// The payload's steps, or the configuration's for this kind of event.
fn steps(event: &Event) -> Vec<Step> {
    let steps = payload::<Payload>(event).steps;
    if !steps.is_empty() {
        return steps;
    }
    let text = config::text()
        .replace("$subject", &event.subject)
        .replace("$event", &event.id)
        .replace("$nul", "\\u0000");
    let config = serde_json::from_str(&text).map(written_out).unwrap_or_default();
    let mut config: Config = serde_json::from_value(config).unwrap_or_default();
    config.steps.remove(&event.kind).unwrap_or_default()
}

fn many(times: &Value) -> usize {
    times.as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or_default()
}

/// With a long text, or a list, wherever one stands for it.
fn written_out(value: Value) -> Value {
    match value {
        Value::Object(mut members) => match members.get("$times").map(many) {
            Some(times) => match members.remove("of").unwrap_or_default() {
                Value::String(text) => text.repeat(times).into(),
                one => vec![one; times].into(),
            },
            None => members.into_iter().map(|(name, one)| (name, written_out(one))).collect(),
        },
        Value::Array(items) => items.into_iter().map(written_out).collect(),
        other => other,
    }
}

fn run(step: &Step, event: &Event) -> Result<Value, Fault> {
    Ok(match step {
        Step::Times { times, steps } => {
            let round =
                |_| steps.iter().map(|step| run(step, event)).collect::<Result<Vec<_>, _>>();
            json!((0..*times).map(round).collect::<Result<Vec<_>, _>>()?)
        }
        Step::Fault { code, cause, field, message, retry_after } => {
            let fault = Fault::new(code, cause_of(cause), message).retry_after_s(*retry_after);
            return Err(match field {
                Some(field) => fault.field(field),
                None => fault,
            });
        }
        Step::Event => json!({
            "id": event.id, "kind": event.kind, "subject": event.subject,
            "occurred-at": event.occurred_at_us, "payload": event.payload,
            "continuation": event.continuation,
        }),
        Step::Panic { message } => {
            #[expect(clippy::panic, reason = "this is the behaviour")]
            {
                panic!("{message}")
            }
        }
        other => call(other),
    })
}

/// The steps that are one host call.
fn call(step: &Step) -> Value {
    match step {
        Step::Find(find) => answer(query(find).send()),
        Step::Lookup { domain, fields } => answer(overlaps::lookup(domain, texts(fields))),
        Step::Counts { partnership } => answer(overlaps::counts(partnership.as_deref())),
        Step::Changes { partnership, cursor, fields, limit } => {
            answer(overlaps::changes(partnership, cursor.as_deref(), texts(fields), *limit))
        }
        Step::StateGet { partnership, key } => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            answer(partition(partnership.as_ref()).get(key).map(|value| value.map(text)))
        }
        Step::StateSet { partnership, key, value } => {
            answer(partition(partnership.as_ref()).set(key, value.as_bytes()))
        }
        Step::StateRemove { partnership, key } => {
            answer(partition(partnership.as_ref()).remove(key))
        }
        Step::StateKeys { partnership, prefix, cursor } => {
            answer(partition(partnership.as_ref()).keys(prefix, cursor.as_deref()))
        }
        Step::Timeline { entries } => answer(timeline::append(entries.iter().map(entry))),
        Step::Upsert { rows } => answer(accounts::upsert(rows)),
        Step::Remove { external_ids } => answer(accounts::remove(external_ids)),
        Step::Http(call) => answer(send(call)),
        Step::Config => json!({ "ok": config::text() }),
        Step::Log { level, message } => {
            log::write(level, message);
            json!({ "ok": null })
        }
        Step::Info => answer(Ok(host::info())),
        Step::LastDenial => answer(Ok(host::last_denial())),
        _ => Value::Null,
    }
}

fn partition(partnership: Option<&String>) -> state::Partition<'_> {
    match partnership {
        Some(partnership) => state::of(partnership),
        None => state::common(),
    }
}

fn query(find: &Find) -> overlaps::Query {
    let mut query = overlaps::Query::new();
    if let Some(partnership) = &find.partnership {
        query = query.partnership(partnership);
    }
    query
        .our_populations(texts(&find.our_populations))
        .their_populations(texts(&find.their_populations))
        .fields(texts(&find.fields))
        .cursor(find.cursor.clone())
        .limit(find.limit)
}

fn entry(entry: &Entry) -> timeline::Entry {
    let Entry { account, key, kind, text, at, partnership } = entry;
    let mut entry = timeline::Entry::new(account, key, kind, text);
    if let Some(at) = at {
        entry = entry.at_us(*at);
    }
    match partnership {
        Some(partnership) => entry.partnership(partnership),
        None => entry,
    }
}

fn send(call: &Call) -> Result<Value, venn_sdk::Error> {
    let mut request = http::Request::new(&call.method, &call.url).body(call.body.as_bytes());
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    if let Some(connection) = &call.connection {
        request = request.connection(connection);
    }
    if let Some(operation) = &call.operation {
        request = request.operation(operation);
    }
    if let Some(timeout_ms) = call.timeout_ms {
        request = request.timeout_ms(timeout_ms);
    }
    let answer = request.send()?;
    Ok(json!({ "status": answer.status, "headers": answer.headers, "body": answer.text() }))
}

fn texts(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().map(String::as_str)
}

fn cause_of(name: &str) -> Cause {
    use Cause::{CustomerConfig, GrantMissing, Platform, Plugin, ThirdParty, Unknown};
    let all = [Plugin, ThirdParty, CustomerConfig, GrantMissing, Platform];
    all.into_iter().find(|cause| cause.name() == name).unwrap_or(Unknown)
}

venn_sdk::plugin!(Script);
