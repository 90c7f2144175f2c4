"""Polar read for a pass: hours or the whole book, with the outcome of every row that does not parse."""

from collections.abc import Sequence
from dataclasses import dataclass

from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.records import Customer


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass read of Polar.

    Attributes:
        customers: The customers, newest first.
        unreadable: The outcomes of rows that do not parse, each with a time inside what was read.
        requests: Requests made.
    """

    customers: Sequence[Customer]
    unreadable: Sequence[Outcome]
    requests: int
