"""A task in HubSpot for every overlap that is new, so that somebody follows up.
Copy this folder to start a plugin of your own.

- settings: what the customer sets. task: what a task says. Pure.
- place: how far the work is, over many short runs. Pure.
- crm: the calls to HubSpot, and nothing that decides.
- sync: one run: read changes, make tasks, note it, remember the place.
- check: a look before the install is enabled.

It does not keep anything of an overlap itself, does not delete tasks when an
overlap goes away (people work on them), and never reopens one.
"""
from venn_sdk import Draft, Event, Finding, Plugin, Report, plugin

import check
import crm
import sync


class CrmTasks(Plugin):
    def handle(self, event: Event) -> Report | None:
        if event.kind == "installed":
            crm.create_property()
            return Report("HubSpot is ready for tasks")
        if event.kind == "overlaps-changed":
            return sync.run(event)
        # Kinds that this release does not know are not an error.
        return None

    def check(self, draft: Draft) -> list[Finding]:
        return check.check(draft)


Entry = plugin(CrmTasks)
