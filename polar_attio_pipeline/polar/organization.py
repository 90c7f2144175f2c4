"""Whose token it is: the organization's id and its slug."""

import asyncio
import logging

import httpx

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError, RecordError, TransientError
from polar_attio_pipeline.polar.lists import fetch_list, parsed
from polar_attio_pipeline.polar.models import Organization
from polar_attio_pipeline.polar.paths import ORGANIZATIONS

_log = logging.getLogger(__name__)


class TokenOrganization:
    """The organization that the token belongs to, asked for once and only where it is needed.

    Attributes:
        known_slug: The slug, where it is known already.
    """

    def __init__(self, api: ApiClient, slug: str) -> None:
        self._api = api
        self._lock = asyncio.Lock()
        self._given = slug or None
        self._asked = False
        self._found: Organization | None = None

    @property
    def known_slug(self) -> str | None:
        """The slug, where it was given or asked for already."""
        return self._given or (self._found.slug if self._found else None)

    async def slug(self) -> str | None:
        """Return the slug; None where the token may not read it.

        Raises:
            TransientError: Polar could not be asked. Links without the slug differ, so going on would rewrite them all.
            FatalError: the token is not accepted.
        """
        if self._given:
            return self._given
        try:
            found = await self._ask()
        except TransientError as error:
            raise _links_would_change(error) from error
        return found.slug if found else None

    async def id(self) -> str | None:
        """Return the id; None where the token may not read it.

        Raises:
            TransientError: Polar could not be asked.
            FatalError: the token is not accepted.
        """
        found = await self._ask()
        return found.id if found else None

    async def _ask(self) -> Organization | None:
        async with self._lock:
            if not self._asked:
                self._found = await self._answer()
                self._asked = True
        return self._found

    async def _answer(self) -> Organization | None:
        try:
            listing = await fetch_list(self._api, ORGANIZATIONS, {"limit": 1})
        except (FatalError, RecordError) as error:
            if error.status == httpx.codes.UNAUTHORIZED or not httpx.codes.is_client_error(error.status or 0):
                raise
            _log.info(
                "The token may not read its organization (%s on %s), so links go to the one that the viewer used last: "
                "give it the scope organizations:read, or set POLAR_ORGANIZATION_SLUG.",
                error.status,
                error.request,
            )
            return None
        if not listing.items:
            raise TransientError(
                f"Polar shows no organization to a token that belongs to one (GET {ORGANIZATIONS}): run this again "
                "later.",
                service="Polar",
                request=f"GET {ORGANIZATIONS}",
                status=httpx.codes.OK,
            )
        return parsed(Organization, listing.items[0])


def _links_would_change(error: TransientError) -> TransientError:
    said = type(error)(
        f"{error} Links into Polar's dashboard hold the organization's slug, and without it all of them would be "
        "rewritten: set POLAR_ORGANIZATION_SLUG to go on without this answer.",
        service=error.service,
        request=error.request,
        status=error.status,
        code=error.code,
    )
    said.retry_after = error.retry_after
    return said
