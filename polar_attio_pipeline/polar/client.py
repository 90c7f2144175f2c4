"""Polar's API as the pipeline uses it: the list of customers, and questions about one of them."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.billing import BillingLists
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.polar.errors import explain_polar, is_server_error
from polar_attio_pipeline.polar.export_csv import rows_of
from polar_attio_pipeline.polar.lists import fetch_list
from polar_attio_pipeline.polar.looking import look_at
from polar_attio_pipeline.polar.models import BadRow, parse_row, to_customer
from polar_attio_pipeline.polar.newest import read_newest
from polar_attio_pipeline.polar.organization import TokenOrganization
from polar_attio_pipeline.polar.pages import PAGE, Page, Row, Shown, with_times
from polar_attio_pipeline.polar.paths import BEYOND_THE_END, CUSTOMERS, EXPORT, LIMITER, MEMBERS
from polar_attio_pipeline.polar.questions import Questions
from polar_attio_pipeline.polar.splitting import read_around_bad_rows
from polar_attio_pipeline.settings import POLAR_API_VERSION
from polar_attio_pipeline.sync.ports import NoAnswerError
from polar_attio_pipeline.sync.records import Customer, Owner

_CATCH_UP = 30.0
"""Seconds: half of Polar's window. The pace is well below Polar's limit, which leaves room for that."""

IN_FLIGHT = 6
"""Requests under way at once. Forty exhausted the connections of Polar's own server, for other organizations too
(measured)."""

# With one key, pages lose and repeat rows whose created_at ties (measured); live addresses are unique.
_SORTING = ["-created_at", "email"]

# A row that Polar cannot serialise fails for ever: too soon to give a page up, and time to see whether it is that.
_ATTEMPTS_AT_500 = 3

_EXPORT_SECONDS = 900
"""Polar's server sent 12,460 customers in 1.2 s (measured); a million take some two minutes."""


