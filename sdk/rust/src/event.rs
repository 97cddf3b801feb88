//! Events: what a run is about.
//!
//! Kinds and payloads are open: [`EventKind::Unknown`] is not an error. The
//! payload of each kind has a schema in `wit/events`.
//!
//! To add a kind: a variant, its name in [`NAMES`], a payload type if it has one.
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Error, bindings::exports::venn::plugin::entry as raw};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id; the same on every attempt.
    pub id: String,
    /// The kind's name; see [`Event::kind`].
    pub kind: String,
    /// What it is about, for example a partnership; empty if nothing.
    pub subject: String,
    /// When it happened, in microseconds since 1970.
    pub occurred_at_us: i64,
    /// JSON text under the published schema of the kind.
    pub payload: String,
    /// What the run before returned as `again`, if this run continues it.
    pub continuation: Option<String>,
}

/// The kinds that this SDK knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// Overlaps of one partnership (the subject) appeared, changed or went away.
    OverlapsChanged,
    /// Another plugin added entries to the timeline of accounts ([`TimelineAdded`]), derived
    /// from a partnership (the subject) or from none. Needs `timeline:read`.
    TimelineAdded,
    /// A schedule of the manifest is due.
    Schedule,
    /// A third party called the install's URL.
    Webhook,
    /// A person asks and waits for [`crate::Report::answer`].
    Request,
    /// The install was enabled.
    Installed,
    /// The configuration changed.
    Configured,
    /// What the install may do changed.
    GrantChanged,
    /// The install moved to another release.
    Upgraded,
    /// The install is about to go.
    Uninstalling,
    /// What was derived from a partnership (the subject) must go.
    Erase,
    /// A kind that is younger than this SDK: answer with an empty report.
    Unknown,
}

/// Every known kind with its name in the contract.
const NAMES: [(&str, EventKind); 11] = [
    ("overlaps-changed", EventKind::OverlapsChanged),
    ("timeline-added", EventKind::TimelineAdded),
    ("schedule", EventKind::Schedule),
    ("webhook", EventKind::Webhook),
    ("request", EventKind::Request),
    ("installed", EventKind::Installed),
    ("configured", EventKind::Configured),
    ("grant-changed", EventKind::GrantChanged),
    ("upgraded", EventKind::Upgraded),
    ("uninstalling", EventKind::Uninstalling),
    ("erase", EventKind::Erase),
];

impl Event {
    /// The kind.
    pub fn kind(&self) -> EventKind {
        let known = NAMES.iter().find(|(name, _)| *name == self.kind);
        known.map_or(EventKind::Unknown, |(_, kind)| *kind)
    }

    /// The payload as a value; fails with [`Error::Data`] if it has another shape.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.payload).map_err(|error| Error::data("payload", &error))
    }

    /// The continuation as a value, if this run continues another one and it
    /// was made by [`crate::Report::again_json`].
    pub fn continuation<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let read = |text: &String| serde_json::from_str(text);
        let value = self.continuation.as_ref().map(read).transpose();
        value.map_err(|error| Error::data("continuation", &error))
    }
}

/// [`OverlapsChanged::reason`] where the customer chose to start over.
pub const BACKFILL: &str = "backfill";

/// [`ScheduleDue::schedule`] where a person asked for a run.
pub const RUN_NOW: &str = "run-now";

/// Payload of [`EventKind::Schedule`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ScheduleDue {
    /// The schedule's name in the manifest, or [`RUN_NOW`].
    pub schedule: String,
    /// When it was due, in microseconds since 1970.
    pub due_at: i64,
    /// The id of the person who asked for it; none if it came due by itself.
    #[serde(default)]
    pub asked_by: Option<String>,
}

/// Payload of [`EventKind::OverlapsChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OverlapsChanged {
    /// `changes`, or [`BACKFILL`]; others may follow.
    pub reason: String,
    /// Where to start reading, if not at the plugin's own cursor.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Payload of [`EventKind::TimelineAdded`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TimelineAdded {
    /// In the order in which they were added; none if they were erased since.
    pub entries: Vec<AddedEntry>,
}

/// An entry that another plugin added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedEntry {
    /// The other plugin's name.
    pub plugin: String,
    /// One of our accounts.
    pub account: String,
    /// The other plugin's own key.
    pub key: String,
    /// The other plugin's own kind of entry.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
}

impl From<raw::Event> for Event {
    fn from(event: raw::Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            subject: event.subject,
            occurred_at_us: event.occurred_at,
            payload: event.payload,
            continuation: event.continuation,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn event(kind: &str, payload: &str) -> Event {
        Event {
            id: "evt_1".into(),
            kind: kind.into(),
            subject: String::new(),
            occurred_at_us: 0,
            payload: payload.into(),
            continuation: None,
        }
    }

    #[test]
    fn a_kind_that_is_younger_than_the_sdk_is_unknown_and_no_error() {
        assert_eq!(event("deal-won", "{}").kind(), EventKind::Unknown);
        assert_eq!(event("erase", "{}").kind(), EventKind::Erase);
    }

    #[test]
    fn a_payload_may_grow() {
        let payload = r#"{"reason":"backfill","cursor":"c1","asked_by":"someone"}"#;
        let read: OverlapsChanged = event("overlaps-changed", payload).payload().unwrap();
        assert_eq!((read.reason.as_str(), read.cursor.as_deref()), (BACKFILL, Some("c1")));
    }

    #[test]
    fn what_another_plugin_added_is_read_entry_by_entry() {
        let payload = r#"{"entries":[{"plugin":"calls","account":"acc_1","key":"k","kind":"call",
            "text":"Called.","at":7,"mood":"good"}]}"#;
        let told = event("timeline-added", payload);
        assert_eq!(told.kind(), EventKind::TimelineAdded);
        let read: TimelineAdded = told.payload().unwrap();
        let entry = read.entries.first().unwrap();
        assert_eq!((entry.plugin.as_str(), entry.at), ("calls", 7));
    }

    #[test]
    fn a_payload_of_another_shape_says_what_is_wrong() {
        let error = event("overlaps-changed", "{}").payload::<OverlapsChanged>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the payload cannot be read: missing field `reason` at line 1 column 2"
        );
    }
}
