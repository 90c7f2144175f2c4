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
from polar_attio_pipeline.polar.models import Listing
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


MOST_FAILURES = 40
"""Answers 500 of one reading: two customers whom Polar cannot serialise are found within so many."""

_SMALLER = {100: 50, 50: 25, 25: 5, 5: 1}

_FAR_AHEAD = datetime(2999, 1, 1, tzinfo=UTC)


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
        whole: False if there were more than `MOST_PAGES` pages, or very many rows that Polar cannot serialise.
        unreadable: Rows that name no customer, do not parse, or cannot be serialised: nothing can follow from them.
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

    An event whose customer Polar cannot serialise makes its page fail; the page is then read in ever smaller ones.

    Args:
        api: The connection to Polar.
        since: Events of this very millisecond are among them.

    Raises:
        ApiError: Polar could not be asked.
    """
    reading = _Reading(api, since)
    try:
        return await reading.events()
    except FatalError as error:
        if error.status != httpx.codes.FORBIDDEN:
            raise
        return NoEvents.SCOPE
    except LostAnswerError as error:
        if not is_server_error(error) or not await api.is_answering(MEMBERS, limiter=LIMITER):
            raise
        return NoEvents.STORE


class _Reading:
    """One reading of the events since a moment."""

    def __init__(self, api: ApiClient, since: datetime) -> None:
        self._api = api
        self._retry = replace(api.retry, attempts_at_500=1)
        self._since = since - timedelta(milliseconds=1)
        self._found: dict[str, Event] = {}
        self._unreadable: set[str] = set()
        self._failures = 0

    async def events(self) -> Events:
        """Read page by page."""
        for number in range(1, MOST_PAGES + 1):
            last = await self._page(number, PAGE)
            if self._failures > MOST_FAILURES:
                break
            # A page may be short or empty although others follow it.
            if last is not None and number >= last:
                return self._so_far(whole=True)
        return self._so_far(whole=False)

    def _so_far(self, *, whole: bool) -> Events:
        return Events(list(self._found.values()), whole=whole, unreadable=len(self._unreadable))

    async def _page(self, number: int, limit: int) -> int | None:
        """Read a page, in smaller ones if need be; return the number of the last page, where Polar says it."""
        try:
            listing = await self._list(self._since, number, limit)
        except LostAnswerError as error:
            self._failures += 1
            if not is_server_error(error) or (self._failures == 1 and not await self._has_store()):
                raise
            return await self._in_parts(number, limit)
        for item in listing.items:
            event = _event(item)
            if event:
                self._found[event.id] = event
            else:
                self._unreadable.add(repr(item))
        return listing.pagination.max_page

    async def _in_parts(self, number: int, limit: int) -> int | None:
        if limit == 1:
            self._unreadable.add(f"row {number}")
            return None
        smaller = _SMALLER[limit]
        parts, last = limit // smaller, None
        for part in range((number - 1) * parts + 1, number * parts + 1):
            if self._failures > MOST_FAILURES or (last is not None and part > last):
                break
            found = await self._page(part, smaller)
            last = last if found is None else found
        return None if last is None else -(-last // parts)

    async def _has_store(self) -> bool:
        """Tell whether Polar answers a question that no event is the answer to."""
        try:
            await self._list(_FAR_AHEAD, 1, 1)
        except LostAnswerError:
            return False
        return True

    async def _list(self, since: datetime, number: int, limit: int) -> Listing:
        params: Params = {
            "name": list(NAMES),
            "start_timestamp": since.isoformat(),
            # Oldest first: an event that appears while pages are read then repeats rows rather than hiding some.
            "sorting": "timestamp",
            "page": number,
            "limit": limit,
        }
        return await fetch_list(self._api, EVENTS, params, self._retry)


def _event(item: object) -> Event | None:
    try:
        row = _Row.model_validate(item)
    except (ValidationError, OverflowError):
        return None
    customer_id = canonical_id(row.customer_id)
    return Event(row.id, row.timestamp, row.name, customer_id) if customer_id else None
