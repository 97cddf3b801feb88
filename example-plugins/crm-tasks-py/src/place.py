"""How far the work is, over many short runs. Pure.

Where to start reading: a run that continues another one starts where that one
stopped; a backfill starts where its event says; anything else at the cursor that
was kept after the last run.
"""
from collections.abc import Sequence
from dataclasses import dataclass

from venn_sdk import BACKFILL, Denial, Event


@dataclass
class Place:
    """What one run hands to the next: where to go on reading; changes read and tasks
    made so far, over all runs of this event."""

    cursor: str | None = None
    done: int = 0
    tasks: int = 0


def start(event: Event, kept: str | None) -> tuple[Place, bool]:
    """Where to start, and whether the customer chose to start over: tasks may exist
    already. `kept` is the cursor that the last run left in state."""
    backfill = event.payload["reason"] == BACKFILL
    before = event.continuation_json()
    if before is not None:
        return Place(**before), backfill
    first = event.payload.get("cursor")
    return Place(first if backfill else kept or first), backfill


FIELDS = ("our-name", "their-name", "their-owner")
"""The fields to ask for at first; the same as in `venn.toml`."""

_OPTIONAL_FIELDS = ("their-owner",)
"""Fields that a task can do without."""


def without_denied_field(fields: Sequence[str], denial: Denial) -> list[str] | None:
    """After a denial: the fields without the one that was denied, if a task can do
    without it. None if there is nothing to do but give up."""
    words = denial.what.split()
    rest = [field for field in fields if field not in _OPTIONAL_FIELDS or field not in words]
    return rest if len(rest) < len(fields) else None
