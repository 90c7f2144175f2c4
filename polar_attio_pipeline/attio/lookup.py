"""Searching an object's records: by id, by matching attribute, and all that are marked.

Attio scores each search by its filters, its sorts and the number of records in the workspace, and refuses one whose
score is too high (docs.attio.com). The limit is not published, so a search that is refused is split, and the smaller
size is remembered. A search that Attio fails for is split as well, so that a key or a record which causes it costs
itself only.
"""

import itertools
import logging
import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.errors import SERVICE, QueryTooComplexError, list_of
from polar_attio_pipeline.attio.isolation import (
    ONE_ATTEMPT,
    Isolation,
    Key,
    Record,
    impatient,
    may_lie_in_the_data,
    patient,
)
from polar_attio_pipeline.attio.sorted_pages import PAGE, Insist, SortedPages
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.sync.tasks import task_group

_log = logging.getLogger(__name__)

KEYS_PER_SEARCH = 400
"""Ids and addresses in one search at first: those of 200 customers."""

_RECORD_ID = "record_id"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_SURELY_SIMPLE = 50
_OLDEST_FIRST = [{"direction": "asc", "attribute": "created_at"}]

_ATTEMPTS_AT_ANYTHING = 6
"""Some 16 seconds of a search that finds out whether Attio can search at all."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What a look-up brought.

    Attributes:
        records: Those found; one may come twice.
        unsearchable: Ids, matching values and record ids that Attio fails for, as they were asked for.
    """

    records: list[Record] = field(default_factory=list)
    unsearchable: frozenset[str] = frozenset()


