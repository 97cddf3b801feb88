"""What the run is, and what the host last declined. Needs no capability."""
from dataclasses import dataclass

from wit_world.imports import host as _raw

from .error import Denial, denial_of


@dataclass(frozen=True)
class RunInfo:
    """Ids of the run, the install and the plugin, the release's version, and which
    attempt at the delivery this is (1 for the first)."""

    run: str
    install: str
    plugin: str
    version: str
    attempt: int


def info() -> RunInfo:
    """What this run is."""
    raw = _raw.info()
    return RunInfo(raw.run, raw.install, raw.plugin, raw.version, raw.attempt)


def last_denial() -> Denial | None:
    """The newest denial of this run."""
    raw = _raw.last_denial()
    return None if raw is None else denial_of(raw)
