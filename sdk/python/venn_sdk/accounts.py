"""The customer's own accounts, for plugins that sync a CRM. Needs `accounts:write`.

Writes are committed with a report, or not at all.
"""
from collections.abc import Iterable
from dataclasses import dataclass, field

from wit_world.imports import accounts as _raw
from wit_world.imports import types as _types

from .error import call


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """An account as the CRM has it: dates `YYYY-MM-DD`, amounts decimal text."""

    external_id: str
    name: str = ""
    website: str = ""
    owner: str = ""
    stage: str = ""
    amount: str = ""
    created_on: str = ""
    population: str = ""
    """One of the customer's populations, by key; empty to go by the stage."""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UpsertResult:
    """How many rows did what."""

    added: int
    changed: int
    unchanged: int


def upsert(rows: Iterable[AccountRow]) -> UpsertResult:
    """Adds or changes accounts by external id; at most 500 at once."""
    raw = call(_raw.upsert, [_row(row) for row in rows])
    return UpsertResult(raw.added, raw.changed, raw.unchanged)


def remove(external_ids: Iterable[str]) -> int:
    """Removes accounts by external id, at most 500 at once; answers how many are
    this source's."""
    return call(_raw.remove, list(external_ids))


def _row(row: AccountRow) -> _raw.AccountRow:
    extra = [_types.Field(name, value) for name, value in row.extra.items()]
    values = (row.name, row.website, row.owner, row.stage, row.amount, row.created_on)
    return _raw.AccountRow(row.external_id, *values, row.population, extra)
