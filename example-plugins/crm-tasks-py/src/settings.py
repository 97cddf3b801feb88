"""What the customer sets. The schema stands in `venn.toml`, with the same defaults;
the host has checked the text against it."""
from dataclasses import dataclass, fields

from venn_sdk import config


@dataclass(frozen=True)
class Settings:
    """The configuration."""

    task_priority: str = "MEDIUM"
    task_prefix: str = "Overlap:"
    min_confidence: str = "sure"
    assign_company: bool = True

    def accepts(self, confidence: str) -> bool:
        """Whether an overlap of that confidence is enough. A word that is not known
        here counts as less than likely."""
        return confidence == "sure" or (self.min_confidence == confidence == "likely")


def get() -> Settings:
    """What is set, with defaults for the rest."""
    given = config.get()
    known = {field.name for field in fields(Settings)}
    return Settings(**{name: value for name, value in given.items() if name in known})
