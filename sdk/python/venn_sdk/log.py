"""Lines for the run's log. Needs no capability.

At most 256 lines of 4 KiB each; the customer reads them, support too: no secrets.
"""
from wit_world.imports import log as _raw


def debug(message: str) -> None:
    """For the plugin's developer."""
    _raw.write("debug", message)


def info(message: str) -> None:
    """On what was done."""
    _raw.write("info", message)


def warn(message: str) -> None:
    """On what was left out."""
    _raw.write("warn", message)


def error(message: str) -> None:
    """On what did not work."""
    _raw.write("error", message)
