//! Events: open kinds with one published payload schema each.
//!
//! To add a kind: a constant here, a schema in `wit/events`, a payload maker.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::{
    id::{EventId, UserId},
    limits,
    time::Timestamp,
};

mod added;

pub use added::{AddedEntry, TimelineAdded};

/// Every kind that a manifest may ask for, with what it means.
pub const KINDS: [(&str, &str); 11] = [
    (OVERLAPS_CHANGED, "overlaps of one partnership appeared, changed or went away"),
    (TIMELINE_ADDED, "another plugin added entries to the timeline of accounts"),
    (SCHEDULE, "a schedule of the manifest is due"),
    (WEBHOOK, "a third party called the install's URL"),
    (REQUEST, "a person asks and waits for an answer"),
    (INSTALLED, "the install was enabled"),
    (CONFIGURED, "the configuration changed"),
    (GRANT_CHANGED, "what the install may do changed"),
    (UPGRADED, "the install moved to another release"),
    (UNINSTALLING, "the install is about to go"),
    (ERASE, "derived data of a partnership must go"),
];

/// Overlaps of one partnership appeared, changed or went away.
pub const OVERLAPS_CHANGED: &str = "overlaps-changed";
/// Another plugin added entries to the timeline of accounts.
pub const TIMELINE_ADDED: &str = "timeline-added";
/// A schedule of the manifest is due.
pub const SCHEDULE: &str = "schedule";
/// A third party called the install's URL.
pub const WEBHOOK: &str = "webhook";
/// A person asks and waits for an answer.
pub const REQUEST: &str = "request";
/// The install was enabled.
pub const INSTALLED: &str = "installed";
/// The configuration changed.
pub const CONFIGURED: &str = "configured";
/// What the install may do changed.
pub const GRANT_CHANGED: &str = "grant-changed";
/// The install moved to another release.
pub const UPGRADED: &str = "upgraded";
/// The install is about to go.
pub const UNINSTALLING: &str = "uninstalling";
/// Derived data of a partnership must go.
pub const ERASE: &str = "erase";

/// Whether a run about this kind may be at work beside others of its install, where the
/// manifest asks for that: those that are about one partnership, what others added, or one address
/// that others call, and leave the rest of the install as it is. What concerns the install as a whole
/// runs alone.
pub fn runs_beside_others(kind: &str) -> bool {
    [OVERLAPS_CHANGED, TIMELINE_ADDED, WEBHOOK, REQUEST].contains(&kind)
}

/// Something that happened, as a guest gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The kind; open.
    pub kind: String,
    /// What it is about, for example a partnership; empty if nothing.
    pub subject: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// JSON text.
    pub payload: String,
    /// What the run before returned as `again`.
    pub continuation: Option<String>,
}

impl Event {
    /// Whether a person asked for it at Venn, who is told how it ended.
    pub fn is_asked(&self) -> bool {
        let asked = || serde_json::from_str::<Requested>(&self.payload);
        self.kind == REQUEST && asked().is_ok_and(|asked| asked.user.is_some())
    }
}

/// Why one is given up that was not begun in time.
pub const EXPIRED: &str = "it waited longer than it is of use";

/// Until when it is of use to begin with an event of this kind that comes at this moment;
/// `next` is when its schedule comes again. None where that has no end: what says that
/// something is otherwise now is true until the plugin has seen it, also after a long pause.
pub fn of_use_until(kind: &str, at: Timestamp, next: Option<Timestamp>) -> Option<Timestamp> {
    let age_ms = match kind {
        REQUEST => limits::EVENT_AGE_REQUEST_MS,
        SCHEDULE => limits::EVENT_AGE_SCHEDULE_MS,
        WEBHOOK => limits::EVENT_AGE_WEBHOOK_MS,
        _ => return None,
    };
    Some(next.unwrap_or(at).plus_ms(age_ms))
}

/// The schedule of a run that a person asks for.
pub const RUN_NOW: &str = "run-now";

/// Payload of [`SCHEDULE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleDue {
    /// The schedule's name in the manifest, or [`RUN_NOW`].
    pub schedule: String,
    /// When it was due, in microseconds since 1970.
    pub due_at: i64,
    /// The person who asked for it; none if it came due by itself.
    pub asked_by: Option<UserId>,
}

/// Payload of [`REQUEST`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// Which command or button: the action's or the webhook's name in the manifest.
    pub action: String,
    /// What the person typed; empty if nothing.
    pub text: String,
    /// Named values.
    pub input: Map<String, Value>,
    /// The person at Venn; none if it came from outside.
    pub user: Option<UserId>,
}

