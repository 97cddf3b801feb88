//! What the test guests share: reading a payload, and telling what a host call
//! answered as JSON with the contract's own names.
//!
//! Every guest is one file in `examples/`; see there. Nothing here decides what
//! is right: guests tell what they see, and the tests judge.
pub mod wasi;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use venn_sdk::{Error, Event, Report};

/// The payload, or the default where it has another shape: a guest must also
/// run on an event that a test did not write for it.
pub fn payload<T: DeserializeOwned + Default>(event: &Event) -> T {
    event.payload().unwrap_or_default()
}

/// What a host call answered: `{"ok": …}`, `{"denied": {…}}` or
/// `{"error": {"kind": …, "message": …}}`.
pub fn answer<T: Serialize>(answer: Result<T, Error>) -> Value {
    let (kind, message) = match answer {
        Ok(value) => {
            let value = serde_json::to_value(value);
            return json!({ "ok": wire_names(value.unwrap_or_default()) });
        }
        Err(Error::Denied(denial)) => {
            let denial = serde_json::to_value(denial).unwrap_or_default();
            return json!({ "denied": wire_names(denial) });
        }
        Err(Error::Invalid(text)) => (String::from("invalid"), text),
        Err(Error::Limit(text)) => (String::from("limit"), text),
        Err(Error::Conflict(text)) => (String::from("conflict"), text),
        Err(Error::Unavailable(text)) => (String::from("unavailable"), text),
        Err(Error::Network { kind, message }) => (kind, message),
        Err(other) => (String::from("other"), other.to_string()),
    };
    json!({ "error": { "kind": kind, "message": message } })
}

/// A report that holds a value: whole as the answer (`application/json`), and
/// as the summary, which the host may cut.
pub fn report(value: &Value) -> Report {
    let text = value.to_string();
    Report::new(text.clone()).answer("application/json", text)
}

/// Member names as the contract writes them: `their-name`, not `their_name`.
fn wire_names(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let rename =
                |(name, value): (String, Value)| (name.replace('_', "-"), wire_names(value));
            Value::Object(members.into_iter().map(rename).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(wire_names).collect()),
        other => other,
    }
}
