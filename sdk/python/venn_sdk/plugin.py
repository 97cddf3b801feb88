"""What a plugin is, and what stands between it and the contract's exports.

Nothing that a plugin raises traps: it becomes a fault, and what was raised goes
to the run's log with its place.
"""
import random
import traceback
from dataclasses import dataclass
from typing import Any, Callable, Literal, TypeVar

from componentize_py_types import Err
from wit_world.exports import entry as _types

from . import log
from .error import VennError, read
from .event import Event, event_of
from .fault import Fault
from .report import Report
from .shape import fit

T = TypeVar("T")


@dataclass(frozen=True)
class Draft:
    """What is to be checked before an install is enabled."""

    text: str
    """JSON text, valid under the manifest's `config_schema`."""
    connections: list[str]
    """Names of the connections that are in place."""

    def config(self) -> dict[str, Any]:
        """The configuration as a value."""
        return read("configuration", self.text)

    def has_connection(self, name: str) -> bool:
        """Whether the connection of that name is in place."""
        return name in self.connections


@dataclass(frozen=True)
class Finding:
    """One line of what a check found; `field` is the configuration field or
    connection. An `error` keeps the install from being enabled: say what to do."""

    level: Literal["ok", "warning", "error"]
    message: str
    field: str | None = None


class Plugin:
    """A plugin. Every run is a fresh instance: what must last goes to `state`."""

    unexpected = "unexpected"
    """The fault code for whatever is raised that is neither a `Fault` nor a
    `VennError`: a bug. Declare it in the manifest."""

    def handle(self, event: Event) -> Report | None:
        """Something happened. Answer a kind that you do not know with None: newer
        hosts may send more kinds."""
        raise NotImplementedError

    def check(self, draft: Draft) -> list[Finding]:
        """Looks before an install is enabled: `GET` and `HEAD` only, no partner
        data, no effects, 5 seconds. Says nothing by default."""
        return []

    def migrate(self, old_version: str) -> None:
        """Moves the state of an older release: state only, no egress. What it
        raises keeps the old release running. Does nothing by default."""


def plugin(kind: type[Plugin]) -> type:
    """The contract's exports, served by a plugin: `Entry = plugin(MyPlugin)`."""

    fit(kind.unexpected, str, "unexpected")

    class Entry:
        def handle(self, event: Any) -> Any:
            return _guarded(kind, lambda: (kind().handle(event_of(event)) or Report()).raw())

        def check(self, draft: Any) -> list[Any]:
            def run() -> list[Any]:
                found = kind().check(Draft(draft.config, draft.connections))
                raw = [_types.Finding(each.level, each.field, each.message) for each in found]
                return fit(raw, list[_types.Finding], "findings")

            return _guarded(kind, run)

        def migrate(self, old_version: str) -> None:
            _guarded(kind, lambda: kind().migrate(old_version))

    return Entry


def _guarded(kind: type[Plugin], run: Callable[[], T]) -> T:
    # The component keeps Python as it was when it was built, its random numbers
    # too: without this, every run would draw the same ones.
    random.seed()
    try:
        return run()
    except BaseException as raised:
        raise Err(fault_of(raised, kind.unexpected)) from None


def fault_of(raised: BaseException, unexpected: str) -> Any:
    """The contract's fault that ends a run in which this was raised."""
    try:
        if isinstance(raised, VennError):
            return Fault.of(raised).raw()
        if isinstance(raised, Fault):
            return raised.raw()
    except BaseException as worse:
        # A fault that does not fit the contract is a bug like any other.
        raised = worse
    log.error(_told(raised))
    # The words of an error may quote a customer's values: they stay in the log.
    message = f"{_name(raised)} was raised and not caught; the run's log has the place"
    return _types.Fault(unexpected, "plugin", None, message, None)


def _told(raised: BaseException) -> str:
    # Whatever was raised, in words; looking at it must not raise again.
    try:
        return "".join(traceback.format_exception(raised)).rstrip()
    except BaseException:
        return f"{_name(raised)}: it cannot be shown"


def _name(raised: BaseException) -> str:
    # By `type` itself: a class of the plugin's may answer for its own name.
    return str(type.__dict__["__name__"].__get__(type(raised)))