impl Requested {
    /// From a call's body: the fields of a form, or the members of a JSON object. The text
    /// is the one named `text`. None if it is neither.
    pub fn from_call(action: &str, content_type: &str, body: &[u8]) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let input: Map<String, Value> = if kind.eq_ignore_ascii_case(FORM) {
            let fields = form_urlencoded::parse(body);
            fields.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()
        } else {
            serde_json::from_slice(body).ok()?
        };
        let text = input.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { action: action.to_owned(), text, input, user: None })
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Payload of [`WEBHOOK`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookCalled {
    /// The webhook's name in the manifest.
    pub webhook: String,
    /// Upper case.
    pub method: String,
    /// What stands after the URL, with its leading `/`; empty if nothing.
    pub path: String,
    /// Without the `?`.
    pub query: String,
    /// Those that a plugin sees.
    pub headers: Vec<WebhookHeader>,
    /// Standard base64 with padding.
    pub body_base64: String,
}

/// A header of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookHeader {
    /// Lower case.
    pub name: String,
    /// As it came.
    pub value: String,
}

/// Payload of [`OVERLAPS_CHANGED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapsChanged {
    /// `changes`, or `backfill` where the customer chose to start over.
    pub reason: String,
    /// Where to start reading, if not at the plugin's own cursor.
    pub cursor: Option<String>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_concerns_the_install_as_a_whole_and_what_is_not_known_runs_alone() {
        let beside: Vec<_> =
            KINDS.iter().map(|(kind, _)| *kind).filter(|kind| runs_beside_others(kind)).collect();
        assert_eq!(beside, [OVERLAPS_CHANGED, TIMELINE_ADDED, WEBHOOK, REQUEST]);
        assert!(!runs_beside_others("of-a-newer-contract"));
    }

    fn asked(content_type: &str, body: &[u8]) -> Option<Value> {
        let asked = Requested::from_call("overlaps", content_type, body)?;
        Some(serde_json::to_value(asked).unwrap())
    }

    #[test]
    fn what_somebody_waits_for_has_an_end_and_what_is_so_has_none() {
        let at = Timestamp(1_764_000_000_000_000);
        let next = at.plus_ms(7 * 86_400_000);
        let ms = |kind, next| of_use_until(kind, at, next).map(|until| until.ms_since(at));
        assert_eq!(ms(REQUEST, None), Some(300_000));
        assert_eq!(ms(WEBHOOK, None), Some(7 * 86_400_000));
        assert_eq!(ms(SCHEDULE, None), Some(86_400_000));
        assert_eq!(ms(SCHEDULE, Some(next)), Some(8 * 86_400_000));
        for (kind, _) in KINDS {
            let has_end = [REQUEST, WEBHOOK, SCHEDULE].contains(&kind);
            assert_eq!(ms(kind, None).is_some(), has_end, "{kind}");
        }
    }

    #[test]
    fn what_a_person_asked_at_venn_is_told_from_what_came_from_outside() {
        let user: UserId = "usr_01k5v2m8q4r7t9w3x6z1b0c5d8".parse().unwrap();
        let requested = |user| Requested {
            action: "find".to_owned(),
            text: String::new(),
            input: Map::new(),
            user,
        };
        let event = |kind: &str, payload: String| Event {
            id: "evt_01k5v2m8q4r7t9w3x6z1b0c5d8".parse().unwrap(),
            kind: kind.to_owned(),
            subject: "find".to_owned(),
            occurred_at: Timestamp(0),
            payload,
            continuation: None,
        };
        let payload = |user| serde_json::to_string(&requested(user)).unwrap();
        assert!(event(REQUEST, payload(Some(user.clone()))).is_asked());
        assert!(!event(REQUEST, payload(None)).is_asked());
        assert!(!event(WEBHOOK, payload(Some(user))).is_asked());
        assert!(!event(REQUEST, "{}".to_owned()).is_asked());
    }

    #[test]
    fn what_a_person_asks_is_a_form_or_an_object() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            asked(form, b"command=%2Foverlaps&text=acme+corp&text=globex"),
            Some(json!({ "action": "overlaps", "text": "globex", "user": null,
                "input": { "command": "/overlaps", "text": "globex" } }))
        );
        assert_eq!(
            asked("application/json", br#"{"text": 7, "button": "b1"}"#),
            Some(json!({ "action": "overlaps", "text": "", "user": null,
                "input": { "text": 7, "button": "b1" } }))
        );
        // What says nothing of itself is read as JSON.
        assert!(asked("", b"{}").is_some());
        for body in [&b"[1]"[..], b"\xff", b"", b"text=acme"] {
            assert_eq!(asked("application/json", body), None);
        }
    }
}
