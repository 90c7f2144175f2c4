"""Polar's API as the pipeline uses it: the list of customers, and questions about one of them."""

import asyncio
import functools
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from polar_attio_pipeline.http.client import ApiClient, Params
from polar_attio_pipeline.http.errors import (
    FatalError,
    LostAnswerError,
    RecordError,
    TransientError,
    describe,
)
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.polar.errors import explain_polar
from polar_attio_pipeline.polar.models import BadRow, Listing, Member, Organization, parse_row, to_customer
from polar_attio_pipeline.polar.pages import PAGE, Page, Row, with_times
from polar_attio_pipeline.polar.splitting import is_server_error, read_around_bad_rows
from polar_attio_pipeline.sync.records import Customer, Owner

_log = logging.getLogger(__name__)

API_VERSION = "2026-04"
"""Sent with every request: Polar's default version moves."""

_LIMITER = "requests"
_CUSTOMERS = "/v1/customers/"
_MEMBERS = "/v1/members/"
_ORGANIZATIONS = "/v1/organizations/"

# With one key, pages lose and repeat rows whose created_at ties (measured); live addresses are unique.
_SORTING = ["-created_at", "email"]

# A row that Polar cannot serialise fails for ever: too soon to give a page up, and time to see whether it is that.
_ATTEMPTS_AT_500 = 3

Shape = TypeVar("Shape", bound=BaseModel)


