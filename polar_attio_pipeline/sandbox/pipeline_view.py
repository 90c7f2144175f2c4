"""What the page shows of the pipeline that keeps Attio in step with Polar, and the one thing that it asks of it.

The sandbox knows no pipeline: whatever starts it brings one that fits this protocol, or none.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class PipelineError(Exception):
    """The pipeline does not answer, or does not do what it was asked; the text is a sentence for the page."""


@dataclass(frozen=True, slots=True)
class LastOutcome:
    """What became of a customer in the last pass that had something to say about it.

    Attributes:
        result: In one word, such as `created` or `rejected`.
        is_written: Whether the customer is in Attio by it.
        reason: Why, in one word, where it is not, or not as a whole.
        detail: The same as sentences: what is wrong, and what to do.
        at: When, UTC.
        url: The pass, where it has a page of its own.
    """

    result: str
    is_written: bool
    reason: str | None
    detail: str | None
    at: datetime
    url: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """A kind of pass that comes by itself.

    Attributes:
        title: What it brings to Attio.
        is_on: Whether it comes at all.
        at: When it is looked at next whether there is something to do, UTC; None: just now, or not known.
        said: What the newest look found, where no pass followed.
        url: Its own page.
    """

    title: str
    is_on: bool
    at: datetime | None
    said: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Running:
    """A pass that runs, or waits for its turn.

    Attributes:
        title: What it brings to Attio.
        since: UTC; None: it has not begun.
        url: Its own page.
    """

    title: str
    since: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class Passes:
    """What runs and what comes.

    Attributes:
        due: What comes, the soonest first.
        running: What runs.
        problem: Why this is not known, as a sentence; None: it is.
        reports: The pages on which passes report what they did, by name.
    """

    due: Sequence[Due] = ()
    running: Sequence[Running] = ()
    problem: str | None = None
    reports: Mapping[str, str] = field(default_factory=dict)


class PipelineView(Protocol):
    """A pipeline, as far as the page needs it. Called from several threads at once."""

    def outcomes(self, customer_ids: Collection[str]) -> Mapping[str, LastOutcome]:
        """Return the last outcome of those of some customers that have one, by Polar's id.

        Raises:
            PipelineError: they cannot be read.
        """

    def passes(self) -> Passes:
        """Return at once what is known by now."""

    def start(self) -> str:
        """Start a pass over all customers; return the address of its page.

        Raises:
            PipelineError: it was not started.
        """
