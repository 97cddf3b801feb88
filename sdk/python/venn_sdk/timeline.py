"""Dated facts on an account of the customer. Needs `timeline:write`.

Entries are committed with a report, or not at all; the same key is the same entry
for ever, so writing it again does no harm.
"""
from collections.abc import Iterable
from dataclasses import dataclass

from wit_world.imports import timeline as _raw

from .error import call


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One fact."""

    account: str
    """One of our accounts: `our_account` of an overlap."""
    key: str
    """Chosen by the plugin."""
    kind: str
    """A short kind of the plugin's own."""
    text: str
    """At most 2 KiB."""
    at_us: int | None = None
    """When it happened, in microseconds since 1970; now if not said."""
    partnership: str | None = None
    """The partnership that it was derived from. A run that has read a partner's
    rows writes only to that partnership."""


def append(entries: Iterable[Entry]) -> None:
    """Appends entries; at most 500 at once."""
    rows = [_raw.Entry(e.account, e.kind, e.text, e.at_us, e.key, e.partnership) for e in entries]
    call(_raw.append, rows)
