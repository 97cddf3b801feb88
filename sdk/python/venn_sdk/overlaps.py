"""Overlap data. Needs `overlaps:read`; what comes back is within the grant and
every data owner's sharing rules.

A field outside the grant is a denial; a field that a data owner does not share is
empty and named in `withheld`. `limit` is at most 1,000; 0 means 100.

The records are the contract's own (`Overlap`, `Page`, `Count`, `Change`,
`ChangePage`): their fields are those of `wit/types.wit` and `wit/overlaps.wit`,
with `_` for `-`.
"""
from collections.abc import Sequence

from wit_world.imports import overlaps as _raw
from wit_world.imports.overlaps import Change, ChangePage, Count, Page
from wit_world.imports.types import Field, Overlap

from .error import call

__all__ = ["Change", "ChangePage", "Count", "Field", "Overlap", "Page",
           "changes", "counts", "find", "lookup"]


def find(
    *,
    partnership: str | None = None,
    our_populations: Sequence[str] = (),
    their_populations: Sequence[str] = (),
    fields: Sequence[str] = (),
    cursor: str | None = None,
    limit: int = 0,
) -> Page:
    """Reads one page. What is not said means "all that is granted"; `cursor` goes
    on after the page that ended with it."""
    ours, theirs = list(our_populations), list(their_populations)
    query = _raw.Query(partnership, ours, theirs, list(fields), cursor, limit)
    return call(_raw.find, query)


def lookup(domain: str, fields: Sequence[str] = ()) -> Page:
    """The overlaps on one domain: a URL, a host or a registrable domain."""
    return call(_raw.lookup, domain, list(fields))


def counts(partnership: str | None = None) -> list[Count]:
    """Overlap counts per pair of populations."""
    return call(_raw.counts, partnership)


def changes(
    partnership: str, cursor: str | None, fields: Sequence[str], limit: int = 0
) -> ChangePage:
    """Changes of one partnership in commit order. Without a cursor it starts where
    the install was enabled; keep `cursor` of the page in `state` for the next
    time."""
    return call(_raw.changes, partnership, cursor, list(fields), limit)
