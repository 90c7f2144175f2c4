"""Polar's events: which customers changed. An event is a hint and no more; the customer is read anew.

What the route really does was read in Polar's source and seen on its server (polarsource/polar at c6c3645e,
`server/polar/event`): bounds are exclusive and in milliseconds, events appear late and in no order of their
timestamps, and a page may hold fewer rows than the count says, because the count comes from another store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated

import httpx
from pydantic import AfterValidator, AwareDatetime, BaseModel, ValidationError

from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import FatalError, LostAnswerError
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.ids import canonical_id
from polar_attio_pipeline.polar.lists import fetch_list
from polar_attio_pipeline.polar.paths import EVENTS, LIMITER, MEMBERS

SCOPE = "events:read"

CREATED = "customer.created"
"""The event of a new customer, which the hours bring to Attio as well."""

NAMES = (
    CREATED,
    *(f"customer.{what}" for what in ("updated", "deleted")),
    *(
        f"subscription.{what}"
        for what in (
            "created",
            "updated",
            "canceled",
            "uncanceled",
            "cycled",
            "revoked",
            "past_due",
            "reactivated",
            "reinstated",
            "paused",
            "resumed",
            "product_updated",
            "seats_updated",
            "units_updated",
            "billing_period_updated",
            "update_cleared",
        )
    ),
    *(f"order.{what}" for what in ("paid", "refunded", "voided", "unvoided")),
)
"""Events after which something may differ that Attio is to hold; all others are not asked for."""

PAGE = 100

MOST_PAGES = 10
"""Pages of one reading: so many events in some minutes are the business of a pass over all customers."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a customer.

    Attributes:
        id: Polar's id of the event.
        at: Its own timestamp, UTC; it may appear long after that.
        name: Which of `NAMES`.
        customer_id: Polar's id of the customer, who may be deleted.
    """

    id: str
    at: datetime
    name: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class Events:
    """What one reading found.

    Attributes:
        events: Each once, in no order.
        whole: False if there were more than `MOST_PAGES` pages.
        unreadable: Rows that name no customer or do not parse: nothing can follow from them.
    """

    events: Sequence[Event]
    whole: bool = True
    unreadable: int = 0


class NoEvents(Enum):
    """Why this token, or this Polar, has no events to read."""

    SCOPE = "scope"
    """The token lacks events:read."""
    STORE = "store"
    """Polar answers 500 to this question and answers others, as it does where its store of events is missing."""


class _Row(BaseModel):
    id: str
    timestamp: Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
    name: str
    customer_id: str


async def read_events(api: ApiClient, *, since: datetime) -> Events | NoEvents:
    """Return the events with a timestamp after a moment: one request, and one for every further hundred.

    Args:
        api: The connection to Polar.
        since: Events of this very millisecond are among them.

    Raises:
        ApiError: Polar could not be asked.
    """
    try:
        return await _pages(api, since)
    except FatalError as error:
        if error.status != httpx.codes.FORBIDDEN:
            raise
        return NoEvents.SCOPE
    except LostAnswerError as error:
        if not is_server_error(error) or not await api.is_answering(MEMBERS, limiter=LIMITER):
            raise
        return NoEvents.STORE


async def _pages(api: ApiClient, since: datetime) -> Events:
    found: dict[str, Event] = {}
    unreadable: set[str] = set()
    # Oldest first: an event that appears while pages are read then repeats rows rather than hiding some.
    params: Params = {
        "name": list(NAMES),
        "start_timestamp": (since - timedelta(milliseconds=1)).isoformat(),
        "sorting": "timestamp",
        "limit": PAGE,
    }
    for number in range(1, MOST_PAGES + 1):
        listing = await fetch_list(api, EVENTS, {**params, "page": number}, replace(api.retry, attempts_at_500=1))
        for item in listing.items:
            event = _event(item)
            if event:
                found[event.id] = event
            else:
                unreadable.add(repr(item))
        # A page may be short or empty although others follow it.
        if number >= listing.pagination.max_page:
            return Events(list(found.values()), unreadable=len(unreadable))
    return Events(list(found.values()), whole=False, unreadable=len(unreadable))


def _event(item: object) -> Event | None:
    try:
        row = _Row.model_validate(item)
    except (ValidationError, OverflowError):
        return None
    customer_id = canonical_id(row.customer_id)
    return Event(row.id, row.timestamp, row.name, customer_id) if customer_id else None
