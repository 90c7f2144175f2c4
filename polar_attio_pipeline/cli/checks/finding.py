"""What a check has found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding bears on the sync."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it is about, in a word or two.
        level: FAIL where a run would not work.
        text: What was found; if it is not well, with what to do.
    """

    subject: str
    level: Level
    text: str
