"""Small state of the install, kept between runs. Needs `state`.

A run reads its own writes; they are committed with a report, or not at all. Each
partnership has its own partition (`of`) and there is a common one (`common`). A
run that has read a partner's rows writes only to that partner's partition, so
that the end of a partnership can purge it. Keys have at most 512 bytes, values
64 KiB, an install 10,000 keys.
"""
import json
from dataclasses import dataclass
from typing import Any

from wit_world.imports import state as _raw

from .error import call, read


@dataclass(frozen=True)
class Partition:
    """One partition."""

    partnership: str | None

    def get(self, key: str) -> bytes | None:
        """A value."""
        return call(_raw.get, self.partnership, key)

    def set(self, key: str, value: bytes) -> None:
        """Writes a value."""
        call(_raw.set, self.partnership, key, value)

    def get_json(self, key: str) -> Any:
        """A value kept as JSON; None if there is none."""
        value = self.get(key)
        return None if value is None else read(f"state `{key}`", value)

    def set_json(self, key: str, value: Any) -> None:
        """Writes a value as JSON."""
        self.set(key, json.dumps(value).encode())

    def remove(self, key: str) -> None:
        """Removes a value; fine if there is none."""
        call(_raw.remove, self.partnership, key)

    def keys(self, prefix: str, cursor: str | None = None) -> list[str]:
        """Keys that start with `prefix`, in byte order, after the key `cursor`;
        none left when it answers with an empty list."""
        return call(_raw.keys, self.partnership, prefix, cursor)


def common() -> Partition:
    """The partition that belongs to no partnership."""
    return Partition(None)


def of(partnership: str) -> Partition:
    """The partition of a partnership."""
    return Partition(partnership)
