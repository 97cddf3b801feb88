"""What a task says. Pure: overlaps go in, HubSpot's JSON comes out."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from venn_sdk.overlaps import Change, Overlap

from settings import Settings

OVERLAP_PROPERTY = "venn_overlap"
"""The task property that holds the overlap's id. It is unique, so an upsert by it
makes one task per overlap however often a run is repeated."""


@dataclass(frozen=True)
class Wanted:
    """An overlap that becomes a task; `added` says that it is new, not just changed."""

    overlap: Overlap
    added: bool


def wanted(changes: Sequence[Change], settings: Settings) -> list[Wanted]:
    """The overlaps of a page that become tasks, each once: HubSpot refuses a batch
    that names one task twice, and only the newest state counts."""
    by_id: dict[str, Wanted] = {}
    for change in changes:
        overlap = change.overlap
        if change.kind == "removed" or not settings.accepts(overlap.confidence):
            by_id.pop(overlap.id, None)
            continue
        before = by_id.get(overlap.id)
        added = change.kind == "added" or (before is not None and before.added)
        by_id[overlap.id] = Wanted(overlap, added)
    return [by_id[key] for key in sorted(by_id)]


def operation(what: str, batch: Sequence[Wanted]) -> str:
    """Names the batch, the same on every attempt: `tasks/<first>-<last>`."""
    return f"{what}/{batch[0].overlap.id}-{batch[-1].overlap.id}"


def upsert_input(each: Wanted, known: bool, settings: Settings) -> dict[str, Any]:
    """One input of HubSpot's batch upsert. `known` says that the task exists: its
    status then belongs to the people who work on it."""
    overlap = each.overlap
    properties = {
        OVERLAP_PROPERTY: overlap.id,
        "hs_task_subject": subject(overlap, settings.task_prefix),
        "hs_task_body": _body(overlap),
        "hs_task_priority": settings.task_priority,
        "hs_task_type": "TODO",
        # Due when the two were paired: a repeated run does not move it. HubSpot
        # counts milliseconds, Venn microseconds.
        "hs_timestamp": str(overlap.paired_at // 1_000),
    }
    if each.added and not known:
        properties["hs_task_status"] = "NOT_STARTED"
    return {"idProperty": OVERLAP_PROPERTY, "id": overlap.id, "properties": properties}


def subject(overlap: Overlap, prefix: str) -> str:
    """The task's title, for example `Overlap: Acme is known to Globex (ask Ann)`."""
    name = _first_of(overlap.our_name, overlap.their_name, overlap.domain)
    partner = _first_of(overlap.partner, "a partner")
    owner = overlap.their_owner.strip()
    ask = f" (ask {owner})" if owner else ""
    return f"{prefix} {name} is known to {partner}{ask}".lstrip()


def timeline_text(overlap: Overlap) -> str:
    """What a timeline entry says."""
    partner = _first_of(overlap.partner, "a partner")
    return f"A task was made in HubSpot: this account is known to {partner}."


def _body(overlap: Overlap) -> str:
    theirs = _first_of(overlap.their_name, overlap.domain)
    partner = _first_of(overlap.partner, "the partner")
    return (
        f"{theirs} is in {partner}'s list as \"{overlap.their_population}\", "
        f'in yours as "{overlap.our_population}". Paired by {overlap.evidence}.'
    )


def _first_of(*texts: str) -> str:
    return next((text.strip() for text in texts if text.strip()), "")
