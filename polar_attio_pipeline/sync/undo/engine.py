"""Takes back what a pass wrote: look at some records, judge each value, write what is the pass's own still.

Every value gets exactly one item, unless the CRM is down or the pass has to end; what was written until then is on
record, and running again continues. How long it can take is bounded as in `engine`: by the pace, the number of records,
and `FRESH_SECONDS` between the look at a record and its writes.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from polar_attio_pipeline.sync.concurrency import run_all
from polar_attio_pipeline.sync.deadline import Deadline
from polar_attio_pipeline.sync.engine import portion_size
from polar_attio_pipeline.sync.freshness import fresh
from polar_attio_pipeline.sync.health import Health, Kind
from polar_attio_pipeline.sync.looking import log_unexpected
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    History,
    NoHistory,
    RecordGoneError,
    StoppedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Value
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline.sync.undo.judging import items_of
from polar_attio_pipeline.sync.undo.ports import FoundRecords, Restorable
from polar_attio_pipeline.sync.undo.values import WRITES, HeldRecord, Item, RecordEffects, RecordKey, Verdict
from polar_attio_pipeline.sync.undo.writing import RecordWriting, Step, intent_of, steps_of, write_of
from polar_attio_pipeline.sync.writes import PEOPLE
from polar_attio_pipeline.sync.writing import FRESH_SECONDS

Take = Callable[[Sequence[Item]], None]
"""Takes the items of one record as they become known."""

_LATE = f"Attio did not carry the write out within {FRESH_SECONDS} s."
_AGAIN = "Run the undo again."
_UNSEARCHABLE = "Attio failed on each search for this record."


@dataclass(frozen=True, slots=True)
class UndoServices:
    """What taking a pass back works with.

    Attributes:
        objects: The records of each object, by Attio's slug of it.
        effects: Returns what the pass did to some records.
        health: Evidence about the CRM.
        history: Keeps on record what is written.
        pace: The configured rates.
        is_stopping: Tells whether somebody has asked for the pass to end.
        clear_created: Whether the attributes of records that the pass made are cleared.
        writes: False for a dry run: each item says what would become of the value.
        amend: Returns what the pass did to a record, once it is known what the record holds.
    """

    objects: Mapping[str, Restorable]
    effects: Callable[[Sequence[RecordKey]], list[RecordEffects]]
    health: Health
    history: History = field(default_factory=NoHistory)
    pace: Pace = field(default_factory=Pace)
    is_stopping: Callable[[], bool] = lambda: False
    clear_created: bool = False
    writes: bool = True
    amend: Callable[[RecordEffects, HeldRecord], RecordEffects] = lambda record, _: record


async def take_back(records: Iterable[RecordKey], services: UndoServices, take: Take) -> None:
    """Take back what a pass wrote to these records; each gets its items in one call, or two.

    Raises:
        ServiceDownError: the CRM answers nothing at all.
        TimeIsUpError: it took far longer than the number of records implies.
        StoppedError: every request would fail the same way, such as after a revoked token.
    """
    ordered = sorted(records)
    size, deadline = portion_size(services.pace), Deadline(len(ordered), "records", services.pace)
    for slug, listed in itertools.groupby(ordered, key=lambda one: one[0]):
        work, of_object = _Work(services, services.objects[slug], _kinds(slug), take), list(listed)
        for start in range(0, len(of_object), size):
            deadline.check()
            await work.portion(services.effects(of_object[start : start + size]))


def _kinds(slug: str) -> tuple[Kind, Kind]:
    return (Kind.SEARCH, Kind.UPDATE) if slug == PEOPLE else (Kind.SEARCH_COMPANIES, Kind.UPDATE_COMPANIES)


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """A write of which no answer said whether it was carried out."""

    record: RecordEffects
    writing: RecordWriting
    step: Step
    why: str


@dataclass
class _Work:
    """The records of one object.

    Attributes:
        services: Everything that the pass works with.
        records: The records of this object.
        kinds: Of its searches and its updates.
        take: Takes items.
        unanswered: Of this portion.
    """

    services: UndoServices
    records: Restorable
    kinds: tuple[Kind, Kind]
    take: Take
    unanswered: list[_Unanswered] = field(default_factory=list)

    async def portion(self, records: Sequence[RecordEffects]) -> None:
        """Take back what was written to some records."""
        if not records:
            return
        look = await self._find(records)
        if look is None:
            return
        found, looked_at = look
        by_id = {held.record_id: held for held in found.records}
        due = []
        for one in records:
            if one.record_id in found.unsearchable:
                self.take([_whole_record(one, _UNSEARCHABLE)])
                continue
            held = by_id.get(one.record_id)
            record = self.services.amend(one, held) if held else one
            items = self._judged(record, held)
            self.take([item for item in items if not self._is_due(item)])
            if held and any(map(self._is_due, items)):
                due.append((record, self._writing(held, items)))
        await self._write(due, looked_at + FRESH_SECONDS)
        unanswered, self.unanswered = self.unanswered, []
        if unanswered:
            await self._look_again(unanswered)

    async def _find(self, records: Sequence[RecordEffects]) -> tuple[FoundRecords, float] | None:
        """Look at records; return them, and when they were looked at.

        None where they cannot be searched for; then their items are taken.
        """
        health, kind = self.services.health, self.kinds[0]
        if why := health.closed(kind):
            self._not_found(records, why)
            return None
        try:
            look = await fresh(partial(self.records.find_by_id, [record.record_id for record in records]))
        except UnavailableError as error:
            await health.failed(kind, error)
            self._not_found(records, str(error))
            return None
        health.succeeded(kind)
        return look

    def _not_found(self, records: Iterable[RecordEffects], why: str) -> None:
        for record in records:
            self.take([_whole_record(record, why)])

    def _judged(self, record: RecordEffects, held: HeldRecord | None) -> list[Item]:
        try:
            return items_of(record, held, self.records.targets, clear_created=self.services.clear_created)
        except Exception as error:  # noqa: BLE001  # one record's data must not end the pass
            return [_whole_record(record, _unexpected(record, error))]

    def _is_due(self, item: Item) -> bool:
        return self.services.writes and item.verdict in WRITES

    def _writing(self, held: HeldRecord, items: Sequence[Item]) -> RecordWriting:
        steps = steps_of(items)
        return RecordWriting(self.records, held, self.services.history, steps, intent_of(steps, held))

    async def _write(self, due: Sequence[tuple[RecordEffects, RecordWriting]], expiry: float) -> None:
        """Write to records, all of which is on record before the first write is sent."""
        if not due:
            return
        self.services.history.intend([writing.intent for _, writing in due])
        work = [partial(self._apply, record, writing, expiry) for record, writing in due]
        await run_all(work, is_stopping=self.services.is_stopping)

    async def _apply(self, record: RecordEffects, writing: RecordWriting, expiry: float) -> None:
        health, kind = self.services.health, self.kinds[1]
        if why := health.closed(kind):
            self._finish(writing, Verdict.NOT_DONE, why)
            return
        try:
            async with asyncio.timeout_at(expiry):
                await writing.run()
        except TimeoutError:
            self._leave_unanswered(record, writing, _LATE)
        except RecordGoneError:
            health.succeeded(kind)
            self._finish(writing, Verdict.GONE, "It was deleted, or merged into another one.")
        except DeniedError as error:
            self._finish(writing, Verdict.NOT_DONE, str(error))
            await health.failed(kind, error)
        except UnavailableError as error:
            self._leave_unanswered(record, writing, str(error))
            await health.failed(kind, error)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            self._leave_unanswered(record, writing, _unexpected(record, error))
        else:
            health.succeeded(kind)
            writing.settle()
            self.take(writing.done)
        await writing.keep_company()

    def _finish(self, writing: RecordWriting, verdict: Verdict, why: str) -> None:
        """Take the items of what was done, and of the rest with a verdict."""
        writing.settle()
        self.take([*writing.done, *_with(itertools.chain.from_iterable(writing.steps), verdict, why)])

    def _leave_unanswered(self, record: RecordEffects, writing: RecordWriting, why: str) -> None:
        step, rest = writing.steps[0], writing.steps[1:]
        self.unanswered.append(_Unanswered(record, writing, step, why))
        self.take([*writing.done, *_with(itertools.chain.from_iterable(rest), Verdict.NOT_DONE, f"{why} {_AGAIN}")])

    async def _look_again(self, unanswered: Sequence[_Unanswered]) -> None:
        """Put on record what a later look shows of writes without an answer.

        What it does not show stays open for the next pass: Attio may carry it out a moment later.
        """
        try:
            found = await self.records.find_by_id([one.record.record_id for one in unanswered])
        except UnavailableError:
            found = FoundRecords([])
        by_id = {held.record_id: held for held in found.records}
        for one in unanswered:
            judged = self._judged(one.record, by_id.get(one.record.record_id))
            now = {_name(item): item.verdict for item in judged}
            seen = tuple(item for item in one.step if now.get(_name(item)) is Verdict.ALREADY_BACK)
            rest = tuple(item for item in one.step if item not in seen)
            one.writing.settle(*([write_of(seen, one.writing.held)] if seen else []))
            if rest:
                self.services.history.intend([intent_of([rest], one.writing.held)])
            self.take([*seen, *_with(rest, Verdict.NOT_DONE, f"{one.why} {_AGAIN}")])


def _unexpected(record: RecordEffects, error: Exception) -> str:
    log_unexpected(f"record {record.record_id}", error)
    return f"This program failed with {type(error).__name__}; the log says where. Report it."


def _whole_record(record: RecordEffects, why: str) -> Item:
    return Item(record.object_slug, record.record_id, "", record.customer_id, "", Verdict.NOT_DONE, detail=why)


def _with(items: Iterable[Item], verdict: Verdict, detail: str) -> list[Item]:
    return [replace(item, verdict=verdict, detail=detail) for item in items]


def _name(item: Item) -> tuple[str, Value | None, Value | None]:
    return item.key, item.before, item.after
