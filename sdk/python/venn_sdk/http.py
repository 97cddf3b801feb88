"""HTTP calls to third parties. Needs `http:egress` with an approved and granted
host; credentials come from connections and are never seen here.

Bodies are whole, at most 5 MiB each way; a redirect is an answer, not followed.
"""
import json as _json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wit_world.imports import http as _raw

from .error import call, read


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names and values, as they came."""
    body: bytes = b""
    """The whole body."""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        name = name.lower()
        return next((value for known, value in self.headers if known.lower() == name), None)

    @property
    def retry_after_s(self) -> int | None:
        """Seconds from `Retry-After`; none for the form with a date."""
        text = (self.header("retry-after") or "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def json(self) -> Any:
        """The body as a value."""
        return read("answer's body", self.text())

    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become replacement characters."""
        return self.body.decode(errors="replace")


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    json: Any = None,
    connection: str | None = None,
    operation: str | None = None,
    timeout_ms: int | None = None,
) -> Response:
    """Sends a call; the method is upper case, the URL absolute. An answer of any
    status is no error.

    `json` is the body as JSON, with its content type. `connection` is the one
    whose credential the host adds, by its manifest name. `operation` names what
    the call does, for example `task/42`: the idempotency key that goes out is then
    the same on every attempt at this delivery. Headers that carry credentials or
    frame the message are the host's, and are denied.
    """
    lines = [_raw.Header(name, value) for name, value in (headers or {}).items()]
    if json is not None:
        lines.append(_raw.Header("content-type", "application/json"))
        body = _json.dumps(json).encode()
    request = _raw.Request(method, url, lines, body, connection, operation, timeout_ms)
    answer = call(_raw.send, request)
    return Response(answer.status, [(h.name, h.value) for h in answer.headers], answer.body)


def get(url: str, **options: Any) -> Response:
    """A `GET`; options as in `send`."""
    return send("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """A `POST`."""
    return send("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    """A `PUT`."""
    return send("PUT", url, **options)


def patch(url: str, **options: Any) -> Response:
    """A `PATCH`."""
    return send("PATCH", url, **options)


def delete(url: str, **options: Any) -> Response:
    """A `DELETE`."""
    return send("DELETE", url, **options)