def polar_api(  # noqa: PLR0913  # what a connection may differ in, each by name
    *,
    token: SecretStr,
    base_url: str,
    requests_per_minute: float,
    api_version: str = POLAR_API_VERSION,
    retry: RetryPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ApiClient:
    """Return Polar's API, not opened yet.

    Polar counts in fixed windows of a minute, over all tokens of the organization; here requests are evenly spread, and
    those that slow answers have delayed are made up for: a long list is read page after page.

    Args:
        token: Organization access token.
        base_url: Polar's production or sandbox API.
        requests_per_minute: The pace.
        api_version: Sent with every request: Polar's default version moves.
        retry: Bounds of the retries.
        transport: Instead of the network.
    """
    return ApiClient(
        service="Polar",
        base_url=base_url,
        token=token,
        limiters={LIMITER: RateLimiter(requests_per_minute, period=60, catch_up=_CATCH_UP)},
        explain=explain_polar,
        headers={"Polar-Version": api_version},
        retry=retry,
        transport=transport,
        in_flight=IN_FLIGHT,
    )


class PolarClient:
    """The customers of one organization; implements `sync.ports.CustomerSource` and `pages.Source`.

    Attributes:
        api: The connection, for its statistics.
        billing: Reads subscriptions and orders.
    """

    def __init__(self, api: ApiClient, *, organization_slug: str = "", sources: Collection[str] = ()) -> None:
        """Stand on an open connection.

        Args:
            api: From `polar_api`.
            organization_slug: For links into the dashboard; asked of Polar when empty.
            sources: What is wanted of a customer for the attributes that a setting maps.
        """
        self.api = api
        self.billing = BillingLists(api)
        self._organization = TokenOrganization(api, organization_slug)
        self._sources = sources
        self._questions = Questions(api, sources)
        self._quick = replace(api.retry, attempts_at_500=_ATTEMPTS_AT_500)

    async def page(self, page: int, limit: int = PAGE) -> Page:
        """Return a page of the customers, newest first.

        Args:
            page: Its number, from 1; beyond the end a page is empty.
            limit: Rows a page, at most 100.

        Raises:
            LostAnswerError: with status 500 where a row of the page cannot be serialised, or Polar fails.
            ApiError: Polar could not be read.
        """
        return await self._page(page, limit, await self._to_customer(), self._quick)

    async def page_around_bad_rows(self, page: int, limit: int = PAGE) -> Page:
        """Return a page in which a bad row stands for each row that Polar cannot serialise.

        Such a page is read in ever smaller ones, down to single rows.

        Raises:
            ApiError: Polar could not be read.
        """
        shown = await self._to_customer()

        async def quick(page: int, limit: int) -> Page:
            return await self._page(page, limit, shown, self._quick)

        try:
            return await quick(page, limit)
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
        around = await read_around_bad_rows(
            quick, start=(page - 1) * limit, limit=limit, is_well=self._questions.are_answered
        )
        return around or await self._page(page, limit, shown, self.api.retry)

    async def newest(self, limit: int = PAGE) -> Page:
        """Return the newest customers, in one request where Polar can serialise them all, and in at most ten.

        Otherwise there are fewer, down to one. Their links hold the organization's slug only if it is known already.

        Raises:
            ApiError: Polar could not be read.
        """
        shown = self._shown(self._organization.known_slug)
        once = replace(self.api.retry, attempts_at_500=1)
        return await read_newest(lambda page, limit: self._page(page, limit, shown, once), limit)

    async def count(self) -> int:
        """Return how many customers Polar counts.

        Raises:
            ApiError: Polar could not be asked.
        """
        params = {"page": BEYOND_THE_END, "limit": PAGE}
        return (await fetch_list(self.api, CUSTOMERS, params, self._quick)).pagination.total_count

    async def export(self) -> AsyncIterator[Sequence[Row]]:
        """Yield every customer in portions, out of one snapshot, in no order, without type and organization.

        Raises:
            LostAnswerError: the export is cut, or none.
            ApiError: Polar could not be asked, or does not allow it.
        """
        shown = await self._to_customer()
        streamed = self.api.stream(
            EXPORT, limiter=LIMITER, seconds=_EXPORT_SECONDS, headers={"Accept": "text/csv"}, retry=self._quick
        )
        async with streamed as chunks:
            read_at = datetime.now(UTC)
            async for rows in rows_of(chunks, self._sources):
                yield [shown(row, read_at) for row in rows]

    async def looked_at(self, customers: Sequence[Customer]) -> list[Row]:
        """Return these customers as Polar shows each by its id; one that it answers 500 for is a bad row.

        Those that Polar does not have any more are left out.

        Raises:
            LostAnswerError: Polar answers 500 whatever it is asked.
            ApiError: Polar could not be asked.
        """
        return await look_at(customers, self._questions, await self._to_customer())

    async def customer(self, customer_id: str) -> Customer | None:
        """Return a customer as it is now; None when Polar has no live customer of this id.

        Raises:
            NoAnswerError: Polar refuses the question about this id, or has a customer that cannot be read.
            ApiError: Polar could not be asked.
        """
        row = await self._questions.row(customer_id)
        if isinstance(row, BadRow):
            raise NoAnswerError(f"Polar's customer {customer_id} cannot be read at {row.field}: {row.message}")
        read_at = datetime.now(UTC)
        return to_customer(row, url=self._url(await self.organization_slug()), read_at=read_at) if row else None

    async def of_address(self, address: str) -> Sequence[Customer]:
        """Return the live customers of an address, whatever its case: Polar keeps one at most (its server).

        Raises:
            ApiError: Polar could not be asked.
        """
        params: Params = {"email": address, "limit": PAGE}
        shown = await self._to_customer()
        listing = await fetch_list(self.api, CUSTOMERS, params, self._quick)
        read_at = datetime.now(UTC)
        rows = [shown(parse_row(item, self._sources), read_at) for item in listing.items]
        return [row for row in rows if isinstance(row, Customer)]

    async def exists(self, customer_id: str) -> bool:
        """Tell whether Polar has a live customer of this id, now.

        Raises:
            NoAnswerError: Polar refuses the question about this id.
            ApiError: Polar could not be asked.
        """
        return await self._questions.row(customer_id) is not None

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none, or where the token lacks members:read.

        Raises:
            NoAnswerError: Polar refuses the question about this customer.
            ApiError: Polar could not be asked.
        """
        return await self._questions.owner(customer_id)

    async def is_answering(self) -> bool:
        """Tell whether Polar answers a simple request at all; a refusal is an answer."""
        # A list of members holds no customer, so that a row that Polar cannot serialise does not make it fail.
        return await self.api.is_answering(MEMBERS, limiter=LIMITER)

    async def organization_slug(self) -> str | None:
        """Return the organization's slug, asked for once; None where the token may not read it.

        Raises:
            ApiError: Polar could not be asked. Links without the slug differ, so going on would rewrite all of them.
        """
        return await self._organization.slug()

    async def organization_id(self) -> str | None:
        """Return whose token it is; None where no customer says it and the token may not read its organization.

        Raises:
            ApiError: Polar could not be asked.
        """
        try:
            newest = (await self.newest(5)).items
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
            newest = []
        return next((one.organization_id for one in newest if one.organization_id), None) or (
            await self._organization.id()
        )

    def link(self, customer_id: str) -> str:
        """Return the customer's page in Polar's dashboard, with the slug of the organization where it is known."""
        return self._url(self._organization.known_slug)(customer_id)

    async def _to_customer(self) -> Shown:
        return self._shown(await self.organization_slug())

    def _shown(self, slug: str | None) -> Shown:
        url = self._url(slug)
        return lambda row, read_at: row if isinstance(row, BadRow) else to_customer(row, url=url, read_at=read_at)

    def _url(self, slug: str | None) -> Callable[[str], str]:
        return partial(customer_url, api_url=self.api.base_url, slug=slug)

    async def _page(self, page: int, limit: int, shown: Shown, retry: RetryPolicy) -> Page:
        params: Params = {"page": page, "limit": limit, "sorting": _SORTING}
        listing = await fetch_list(self.api, CUSTOMERS, params, retry)
        read_at = datetime.now(UTC)
        return Page(
            start=(page - 1) * limit,
            limit=limit,
            rows=with_times([shown(parse_row(item, self._sources), read_at) for item in listing.items]),
            total_count=listing.pagination.total_count,
            max_page=listing.pagination.max_page,
        )
