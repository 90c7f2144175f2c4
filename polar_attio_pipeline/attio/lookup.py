"""Searching People: by id, by address, and everybody who is marked.

Attio scores each search by its filters, its sorts and the number of records in the workspace, and refuses one whose
score is too high (docs.attio.com). The limit is not published, so a search that is refused is split, and the smaller
size is remembered.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any

import idna

from polar_attio_pipeline.attio.errors import RECORDS_PATH, SERVICE, QueryTooComplexError, list_of
from polar_attio_pipeline.attio.models import EMAILS
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import TransientError

KEYS_PER_SEARCH = 400
"""Ids and addresses in one search at first: those of 200 customers."""

PAGE = 500
"""Records in an answer; Attio's default, and the most that anybody is known to ask for."""

_RECORD_ID = "record_id"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_SURELY_SIMPLE = 50
_OLDEST_FIRST = [{"direction": "asc", "attribute": "created_at"}]

Record = dict[str, Any]


class Lookup:
    """Searches in the People of one workspace. A record may come twice: whoever asks tells records by their id."""

    def __init__(self, api: ApiClient, *, id_slug: str, mark_slug: str, keys: int = KEYS_PER_SEARCH) -> None:
        self._api = api
        self._id_slug = id_slug
        self._mark_slug = mark_slug
        self._keys = keys

    async def by_key(
        self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()
    ) -> list[Record]:
        """Return the records that hold one of the Polar ids or one of the addresses, or have one of the record ids."""
        addresses = dict.fromkeys(spelling for email in emails for spelling in spellings(email))
        keys = [
            *((self._id_slug, held) for held in ids),
            *((EMAILS, held) for held in addresses),
            *((_RECORD_ID, record) for record in records if _UUID.fullmatch(record)),
        ]
        return await self._search(keys)

    async def marked(self) -> AsyncIterator[list[Record]]:
        """Yield, oldest first, the records that are marked as customers or hold an id."""
        # Attio has no operator for "is set" on text; every UUID has a hyphen.
        either: list[dict[str, Any]] = [{self._mark_slug: True}, {self._id_slug: {"$contains": "-"}}]
        try:
            async for page in self._pages({"$or": either}):
                yield page
        except QueryTooComplexError:
            for one in either:
                async for page in self._pages(one):
                    yield page

    async def _search(self, keys: Sequence[tuple[str, str]]) -> list[Record]:
        if len(keys) > self._keys:
            return await self._in_parts(keys, self._keys)
        if not keys:
            return []
        try:
            return await self._whole(self._filter(keys))
        except QueryTooComplexError as error:
            if len(keys) == 1:
                raise _hopeless(error) from error
            smaller = len(keys) // 2
        except TransientError as error:
            # A search that is too complex is throttled too, and may be worded in a way that is not known yet.
            if error.status != 429 or len(keys) <= _SURELY_SIMPLE:
                raise
            smaller = _SURELY_SIMPLE
        self._keys = min(self._keys, smaller)
        return await self._in_parts(keys, smaller)

    async def _in_parts(self, keys: Sequence[tuple[str, str]], size: int) -> list[Record]:
        try:
            async with asyncio.TaskGroup() as searches:
                parts = [
                    searches.create_task(self._search(keys[start : start + size]))
                    for start in range(0, len(keys), size)
                ]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        return list(itertools.chain.from_iterable(part.result() for part in parts))

    def _filter(self, keys: Iterable[tuple[str, str]]) -> dict[str, Any]:
        listed: dict[str, list[str]] = {}
        arms: list[dict[str, Any]] = []
        for slug, key in keys:
            if slug == EMAILS:
                # Addresses know no `$in` (docs.attio.com).
                arms.append({EMAILS: {"email_address": {"$eq": key}}})
            else:
                listed.setdefault(slug, []).append(key)
        return {"$or": [*({slug: {"$in": held}} for slug, held in listed.items()), *arms]}

    async def _whole(self, wanted: dict[str, Any]) -> list[Record]:
        records = await self._page({"filter": wanted})
        if len(records) < PAGE:
            return records
        # Without a sort the order is undefined, so what lies beyond the first page needs a sorted reading of its own.
        return [record async for page in self._pages(wanted) for record in page]

    async def _pages(self, wanted: dict[str, Any]) -> AsyncIterator[list[Record]]:
        """Read on while others write: each page begins with the last record of the one before.

        Where it does not, records have left the part already read, and those behind it have moved up: the reading
        goes back a page, so that nobody is skipped.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            records = await self._page({"filter": wanted, "sorts": _OLDEST_FIRST, "offset": offset})
            if offset and not (records and record_id(records[0]) in seen):
                offset = max(0, offset - PAGE)
                continue
            fresh = [record for record in records if record_id(record) not in seen]
            seen.update(map(record_id, fresh))
            if fresh:
                yield fresh
            if len(records) < PAGE:
                return
            offset += PAGE - 1

    async def _page(self, query: dict[str, Any]) -> list[Record]:
        body = {**query, "limit": PAGE}
        return list_of(await self._api.request("POST", f"{RECORDS_PATH}/query", limiter="reads", json=body))


def record_id(record: Record) -> str:
    """Return a record's id."""
    return str(record["id"]["record_id"])


def spellings(email: str) -> tuple[str, ...]:
    """Return an address in every spelling that Attio may hold: an international domain has two."""
    local, _, domain = email.rpartition("@")
    spelled = {email: None}
    for convert in (_to_ascii, idna.decode):
        try:
            spelled[f"{local}@{convert(domain)}"] = None
        except (idna.IDNAError, UnicodeError):
            continue
    return tuple(spelled) if local else (email,)


def _to_ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode("ascii")


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
