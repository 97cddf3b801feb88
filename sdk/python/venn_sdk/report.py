"""Reports: what a run that worked returns. Its effects are committed."""
import json
from dataclasses import dataclass
from typing import Any

from wit_world.exports import entry as _types

from .shape import fit


@dataclass(frozen=True)
class Report:
    """A run that worked. The default is an empty report: nothing to do."""

    summary: str = ""
    """One line for people, at most 1 KiB."""
    again: Any = None
    """If there is one the same event is delivered again at once, with this as its
    continuation: long work is many short runs. Text goes as it is, any other
    value as JSON; read it with `continuation_json` of the event."""
    done: int = 0
    """Progress of the whole work, in the plugin's own unit."""
    total: int = 0
    """The whole work; 0 if not known."""
    answer: tuple[str, bytes] | None = None
    """Content type and body (at most 1 MiB) for a `request` event."""

    def raw(self) -> Any:
        """The contract's report. Raises a `TypeError` or `ValueError` for what the
        contract has no place for."""
        again = self.again
        if again is not None and not isinstance(again, str):
            again = json.dumps(again)
        answer = self.answer and _types.Answer(*self.answer)
        raw = _types.Report(self.summary, again, self.done, self.total, answer)
        return fit(raw, _types.Report, "report")
