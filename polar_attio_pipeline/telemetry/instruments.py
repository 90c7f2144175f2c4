"""The metrics that there are, and the names of attributes: by OpenTelemetry's semantic conventions where they have one.

docs/telemetry.md lists both; a test compares it with this module.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a metric does."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Name(StrEnum):
    """Attributes of spans and metrics. Those that begin with `polar_attio.` are this program's own."""

    METHOD = "http.request.method"
    STATUS = "http.response.status_code"
    RESENDS = "http.request.resend_count"
    ROUTE = "url.template"
    HOST = "server.address"
    PORT = "server.port"
    ERROR = "error.type"
    SERVICE = "polar_attio.service"
    WAITED = "polar_attio.request.waited"
    PIPELINE = "polar_attio.pipeline"
    RUN = "polar_attio.run.id"
    STEP = "polar_attio.step"
    PASS = "polar_attio.pass.id"  # noqa: S105  # no password
    KIND = "polar_attio.pass.kind"
    REASON = "polar_attio.pass.reason"
    ENDING = "polar_attio.pass.ending"
    REQUESTS = "polar_attio.pass.requests"
    THROTTLED = "polar_attio.pass.throttled"
    REMAINING = "polar_attio.pass.remaining"
    OBJECT = "polar_attio.object"
    RESULT = "polar_attio.result"
    WHY = "polar_attio.result.reason"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: As monitoring shows it.
        kind: What it does.
        unit: In the notation of UCUM.
        description: What it counts or measures.
        attributes: By what it can be told apart, beside `polar_attio.pipeline`.
        bounds: Of a histogram's buckets.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[Name, ...] = ()
    bounds: tuple[float, ...] = ()


REQUESTS = Metric(
    "http.client.request.duration",
    Kind.HISTOGRAM,
    "s",
    "Seconds from sending a request to its answer, each sending by itself; its count is the number of requests.",
    (Name.SERVICE, Name.METHOD, Name.ROUTE, Name.STATUS, Name.ERROR, Name.HOST, Name.PORT),
    (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
"""By the convention, its buckets included."""

WAITED = Metric(
    "polar_attio.request.wait_time",
    Kind.COUNTER,
    "s",
    "Seconds that requests waited for their turn: for the rate limiter, or because the service had asked for a pause.",
    (Name.SERVICE,),
)
PASSES = Metric(
    "polar_attio.pass.duration",
    Kind.HISTOGRAM,
    "s",
    "Seconds that a pass took; its count is the number of passes.",
    (Name.KIND, Name.ENDING, Name.ERROR),
    (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400),
)
OUTCOMES = Metric(
    "polar_attio.outcomes",
    Kind.COUNTER,
    "{outcome}",
    "What became of customers, companies or values in a pass, counted when it ends; the people written are those "
    "created and updated.",
    (Name.KIND, Name.OBJECT, Name.RESULT, Name.WHY),
)
NOT_IN_ATTIO = Metric(
    "polar_attio.customers.not_in_attio",
    Kind.GAUGE,
    "{customer}",
    "Customers that are rejected or ambiguous, by the ledger.",
    (Name.RESULT,),
)
OPEN_HOURS = Metric(
    "polar_attio.hours.open",
    Kind.GAUGE,
    "{hour}",
    "Hours that are over and that no pass has done since, and hours that fail.",
)
WATERMARK_AGE = Metric(
    "polar_attio.watermark.age",
    Kind.GAUGE,
    "s",
    "Seconds since the watermark: each hour before it is done for good, or known to fail.",
)

METRICS = (REQUESTS, WAITED, PASSES, OUTCOMES, NOT_IN_ATTIO, OPEN_HOURS, WATERMARK_AGE)