def polar_api(
    *,
    token: SecretStr,
    base_url: str,
    requests_per_minute: float,
    retry: RetryPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ApiClient:
    """Return Polar's API, not opened yet.

    Polar counts in fixed windows of a minute, over all tokens of the organization; here requests are evenly spread.

    Args:
        token: Organization access token.
        base_url: Polar's production or sandbox API.
        requests_per_minute: The pace.
        retry: Bounds of the retries.
        transport: Instead of the network.
    """
    return ApiClient(
        service="Polar",
        base_url=base_url,
        token=token,
        limiters={_LIMITER: RateLimiter(requests_per_minute, period=60)},
        explain=explain_polar,
        headers={"Polar-Version": API_VERSION},
        retry=retry,
        transport=transport,
    )


class PolarClient:
    """The customers of one organization; implements `sync.ports.CustomerBook` and is a `Source` of pages.

    Attributes:
        api: The connection, for its statistics.
    """

    def __init__(self, api: ApiClient, *, organization_slug: str = "") -> None:
        """Stand on an open connection.

        Args:
            api: From `polar_api`.
            organization_slug: For links into the dashboard; asked of Polar when empty.
        """
        self.api = api
        self._slug: str | None = organization_slug or None
        self._slug_known = bool(organization_slug)
        self._slug_lock = asyncio.Lock()
        self._may_read_members = True
        self._quick = replace(api.retry, attempts_at_500=_ATTEMPTS_AT_500)

    async def page(self, page: int, limit: int = PAGE) -> Page:
        """Return a page of the customers, newest first.

        A page that Polar answers with 500 again and again is read around the rows that cause it.

        Args:
            page: Its number, from 1; beyond the end a page is empty.
            limit: Rows a page, at most 100.

        Raises:
            ApiError: Polar could not be read.
        """
        slug = await self.organization_slug()
        return await self._page(page, limit, slug)

    async def newest(self, limit: int = PAGE) -> Page:
        """Return the newest customers, in one request unless it has to be repeated.

        Their links hold the organization's slug only if it is known already.

        Raises:
            ApiError: Polar could not be read.
        """
        return await self._page(1, limit, self._slug)

    async def customer(self, customer_id: str) -> Customer | None:
        """Return a customer as it is now; None when Polar has no live customer of this id.

        Raises:
            RecordError: Polar has it, but it cannot be read.
            ApiError: Polar could not be asked.
        """
        answer = await self._get_customer(customer_id)
        if answer is None:
            return None
        read_at = datetime.now(UTC)
        row = parse_row(answer.payload)
        if isinstance(row, BadRow):
            raise RecordError(
                f"Polar's customer {customer_id} cannot be read at {row.field}: {row.message}",
                service="Polar",
                request=describe(answer.response.request),
                status=answer.response.status_code,
            )
        url = functools.partial(customer_url, api_url=self.api.base_url, slug=await self.organization_slug())
        return to_customer(row, url=url, read_at=read_at)

    async def exists(self, customer_id: str) -> bool:
        """Tell whether Polar has a live customer of this id, now.

        Raises:
            ApiError: Polar could not be asked.
        """
        return await self._get_customer(customer_id) is not None

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none, or where the token lacks members:read.

        Raises:
            ApiError: Polar could not be asked.
        """
        if not self._may_read_members:
            return None
        try:
            listing = await self._list(_MEMBERS, {"customer_id": customer_id, "role": "owner", "limit": 1})
        except FatalError as error:
            if error.status != httpx.codes.FORBIDDEN:
                raise
            if self._may_read_members:
                _log.warning("%s Until then, teams without an address of their own are left out.", error)
            self._may_read_members = False
            return None
        members = [self._parsed(Member, item, _MEMBERS) for item in listing.items[:1]]
        return next((Owner(email=member.email, name=member.name) for member in members if member.email), None)

    async def organization_slug(self) -> str | None:
        """Return the organization's slug, asked for once; None where the token lacks organizations:read.

        Raises:
            ApiError: Polar could not be asked. Links without the slug differ, so going on would rewrite all of them.
        """
        async with self._slug_lock:
            if not self._slug_known:
                self._slug = await self._ask_slug()
                self._slug_known = True
        return self._slug

    async def _ask_slug(self) -> str | None:
        try:
            listing = await self._list(_ORGANIZATIONS, {"limit": 1})
        except FatalError as error:
            if error.status != httpx.codes.FORBIDDEN:
                raise
            _log.info("The token lacks organizations:read, so links go to the organization that the viewer used last.")
            return None
        found = [self._parsed(Organization, item, _ORGANIZATIONS) for item in listing.items[:1]]
        return found[0].slug if found else None

    async def _page(self, page: int, limit: int, slug: str | None) -> Page:
        async def quick(page: int, limit: int) -> Page:
            return await self._answered(page, limit, slug, self._quick)

        try:
            return await quick(page, limit)
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
        around = await read_around_bad_rows(quick, start=(page - 1) * limit, limit=limit)
        return around or await self._answered(page, limit, slug, self.api.retry)

    async def _answered(self, page: int, limit: int, slug: str | None, retry: RetryPolicy) -> Page:
        listing = await self._list(_CUSTOMERS, {"page": page, "limit": limit, "sorting": _SORTING}, retry)
        read_at = datetime.now(UTC)
        url = functools.partial(customer_url, api_url=self.api.base_url, slug=slug)
        parsed = map(parse_row, listing.items)
        rows: list[Row] = [
            row if isinstance(row, BadRow) else to_customer(row, url=url, read_at=read_at) for row in parsed
        ]
        return Page(
            start=(page - 1) * limit,
            limit=limit,
            rows=with_times(rows),
            total_count=listing.pagination.total_count,
            max_page=listing.pagination.max_page,
        )

    async def _list(self, path: str, params: Params, retry: RetryPolicy | None = None) -> Listing:
        answer = await self.api.request("GET", path, limiter=_LIMITER, params=params, retry=retry)
        return self._parsed(Listing, answer.payload, path)

    async def _get_customer(self, customer_id: str) -> Answer | None:
        if not _is_uuid(customer_id):
            # Ids come back from Attio, where people may have typed them: what is no id is nobody's.
            return None
        try:
            return await self.api.request("GET", f"{_CUSTOMERS}{customer_id}", limiter=_LIMITER)
        except RecordError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    @staticmethod
    def _parsed(model: type[Shape], payload: object, path: str) -> Shape:
        try:
            return model.model_validate(payload)
        except ValidationError:
            # The cause would quote the answer, which holds personal data.
            raise TransientError(
                f"Polar's answer is not a list (GET {path}): check POLAR_API_URL, or run this again later.",
                service="Polar",
                request=f"GET {path}",
                status=httpx.codes.OK,
            ) from None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
