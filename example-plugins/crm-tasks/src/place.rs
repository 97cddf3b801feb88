//! How far the work is, over many short runs. Pure.
//!
//! Where to start reading: a run that continues another one starts where that
//! one stopped; a backfill starts where its event says; anything else at the
//! cursor that was kept after the last run.
use serde::{Deserialize, Serialize};
use venn_sdk::{BACKFILL, Denial, Error, Event, OverlapsChanged};

/// What one run hands to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Where to go on reading.
    pub(crate) cursor: Option<String>,
    /// Changes read so far, over all runs of this event.
    pub(crate) done: u64,
    /// Tasks made so far, over all runs of this event.
    pub(crate) tasks: u64,
}

/// How a run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) place: Place,
    /// The customer chose to start over: tasks may exist already.
    pub(crate) backfill: bool,
}

impl Start {
    /// `kept` is the cursor that the last run left in state.
    pub(crate) fn of(event: &Event, kept: Option<String>) -> Result<Self, Error> {
        let payload: OverlapsChanged = event.payload()?;
        let backfill = payload.reason == BACKFILL;
        let place = match event.continuation()? {
            Some(place) => place,
            None if backfill => Place { cursor: payload.cursor, ..Place::default() },
            None => Place { cursor: kept.or(payload.cursor), ..Place::default() },
        };
        Ok(Self { place, backfill })
    }
}

/// Fields that a task can do without.
const OPTIONAL_FIELDS: [&str; 1] = ["their-owner"];

/// The fields to ask for at first; the same as in `venn.toml`.
pub(crate) const FIELDS: [&str; 3] = ["our-name", "their-name", "their-owner"];

/// After a denial: takes the field that was denied off the list if a task can
/// do without it. False if there is nothing to do but give up.
pub(crate) fn without_denied_field(fields: &mut Vec<&'static str>, denial: &Denial) -> bool {
    let denied = |field: &&str| {
        OPTIONAL_FIELDS.contains(field) && denial.what.split_whitespace().any(|word| word == *field)
    };
    let before = fields.len();
    fields.retain(|field| !denied(field));
    fields.len() < before
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn start(payload: &str, continuation: Option<&str>, kept: Option<&str>) -> Start {
        let event = Event {
            id: "evt_1".into(),
            kind: "overlaps-changed".into(),
            subject: "pty_1".into(),
            occurred_at_us: 0,
            payload: payload.into(),
            continuation: continuation.map(String::from),
        };
        Start::of(&event, kept.map(String::from)).unwrap()
    }

    const CHANGES: &str = r#"{"reason":"changes","cursor":null}"#;
    const OVER: &str = r#"{"reason":"backfill","cursor":"start"}"#;

    #[test]
    fn changes_go_on_at_the_kept_cursor() {
        assert_eq!(start(CHANGES, None, Some("c7")).place.cursor.as_deref(), Some("c7"));
        assert_eq!(start(CHANGES, None, None).place.cursor, None);
    }

    #[test]
    fn a_backfill_starts_where_it_says_and_not_at_the_kept_cursor() {
        let start = start(OVER, None, Some("c7"));
        assert!(start.backfill);
        assert_eq!(start.place.cursor.as_deref(), Some("start"));
    }

    #[test]
    fn a_continuation_wins_and_keeps_counting() {
        let before = Place { cursor: Some("c9".into()), done: 500, tasks: 480 };
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(start(OVER, Some(&text), Some("c7")).place, before);
    }

    #[test]
    fn only_a_field_that_a_task_can_do_without_is_given_up() {
        let denial = |what: &str| Denial {
            capability: "overlaps:read".into(),
            what: what.into(),
            why: "not granted".into(),
            who_can_change_it: "customer-admin".into(),
        };
        let mut fields = FIELDS.to_vec();
        assert!(without_denied_field(&mut fields, &denial("field their-owner")));
        assert_eq!(fields, ["our-name", "their-name"]);
        assert!(!without_denied_field(&mut fields, &denial("field their-owner")));
        assert!(!without_denied_field(&mut fields, &denial("field their-name")));
    }
}
