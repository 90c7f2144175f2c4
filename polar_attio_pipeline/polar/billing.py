"""Reads what customers have at Polar: of all of them in one scan, or of some, several a request."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic
from uuid import uuid4

from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import ApiError, LostAnswerError
from polar_attio_pipeline.polar.entries import Entry, EntryPage, Value
from polar_attio_pipeline.polar.errors import MissingScopeError, is_server_error
from polar_attio_pipeline.polar.holdings import Holdings
from polar_attio_pipeline.polar.ids import canonical_id
from polar_attio_pipeline.polar.lists import fetch_list
from polar_attio_pipeline.polar.orders import SORTING as ORDER_SORTING
from polar_attio_pipeline.polar.orders import condensed, order_entry
from polar_attio_pipeline.polar.paths import ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline.polar.subscriptions import SORTING as SUBSCRIPTION_SORTING
from polar_attio_pipeline.polar.subscriptions import subscription_entry
from polar_attio_pipeline.polar.whole import Fetch, whole_list
from polar_attio_pipeline.sync.purchases import Order, Subscription

_log = logging.getLogger(__name__)

CUSTOMERS_A_REQUEST = 70
"""With so many ids an address has some 3,700 characters; proxies are known to refuse more than 4,000."""

_ATTEMPTS_AT_500 = 3
"""Something in the data of one customer may fail for ever."""

_MOST_FAILURES = 40
"""Answers 500 to one question about some customers: two or three bad customers among them are found within so many."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """One of Polar's lists.

    Attributes:
        path: Where it is.
        sorting: Its order: newest first, and what tells rows of one instant apart.
        before: The parameter that leaves out what is not older than a moment.
        entry: Reads one row.
        condense: As in `Holdings`.
    """

    path: str
    sorting: list[str]
    before: str
    entry: Callable[[object], Entry[Value]]
    condense: Callable[[Sequence[Value]], tuple[Value, ...]] = tuple

    @property
    def what(self) -> str:
        """What is listed, as in the path."""
        return self.path.split("/")[2]

    @property
    def scope(self) -> str:
        """What a token needs for it."""
        return f"{self.what}:read"

    def holdings(self) -> Holdings[Value]:
        """Return holdings of this kind, empty."""
        return Holdings(self.what, self.condense)


OF_SUBSCRIPTIONS: Kind[Subscription] = Kind(SUBSCRIPTIONS, SUBSCRIPTION_SORTING, "started_before", subscription_entry)
OF_ORDERS: Kind[Order] = Kind(ORDERS, ORDER_SORTING, "created_before", order_entry, condensed)


class BillingLists:
    """Reads the lists over an open connection; one request at a time.

    Attributes:
        missing: Scopes that the token was found to lack, such as `orders:read`; what needs them is not asked again.
    """

    def __init__(self, api: ApiClient) -> None:
        self.missing: set[str] = set()
        self._api = api
        self._retry = replace(api.retry, attempts_at_500=_ATTEMPTS_AT_500)

    async def may_read(self, kind: Kind[Any]) -> bool:
        """Tell whether the token has the scope for a list, in one request.

        Raises:
            ApiError: Polar could not be asked.
        """
        try:
            await self._page(kind, {}, 1, 1)
        except MissingScopeError:
            return False
        return True

    async def all(self, kind: Kind[Value]) -> AsyncIterator[list[Entry[Value]]]:
        """Yield every row of a list, each once, in portions.

        Raises:
            MissingScopeError: the token may not read the list.
            LostAnswerError: with status 500 where a row cannot be serialised, or Polar fails.
            ApiError: the list could not be read.
        """
        async for entries in whole_list(self._fetch(kind, {}), what=kind.what):
            yield entries

    async def scan(self, kind: Kind[Value]) -> Holdings[Value]:
        """Return a whole list by customer.

        Raises:
            ApiError: as `all`.
        """
        found = kind.holdings()
        async for entries in self.all(kind):
            found.add(entries)
        return found

    async def of(self, kind: Kind[Value], customer_ids: Collection[str]) -> Holdings[Value]:
        """Return what some customers have.

        Customers whose rows Polar cannot serialise are found by asking for ever fewer at once.

        Raises:
            MissingScopeError: the token may not read the list.
            ApiError: the list could not be read.
        """
        found = kind.holdings()
        known = [one for one in dict.fromkeys(customer_ids) if canonical_id(one) == one]
        found.problems.update((one, "Polar takes no such id") for one in {*customer_ids}.difference(known))
        due = [known[start : start + CUSTOMERS_A_REQUEST] for start in range(0, len(known), CUSTOMERS_A_REQUEST)]
        failures = 0
        while due:
            some = due.pop()
            try:
                found.join(await self._read(kind, some))
            except LostAnswerError as error:
                failures += 1
                if not is_server_error(error) or failures > _MOST_FAILURES:
                    raise
                if failures == 1 and not await self.is_well(kind):
                    raise
                if len(some) == 1:
                    found.problems[some[0]] = f"Polar answers 500 to {error.request}"
                else:
                    due += [some[: len(some) // 2], some[len(some) // 2 :]]
        return found

    async def is_well(self, kind: Kind[Any]) -> bool:
        """Tell whether a list answers for a customer that cannot exist: whether it fails because of a row."""
        try:
            await self._read(kind, [str(uuid4())])
        except ApiError:
            return False
        return True

    async def _read(self, kind: Kind[Value], customer_ids: list[str]) -> Holdings[Value]:
        found = kind.holdings()
        async for entries in whole_list(self._fetch(kind, {"customer_id": customer_ids}), what=kind.what):
            found.add(entries)
        return found

    def _fetch(self, kind: Kind[Value], params: Params) -> Fetch[Value]:
        async def fetch(page: int, limit: int, before: datetime | None) -> EntryPage[Value]:
            since = {kind.before: before.isoformat()} if before else {}
            return await self._page(kind, {**params, **since}, page, limit)

        return fetch

    async def _page(self, kind: Kind[Value], params: Params, page: int, limit: int) -> EntryPage[Value]:
        paged = {**params, "page": page, "limit": limit, "sorting": kind.sorting}
        try:
            listing = await fetch_list(self._api, kind.path, paged, self._retry)
        except MissingScopeError as error:
            if kind.scope not in self.missing:
                _log.info("%s Until then, attributes that need it stay as they are.", error)
            self.missing.add(kind.scope)
            raise
        return EntryPage(
            start=(page - 1) * limit,
            limit=limit,
            entries=tuple(map(kind.entry, listing.items)),
            total_count=listing.pagination.total_count,
        )
