"""Records of Attio and what becomes of their values, for the tests of taking a pass back."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.ports import BeforeWrite, Restored
from polar_attio_pipeline.sync.records import CurrentValue, Value, Values
from polar_attio_pipeline.sync.undo.ports import FoundRecords, Removed
from polar_attio_pipeline.sync.undo.values import HeldRecord, Item, Verdict
from polar_attio_pipeline_tests.attributes import TARGETS


def holding(record_id: str = "r1", *addresses: CurrentValue, **values: Value) -> HeldRecord:
    """A record with these addresses, and with values that an API key wrote; a workspace member chose its company."""
    return HeldRecord(
        record_id,
        f"https://app.attio.com/acme/person/{record_id}",
        {key: CurrentValue(value, "api-token") for key, value in values.items()},
        addresses,
        CurrentValue("chosen", "workspace-member"),
    )


HELD = holding("r1", CurrentValue("ada@new.example", "api-token"), CurrentValue("ada@example.com", "workspace-member"))


def item(key: str, before: Value | None, after: Value | None, record_id: str = "r1") -> Item:
    """The item of a value that is put back, or cleared, while the record holds what the pass wrote."""
    verdict = Verdict.CLEARED if before is None else Verdict.PUT_BACK
    held = None if after is None else CurrentValue(after, "api-token")
    return Item("people", record_id, holding(record_id).url, "c1", key, verdict, before, after, held)


COUNTRY = item("polar_country", "DE", "FR")
ADDED = item(EMAILS_KEY, None, "ada@new.example")
REMOVED = item(EMAILS_KEY, "ada@old.example", None)


@dataclass
class Records:
    """The records of one object of Attio, which take what is written to them, and fail as a test says.

    Attributes:
        held: Those that there are, by id.
        unsearchable: Ids for which each search fails.
        silent: Returns what a search for these ids raises.
        refuses: Returns what a write raises, by the record's id and the keys or the address.
        takes_all: Whether a write that raises is carried out nevertheless.
        answers: Whether simple requests are answered.
        search_seconds: So long a search takes.
        first_search_seconds: So much longer the first search takes.
        write_seconds: So long a write takes until it is carried out.
        moves_to: The company that Attio itself sets when an address is added; None where it sets none.
        restores: Whether the company can be restored.
        searches: The ids of each search.
        sent: The keys or the address of each write that was carried out.
    """

    held: dict[str, HeldRecord] = field(default_factory=lambda: {"r1": HELD})
    unsearchable: frozenset[str] = frozenset()
    silent: Callable[[Collection[str]], Exception | None] = lambda _: None
    refuses: Callable[[Collection[str]], Exception | None] = lambda _: None
    takes_all: bool = False
    answers: bool = True
    search_seconds: float = 0
    first_search_seconds: float = 0
    write_seconds: float = 0
    moves_to: str | None = None
    restores: bool = True
    searches: list[tuple[str, ...]] = field(default_factory=list)
    sent: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def targets(self) -> Mapping[str, Target]:
        return {target.attribute.key: target for target in TARGETS}

    async def find_by_id(self, record_ids: Collection[str]) -> FoundRecords:
        longer = 0 if self.searches else self.first_search_seconds
        self.searches.append(tuple(record_ids))
        await asyncio.sleep(self.search_seconds + longer)
        if error := self.silent(record_ids):
            raise error
        found = [self.held[one] for one in record_ids if one in self.held and one not in self.unsearchable]
        return FoundRecords(found, self.unsearchable.intersection(record_ids))

    async def restore(self, record_id: str, values: Values) -> str | None:
        held = self.held[record_id]
        written = {key: CurrentValue(value, "api-token") for key, value in values.items() if value is not None}
        left = {key: value for key, value in held.values.items() if key not in values}
        return await self._take(replace(held, values={**left, **written}), *values)

    async def remove_address(self, record_id: str, address: str) -> Removed:
        held = self.held[record_id]
        rest = tuple(one for one in held.addresses if one.value != address)
        name = await self._take(replace(held, addresses=rest), address)
        return Removed(tuple(str(one.value) for one in held.addresses), name)

    async def add_address(self, record_id: str, address: str) -> str | None:
        held = self.held[record_id]
        return await self._take(replace(held, addresses=(CurrentValue(address, "api-token"), *held.addresses)), address)

    async def keep_company(self, held: HeldRecord, *, before_write: BeforeWrite) -> Restored | None:
        if self.moves_to is None:
            return None
        before_write(CurrentValue(self.moves_to, "system"))
        return Restored("x-company") if self.restores else None

    async def is_answering(self) -> bool:
        return self.answers

    async def _take(self, held: HeldRecord, *keys: str) -> str:
        await asyncio.sleep(self.write_seconds)
        error = self.refuses((held.record_id, *keys))
        if error is None or self.takes_all:
            self.held[held.record_id] = held
            self.sent.append(keys)
        if error:
            raise error
        return f"x{len(self.sent)}"
