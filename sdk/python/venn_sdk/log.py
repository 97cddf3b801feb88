"""Lines for the run's log. Needs no capability.

At most 256 lines of 4 KiB each; the customer reads them, support too: no secrets.
Half a surrogate pair, as a third party's JSON may hold, is written as `\\ud800`.
"""
from wit_world.imports import log as _raw

from .error import call
from .shape import shown


def debug(message: str) -> None:
    """For the plugin's developer."""
    _write("debug", message)


def info(message: str) -> None:
    """On what was done."""
    _write("info", message)


def warn(message: str) -> None:
    """On what was left out."""
    _write("warn", message)


def error(message: str) -> None:
    """On what did not work."""
    _write("error", message)


def _write(level: str, message: str) -> None:
    call(_raw.write, level, shown(message) if isinstance(message, str) else message)
