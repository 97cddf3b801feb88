"""The customer's configuration of this install. Needs no capability."""
from typing import Any

from wit_world.imports import config as _raw

from .error import read


def get() -> dict[str, Any]:
    """The configuration as a value. The host has held it against `config_schema`."""
    return read("configuration", _raw.get())


def text() -> str:
    """The configuration as JSON text."""
    return _raw.get()
