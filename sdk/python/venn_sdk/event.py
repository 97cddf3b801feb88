"""Events: what a run is about.

Kinds and payloads are open: a kind that is not in `KINDS` is not an error. The
payload of each kind has a schema in the contract's `events/`, and a type here.
"""
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from .error import read

BACKFILL = "backfill"
"""`reason` of `overlaps-changed` where the customer chose to start over."""


class OverlapsChanged(TypedDict):
    """Overlaps of one partnership (the subject) appeared, changed or went away."""

    reason: str
    """`changes`, or `backfill`; others may follow."""
    cursor: str | None
    """Where to start reading, if not at the plugin's own cursor."""


class AddedEntry(TypedDict):
    """An entry that another plugin added to the timeline."""

    plugin: str
    """The other plugin's name."""
    account: str
    """One of our accounts."""
    key: str
    """The other plugin's own key."""
    kind: str
    """The other plugin's own kind of entry."""
    text: str
    """One sentence."""
    at: int
    """When it happened, in microseconds since 1970."""


class TimelineAdded(TypedDict):
    """Another plugin added entries to the timeline of accounts, derived from a
    partnership (the subject) or from none. Needs `timeline:read`."""

    entries: list[AddedEntry]


class Schedule(TypedDict):
    """A schedule of the manifest (the subject) is due, or a person asked for a run now."""

    schedule: str
    due_at: int
    asked_by: str | None


class Header(TypedDict):
    """One header of a webhook."""

    name: str
    value: str


class Webhook(TypedDict):
    """A third party called the install's URL."""

    method: str
    path: str
    query: str
    headers: list[Header]
    body_base64: str


class Request(TypedDict):
    """A person asks and waits for the report's `answer`."""

    action: str
    text: str
    input: dict[str, Any]
    user: str | None


class Configured(TypedDict):
    """The configuration changed."""

    changed: list[str]


class GrantChanged(TypedDict):
    """What the install may do changed."""

    gained: list[str]
    lost: list[str]


class Upgraded(TypedDict):
    """The install moved to another release."""

    old_version: str
    new_version: str


class Uninstalling(TypedDict):
    """The install is about to go."""

    reason: str


class Erase(TypedDict):
    """What was derived from a partnership (the subject) must go."""

    reason: str
    since: int | None


EventKind = Literal[
    "overlaps-changed", "timeline-added", "schedule", "webhook", "request", "installed",
    "configured", "grant-changed", "upgraded", "uninstalling", "erase", "unknown",
]

KINDS = frozenset(EventKind.__args__) - {"unknown"}  # type: ignore[attr-defined]
"""The kinds that this SDK knows."""


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    id: str
    """The event's id; the same on every attempt."""
    kind_name: str
    """The kind as the host names it, also one that is younger than this SDK."""
    subject: str
    """What it is about, for example a partnership; empty if nothing."""
    occurred_at_us: int
    """When it happened, in microseconds since 1970."""
    payload: Any
    """The value under the published schema of the kind: one of the types here."""
    continuation: str | None = None
    """What the run before returned as `again`, if this run continues it."""

    @property
    def kind(self) -> EventKind:
        """The kind; `unknown` if it is younger than this SDK."""
        return self.kind_name if self.kind_name in KINDS else "unknown"  # type: ignore[return-value]

    def continuation_json(self) -> Any:
        """The continuation as a value, if `again` was one; else None."""
        return None if self.continuation is None else read("continuation", self.continuation)


def event_of(raw: Any) -> Event:
    """The event of the contract as plugins see it."""
    payload = read("payload", raw.payload)
    return Event(raw.id, raw.kind, raw.subject, raw.occurred_at, payload, raw.continuation)
