"""Write a Venn plugin in Python.

A plugin is a class with a `handle`, given once to `plugin` and named `Entry`.
Everything that it can reach is a module here, one for each interface of the
contract in `wit/`; what a call costs in permissions stands at its head.

One event arrives, `handle` runs once in a fresh instance, and what it wrote
(state, timeline, accounts) is committed only if it returns. After a fault, or
anything else that is raised, nothing is.
"""
from . import accounts, config, host, http, log, overlaps, state, timeline
from .error import Denied, Denial, NetworkError, VennError
from .event import BACKFILL, KINDS, Event
from .fault import Cause, Fault
from .plugin import Draft, Finding, Plugin, plugin
from .report import Report

__all__ = [
    "BACKFILL", "Cause", "Denial", "Denied", "Draft", "Event", "Fault", "Finding", "KINDS",
    "NetworkError", "Plugin", "Report", "VennError", "accounts", "config", "host", "http", "log",
    "overlaps", "plugin", "state", "timeline",
]
