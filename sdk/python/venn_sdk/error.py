"""What a host call raises when it does not answer with a value.

One class for all interfaces; uncaught, it becomes a fault with a code of its own
per kind (see `Fault.of`).
"""
import json
from dataclasses import dataclass
from typing import Any, Callable, Literal, TypeVar

from componentize_py_types import Err

from .shape import fit_arguments

ErrorKind = Literal[
    "denied", "invalid", "limit", "conflict", "unavailable", "network", "data"
]

T = TypeVar("T")


@dataclass(frozen=True)
class Denial:
    """Why the host declined a call, and who can change that."""

    capability: str
    what: str
    why: str
    who_can_change_it: str


class VennError(Exception):
    """Why a call did not work. Nothing happened, except where said.

    `kind` is one of:

    - `denied`: not allowed; see `Denied`.
    - `invalid`: the argument makes no sense; the text says which and why.
    - `limit`: a limit of this run was reached; the text names it.
    - `conflict`: someone else wrote the same state meanwhile; read again and retry.
    - `unavailable`: the host cannot serve this now, or does not serve it yet.
    - `network`: an HTTP call was allowed but did not work; see `NetworkError`.
    - `data`: text that should be JSON of some shape is not.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind


class Denied(VennError):
    """Not allowed: by the manifest, the platform, the customer or a data owner."""

    def __init__(self, denial: Denial) -> None:
        super().__init__("denied", f"{denial.capability}: {denial.why} ({denial.what})")
        self.denial = denial


class NetworkError(VennError):
    """An HTTP call was allowed but did not work; it may have arrived.

    `failure` is `dns`, `connect`, `tls`, `timeout`, `protocol` or
    `body-too-large`; others may follow.
    """

    def __init__(self, failure: str, message: str) -> None:
        super().__init__("network", f"{failure}: {message}")
        self.failure = failure


def call(host: Callable[..., T], *arguments: Any) -> T:
    """Makes a host call; a result's error is raised as a `VennError`, an argument
    that the contract has no place for as a `TypeError` or `ValueError`."""
    fit_arguments(host, arguments)
    try:
        return host(*arguments)
    except Err as error:
        raise _of(error.value) from None


def read(what: str, text: str | bytes) -> Any:
    """JSON text as a value; a `VennError` of kind `data` for the named thing."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise VennError("data", f"the {what} cannot be read: {error}") from None


def _of(value: Any) -> VennError:
    # The class of a variant's case is named `<Variant>_<Case>`.
    case = type(value).__name__.rpartition("_")[2].lower()
    value = value.value
    if case == "denied":
        return Denied(denial_of(value))
    if case == "failed":
        return NetworkError(value.kind, value.message)
    return VennError(case, value)  # type: ignore[arg-type]


def denial_of(raw: Any) -> Denial:
    """The contract's denial."""
    return Denial(raw.capability, raw.what, raw.why, raw.who_can_change_it)