class Lookup:
    """Searches in the records of one object.

    Whatever makes Attio fail for a search for good is isolated here: to those who search, an error says that Attio
    fails, whatever it is asked for.
    """

    def __init__(self, api: ApiClient, workspace: Workspace, *, keys: int = KEYS_PER_SEARCH) -> None:
        self._api = api
        self._patience = patient(api.retry)
        self._object = workspace.attio_object
        id_key = self._object.id_key
        self._id_slug = workspace.slugs[id_key] if id_key else None
        self._mark_slug = workspace.slugs[self._object.mark_key]
        self._keys = keys
        self._unsearchable: set[Key] = set()
        """Found to spoil a search before: each is asked for alone, so that not one search more fails because of it."""

    async def by_key(self, *, ids: Collection[str], matches: Collection[str], records: Collection[str] = ()) -> Hits:
        """Return the records that hold one of the Polar ids or a matching value, or have one of the record ids.

        Raises:
            TransientError: Attio failed, whatever it was asked for.
            FatalError: a person has to act first.
        """
        asked: dict[Key, list[str]] = {}
        if self._id_slug:
            for held in ids:
                asked.setdefault((self._id_slug, held), []).append(held)
        matching = self._object.matching
        for match in matches:
            for spelling in matching.spellings(match):
                asked.setdefault((matching.slug, spelling), []).append(match)
        for record in filter(_UUID.fullmatch, records):
            asked.setdefault((_RECORD_ID, record), []).append(record)
        known = [key for key in asked if key in self._unsearchable]
        found, failed = await self._search([key for key in asked if key not in self._unsearchable])
        if not (known or failed):
            return Hits(found)
        await self._insist_on_an_answer()
        isolation = Isolation(self._isolating, records=found)
        try:
            await isolation.run([[key] for key in known], attempts=ONE_ATTEMPT)
            self._unsearchable.difference_update(set(known).difference(isolation.unsearchable, isolation.unasked))
            await isolation.run(failed)
        finally:
            # Also where time is up meanwhile: the next search is spared what this one has found out.
            self._unsearchable.update(isolation.unsearchable)
        spoilt = [*isolation.unsearchable, *isolation.unasked]
        if spoilt:
            _log.warning("Attio fails for each search that holds one of %d of %d keys.", len(spoilt), len(asked))
        return Hits(isolation.records, frozenset(itertools.chain.from_iterable(asked[key] for key in spoilt)))

    async def _insist_on_an_answer(self) -> None:
        """Search for an id that no record has; where even that fails, Attio is down and no key is to blame."""
        await self._isolating([(self._id_slug or _RECORD_ID, str(uuid4()))], _ATTEMPTS_AT_ANYTHING)

    async def _together(self, keys: Sequence[Key]) -> list[Record]:
        return await self._whole(self._filter(keys), self._patience)

    async def _isolating(self, keys: Sequence[Key], attempts: int) -> list[Record]:
        return await self._whole(self._filter(keys), impatient(self._api.retry, attempts))

    async def marked(self, *, expected: int = 0) -> AsyncIterator[list[Record]]:
        """Yield, oldest first, the records that are marked or hold an id; those that Attio fails for are left out.

        Args:
            expected: How many there probably are: so far, pages are asked for ahead.

        Raises:
            TransientError: Attio failed, and not for single records.
            FatalError: a person has to act first.
        """
        # Attio has no operator for "is set" on text; every UUID has a hyphen.
        either: list[dict[str, Any]] = [{self._mark_slug: True}]
        either += [{self._id_slug: {"$contains": "-"}}] if self._id_slug else []
        try:
            async for page in self._around_failures({"$or": either}, expected):
                yield page
        except QueryTooComplexError:
            if len(either) == 1:
                raise
            for one in either:
                async for page in self._around_failures(one, expected):
                    yield page

    async def _search(self, keys: Sequence[Key]) -> tuple[list[Record], list[Sequence[Key]]]:
        """Return what was found, and the parts of the keys for which Attio fails."""
        if len(keys) > self._keys:
            return await self._in_parts(keys, self._keys)
        if not keys:
            return [], []
        try:
            return await self._together(keys), []
        except QueryTooComplexError as error:
            if len(keys) == 1:
                raise _hopeless(error) from error
            smaller = len(keys) // 2
        except TransientError as error:
            if may_lie_in_the_data(error):
                return [], [keys]
            # A search that is too complex is throttled too, and may be worded in a way that is not known yet.
            if error.status != 429 or len(keys) <= _SURELY_SIMPLE:
                raise
            smaller = _SURELY_SIMPLE
        self._keys = min(self._keys, smaller)
        return await self._in_parts(keys, smaller)

    async def _in_parts(self, keys: Sequence[Key], size: int) -> tuple[list[Record], list[Sequence[Key]]]:
        async with task_group() as searches:
            parts = [
                searches.create_task(self._search(keys[start : start + size])) for start in range(0, len(keys), size)
            ]
        results = [part.result() for part in parts]
        records = itertools.chain.from_iterable(found for found, _ in results)
        return list(records), list(itertools.chain.from_iterable(failed for _, failed in results))

    def _filter(self, keys: Iterable[Key]) -> dict[str, Any]:
        matching = self._object.matching
        listed: dict[str, list[str]] = {}
        arms: list[dict[str, Any]] = []
        for slug, key in keys:
            if slug == matching.slug:
                # Addresses know no `$in` (docs.attio.com).
                arms.append({slug: {matching.field: {"$eq": key}}})
            else:
                listed.setdefault(slug, []).append(key)
        return {"$or": [*({slug: {"$in": held}} for slug, held in listed.items()), *arms]}

    async def _whole(self, wanted: dict[str, Any], retry: RetryPolicy) -> list[Record]:
        records = await self._page({"filter": wanted}, retry)
        if len(records) < PAGE:
            return records
        # Without a sort the order is undefined, so what lies beyond the first page needs a sorted reading of its own.
        return [record async for page in self._pages(wanted, retry) for record in page]

    def _pages(self, wanted: dict[str, Any], retry: RetryPolicy) -> AsyncIterator[list[Record]]:
        return self._reading(wanted, retry, insist=None).pages()

    def _around_failures(self, wanted: dict[str, Any], expected: int) -> AsyncIterator[list[Record]]:
        return self._reading(wanted, self._patience, insist=self._insist_on_an_answer, expected=expected).pages()

    def _reading(
        self, wanted: dict[str, Any], retry: RetryPolicy, *, insist: Insist | None, expected: int = 0
    ) -> SortedPages:
        async def fetch(offset: int, limit: int, attempts: int | None) -> list[Record]:
            query = {"filter": wanted, "sorts": _OLDEST_FIRST, "offset": offset}
            return await self._page(query, _bounds(retry, attempts, limit), limit)

        what = f"marked {self._object.slug}"
        return SortedPages(fetch, what=what, unsteady=self._unsteady, insist=insist, expected=expected)

    async def _page(self, query: dict[str, Any], retry: RetryPolicy, limit: int = PAGE) -> list[Record]:
        path = f"{self._object.records_path}/query"
        body = {**query, "limit": limit}
        return list_of(await self._api.request("POST", path, limiter="reads", json=body, retry=retry))

    def _unsteady(self, seen: int) -> TransientError:
        return TransientError(
            f"Attio lists {self._object.slug} in another order each time, so no more than {seen} could be read: run "
            "this again later.",
            service=SERVICE,
            request=f"POST {self._object.records_path}/query",
        )


def _bounds(retry: RetryPolicy, attempts: int | None, limit: int) -> RetryPolicy:
    """Return the bounds of a request for a page; a whole one may take its time."""
    if attempts is None:
        return retry
    return impatient(retry, attempts) if limit < PAGE else replace(retry, attempts_when_lost=attempts)


def _hopeless(error: QueryTooComplexError) -> TransientError:
    return TransientError(
        "Attio finds even the search for one customer too complex: wait until others that use the workspace's API are "
        "done, then run this again.",
        service=SERVICE,
        request=error.request,
        status=error.status,
        code=error.code,
        execution_id=error.execution_id,
    )
