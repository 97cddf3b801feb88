"""Faults: what a run that did not work ends with. Nothing is committed.

A fault is the plugin's claim. The host draws its own conclusion from what it saw;
an honest claim makes that quicker, a wrong one changes nothing. Declare every
code in the manifest's `faults`, with an answer for people.
"""
from typing import TYPE_CHECKING, Any, Literal

from wit_world.exports import entry as _types

from .error import NetworkError, VennError
from .shape import fit, shown

if TYPE_CHECKING:
    from .http import Response

Cause = Literal[
    "plugin", "third-party", "customer-config", "grant-missing", "platform", "unknown"
]

_CODES: dict[str, tuple[str, Cause]] = {
    "denied": ("not-allowed", "grant-missing"),
    "invalid": ("bad-call", "plugin"),
    "limit": ("limit-reached", "plugin"),
    "conflict": ("state-conflict", "platform"),
    "unavailable": ("venn-unavailable", "platform"),
    "network": ("network", "third-party"),
    "data": ("bad-data", "plugin"),
}


class Fault(Exception):
    """A run that did not work: raise it.

    `code` is one of the manifest's, the message a sentence for people without
    secrets, `field` the configuration field or connection to fix,
    `retry_after_s` the seconds to wait before the next attempt.
    """

    def __init__(
        self,
        code: str,
        cause: Cause,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.cause: Cause = cause
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    @classmethod
    def of_status(cls, service: str, connection: str, answer: "Response") -> "Fault":
        """The fault of an HTTP answer that is no success, from a service that the
        manifest's fault codes call `service` and the connection `connection`:

        - 401, 403: `<service>-unauthorized`, customer-config, field = connection
        - 429: `<service>-rate-limited`, third-party, with its `Retry-After`
        - 408, 5xx: `<service>-unavailable`, third-party, with its `Retry-After`
        - others: `<service>-rejected`, plugin
        """
        field: str | None = None
        cause: Cause = "third-party"
        if answer.status in (401, 403):
            suffix, cause, field = "unauthorized", "customer-config", connection
        elif answer.status == 429:
            suffix = "rate-limited"
        elif answer.status == 408 or 500 <= answer.status < 600:
            suffix = "unavailable"
        else:
            suffix, cause = "rejected", "plugin"
        # The answer's body may hold a customer's values: it stays out.
        message = f"{service} answered with status {answer.status}"
        wait = answer.retry_after_s
        return cls(f"{service}-{suffix}", cause, message, field=field, retry_after_s=wait)

    @classmethod
    def of_call(cls, service: str, error: VennError) -> Exception:
        """The fault of an HTTP call that brought no answer: `<service>-unavailable`
        for a broken network; any other error stays what it is."""
        if not isinstance(error, NetworkError):
            return error
        message = f"{service} cannot be reached ({error.failure})"
        return cls(f"{service}-unavailable", "third-party", message)

    @classmethod
    def of(cls, error: VennError) -> "Fault":
        """What an uncaught error becomes: `not-allowed`, `bad-call`,
        `limit-reached`, `state-conflict`, `venn-unavailable`, `network`,
        `bad-data`."""
        code, cause = _CODES[error.kind]
        return cls(code, cause, str(error))

    def raw(self) -> Any:
        """The contract's fault; half a surrogate pair in its message is escaped.
        Raises a `TypeError` or `ValueError` for what the contract has no place for."""
        message = shown(self.message) if isinstance(self.message, str) else self.message
        raw = _types.Fault(self.code, self.cause, self.field, message, self.retry_after_s)
        return fit(raw, _types.Fault, "fault")
