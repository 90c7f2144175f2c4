"""How the sync stands, as the gauges show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.outcomes import Result


@dataclass(frozen=True, slots=True)
class Standing:
    """How the sync stands.

    Attributes:
        not_in_attio: Customers that are rejected or ambiguous; empty where it is not known.
        open_hours: Hours that are over and not done; None where it is not known.
        watermark_age: Seconds since the start of the first hour that is not done; None where it is not known.
    """

    not_in_attio: Mapping[Result, int] = field(default_factory=dict)
    open_hours: int | None = None
    watermark_age: float | None = None
