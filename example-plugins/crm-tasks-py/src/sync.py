"""One run: read changes, make tasks, note it on the timeline, remember the place.
Bounded, so that a backfill of any size is a chain of short runs."""
from collections.abc import Sequence
from dataclasses import asdict

from venn_sdk import Denied, Event, Report, log, overlaps, state, timeline

import crm
import settings
from place import FIELDS, start, without_denied_field
from settings import Settings
from task import Wanted, operation, timeline_text, upsert_input, wanted

_PAGE_CHANGES = 100
"""Changes in one page: HubSpot takes at most 100 tasks in one batch."""
_PAGES_PER_RUN = 2
"""Pages in one run: some 8 calls, a few seconds of HubSpot's time."""
_CURSOR = "cursor"
"""The key of the state that holds how far changes were read."""


def run(event: Event) -> Report:
    """Handles `overlaps-changed`; its subject is the partnership."""
    partnership, config = event.subject, settings.get()
    kept = state.of(partnership)
    place, backfill = start(event, kept.get_json(_CURSOR))
    fields: Sequence[str] = FIELDS
    remaining = 0
    for _ in range(_PAGES_PER_RUN):
        page, fields = _read(partnership, place.cursor, fields)
        tasks = wanted(page.items, config)
        if tasks:
            _make_tasks(tasks, backfill, config)
            _note(partnership, tasks)
        place.done += len(page.items)
        place.tasks += len(tasks)
        place.cursor = page.cursor
        remaining = max(page.remaining, 1) if page.more else 0
        if not page.more:
            break
    # A backfill that is not through yet is behind the kept cursor: leave it.
    if not backfill or remaining == 0:
        kept.set_json(_CURSOR, place.cursor)
    return Report(
        f"tasks made: {place.tasks}, changes read: {place.done}",
        done=place.done,
        total=place.done + remaining,
        again=asdict(place) if remaining else None,
    )


def _read(
    partnership: str, cursor: str | None, fields: Sequence[str]
) -> tuple[overlaps.ChangePage, Sequence[str]]:
    """Reads a page; asks again without a field that is denied if a task can do
    without it."""
    while True:
        try:
            return overlaps.changes(partnership, cursor, fields, _PAGE_CHANGES), fields
        except Denied as error:
            rest = without_denied_field(fields, error.denial)
            if rest is None:
                raise
            log.warn(f"going on without {error.denial.what}: {error.denial.why}")
            fields = rest


def _make_tasks(batch: list[Wanted], backfill: bool, config: Settings) -> None:
    """Makes or changes the tasks of one page and links them: at most four calls."""
    # Only a backfill meets tasks that people may have worked on.
    ids = [each.overlap.id for each in batch]
    known = crm.known_tasks(ids, operation("known", batch)) if backfill else {}
    inputs = [upsert_input(each, each.overlap.id in known, config) for each in batch]
    tasks = crm.upsert_tasks(inputs, operation("tasks", batch))
    if not config.assign_company:
        return
    domains = sorted({each.overlap.domain for each in batch})
    companies = crm.companies(domains, operation("companies", batch))
    found = [(tasks.get(each.overlap.id), companies.get(each.overlap.domain)) for each in batch]
    pairs = [(task, company) for task, company in found if task and company]
    if pairs:
        crm.link_companies(pairs, operation("links", batch))


def _note(partnership: str, batch: list[Wanted]) -> None:
    """Notes new tasks on the timeline. The tasks are the work and the note is a
    courtesy: without the permission the work goes on."""
    entries = [
        timeline.Entry(
            account=each.overlap.our_account,
            key=each.overlap.id,
            kind="task-created",
            text=timeline_text(each.overlap),
            partnership=partnership,
        )
        for each in batch
        if each.added
    ]
    if not entries:
        return
    try:
        timeline.append(entries)
    except Denied as error:
        log.warn(f"no timeline entries: {error.denial.why}")
