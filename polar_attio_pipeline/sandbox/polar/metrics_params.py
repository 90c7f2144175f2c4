"""What requests for metrics may say."""

from datetime import date
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel
from pydantic_core import PydanticCustomError

from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.billing_params import BillingTypes
from polar_attio_pipeline.sandbox.polar.params import Ids, enumeration

TimeInterval = Literal["year", "month", "week", "day", "hour"]

MAX_DAYS: dict[TimeInterval, int] = {"hour": 7, "day": 366, "week": 7 * 53, "month": 365 * 4, "year": 365 * 10}
"""So many days the last day may be after the first one (Polar's server, `kit/time_queries.py`)."""


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError("TimeZoneName", "Invalid timezone name.")
    return name


class MetricsQuery(BaseModel):
    """Parameters of `GET /v1/metrics/`."""

    start_date: date
    end_date: date
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    interval: Annotated[TimeInterval, enumeration("TimeInterval", get_args(TimeInterval))]
    organization_id: Ids = None
    product_id: Ids = None
    billing_type: BillingTypes | list[BillingTypes] | None = None
    customer_id: Ids = None
    metrics: list[str] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin at midnight."""
        return ZoneInfo(self.timezone)


def check_metrics_query(query: MetricsQuery, slugs: frozenset[str]) -> None:
    """Refuse what parses but cannot be answered, as `metrics/endpoints.py` of Polar's server does.

    Args:
        query: What was asked for.
        slugs: Of every metric that there is.

    Raises:
        RefusedError: a metric that there is not, or too many days for the interval, or an end before the start.
    """
    unknown = sorted(set(query.metrics or ()) - slugs)
    if unknown:
        said = f"Invalid metric slugs: {', '.join(unknown)}"
        raise _refused(["query", "metrics"], said, query.metrics)
    days = (query.end_date - query.start_date).days
    if not 0 <= days <= MAX_DAYS[query.interval]:
        asked = [query.start_date.isoformat(), query.end_date.isoformat(), query.interval]
        said = "The interval is too big. Try to change the interval or reduce the date range."
        raise _refused(["query"], said, asked)


def _refused(where: list[str], message: str, given: object) -> errors.RefusedError:
    entry = {"type": "value_error", "loc": where, "msg": message, "input": given}
    return errors.RefusedError(errors.conflicts([entry]))
