"""Questions to Polar about one customer. One that cannot be answered costs seconds, and this customer only."""

import logging
from collections.abc import Collection
from dataclasses import replace
from uuid import uuid4

import httpx

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError, RecordError, TransientError
from polar_attio_pipeline.polar.ids import canonical_id
from polar_attio_pipeline.polar.lists import fetch_list, parsed
from polar_attio_pipeline.polar.models import BadRow, CustomerRow, Member, parse_row
from polar_attio_pipeline.polar.paths import CUSTOMERS, LIMITER, MEMBERS
from polar_attio_pipeline.sync.ports import NoAnswerError
from polar_attio_pipeline.sync.records import Owner

_log = logging.getLogger(__name__)

_ATTEMPTS_AT_500 = 4
"""About four seconds: something in the data of one customer may fail for ever."""

_NO_SUCH_CUSTOMER = (httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY)


class Questions:
    """Asks about one customer at a time, over an open connection.

    Args:
        api: Polar's API.
        sources: As in `models.parse_row`.
    """

    def __init__(self, api: ApiClient, sources: Collection[str] = ()) -> None:
        self._api = api
        self._sources = sources
        self._retry = replace(api.retry, attempts_at_500=_ATTEMPTS_AT_500)
        self._may_read_members = True

    async def row(self, customer_id: str) -> CustomerRow | BadRow | None:
        """Return a customer's row as it is now; None when Polar has no live customer of this id.

        Raises:
            NoAnswerError: Polar refuses the question about this id.
            ApiError: Polar could not be asked.
        """
        known = canonical_id(customer_id)
        if known is None:
            return None
        try:
            answer = await self._api.request("GET", f"{CUSTOMERS}{known}", limiter=LIMITER, retry=self._retry)
        except RecordError as error:
            if error.status in _NO_SUCH_CUSTOMER:
                return None
            raise _no_answer(f"whether it has a customer {known}", error) from error
        return parse_row(answer.payload, self._sources)

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none, or where the token lacks members:read.

        Raises:
            NoAnswerError: Polar refuses the question about this customer.
            ApiError: Polar could not be asked.
        """
        known = canonical_id(customer_id)
        if known is None or not self._may_read_members:
            return None
        try:
            listing = await fetch_list(
                self._api, MEMBERS, {"customer_id": known, "role": "owner", "limit": 1}, self._retry
            )
        except RecordError as error:
            raise _no_answer(f"who owns the team {known}", error) from error
        except FatalError as error:
            if error.status != httpx.codes.FORBIDDEN:
                raise
            if self._may_read_members:
                _log.warning("%s Until then, teams without an address of their own are left out.", error)
            self._may_read_members = False
            return None
        members = [parsed(Member, item) for item in listing.items[:1]]
        return next((Owner(one.email, one.name) for one in members if one and one.email), None)

    async def are_answered(self) -> bool:
        """Tell whether Polar answers a question about a customer that cannot exist: whether it is well itself."""
        try:
            return await self.row(str(uuid4())) is None
        except TransientError:
            return False


def _no_answer(question: str, error: RecordError) -> NoAnswerError:
    return NoAnswerError(
        f"Polar refuses to say {question} ({error.status} on {error.request}): look at it in Polar's dashboard."
    )
