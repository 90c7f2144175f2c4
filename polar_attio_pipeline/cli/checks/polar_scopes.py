"""Polar: which scopes the token has beside the one for customers, what each is for, and what is off without it."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.required import POLAR_TOKEN
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.polar.errors import is_hopeless
from polar_attio_pipeline.polar.paths import EVENTS, LIMITER, MEMBERS, ORDERS, ORGANIZATIONS, SUBSCRIPTIONS
from polar_attio_pipeline.sync.attributes import ATTRIBUTES


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope that improves the result.

    Attributes:
        subject: What the finding is about.
        path: The list that needs it.
        without: What is off without it, as the end of a sentence.
        cost: What it costs to have it, as a sentence.
        instead: What else helps, as the end of a sentence.
    """

    subject: str
    path: str
    without: str
    cost: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """The scope as Polar names it."""
        return f"{self.path.split('/')[2]}:read"


def _attributes_of(scope: str) -> str:
    return ", ".join(attribute.key for attribute in ATTRIBUTES if attribute.scope == scope)


SCOPES = (
    Scope(
        "Polar subscriptions",
        SUBSCRIPTIONS,
        f"no pass writes {_attributes_of('subscriptions:read')}, but for a polar_status of Deleted",
        "A reconciliation reads them with a request for about 90 of them, other passes with one for 70 customers.",
    ),
    Scope(
        "Polar orders",
        ORDERS,
        f"no pass writes {_attributes_of('orders:read')}, and polar_status cannot tell who bought once",
        "A reconciliation reads them with a request for about 90 of them, other passes with one for 70 customers.",
    ),
    Scope(
        "Polar events",
        EVENTS,
        "a change of a customer reaches Attio with the next reconciliation instead of within minutes, every hour "
        "unless POLAR_ATTIO_RECONCILIATION_CRON says otherwise",
        "Looking for changes takes one request a tick of the sensor.",
    ),
    Scope("Polar members", MEMBERS, "a team without an address is not known by its owner"),
    Scope(
        "Polar links",
        ORGANIZATIONS,
        "links open the organization that the viewer saw last",
        instead=", or set POLAR_ORGANIZATION_SLUG",
    ),
)


async def judge_scopes(api: ApiClient, scopes: Sequence[Scope]) -> list[Finding]:
    """Judge each scope by one small request.

    Raises:
        ApiError: Polar does not accept the token.
    """
    return [await _judge(api, scope) for scope in scopes]


async def _judge(api: ApiClient, scope: Scope) -> Finding:
    try:
        await api.request("GET", scope.path, limiter=LIMITER, params={"limit": 1})
    except ApiError as error:
        if is_hopeless(error):
            raise
        if error.status == httpx.codes.FORBIDDEN:
            text = f"{POLAR_TOKEN} lacks {scope.name}, so {scope.without}: add the scope{scope.instead}."
            return Finding(scope.subject, Level.WARN, text)
        return Finding(scope.subject, Level.WARN, f"{error} Until then, {scope.without}.")
    return Finding(scope.subject, Level.OK, f"The token has {scope.name}. {scope.cost}".rstrip())
