"""Puts back the values of one record: as few writes as possible, and one refused value costs that value alone."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.ports import EmailTakenError, History, RecordRefusedError
from polar_attio_pipeline.sync.records import CurrentValue
from polar_attio_pipeline.sync.undo.ports import Restorable
from polar_attio_pipeline.sync.undo.values import WRITES, HeldRecord, Item, Verdict, same
from polar_attio_pipeline.sync.writes import COMPANY_KEY, Write, WrittenValue

Step = tuple[Item, ...]
"""Values that are written by one request."""

_TAKEN = "Another record holds the address by now."


@dataclass
class RecordWriting:
    """The writes of one record.

    Attributes:
        records: The records of its object.
        held: As the CRM held it a moment ago.
        history: Keeps on record what is written.
        steps: What is still to be written; the first is under way.
        intent: All of it, as it is on record before it is written.
        done: The items of what is not.
        writes: What the CRM has carried out.
    """

    records: Restorable
    held: HeldRecord
    history: History
    steps: list[Step]
    intent: Intent
    done: list[Item] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    async def run(self) -> None:
        """Write everything; where it ends early, `steps` holds the rest.

        Raises:
            RecordGoneError, DeniedError, UnavailableError, StoppedError: as for `Restorable`.
        """
        while self.steps:
            step = self.steps[0]
            try:
                written = await self._write(step)
            except EmailTakenError:
                written = [replace(item, verdict=Verdict.REFUSED, detail=_TAKEN) for item in step]
            except RecordRefusedError as error:
                if len(step) > 1:
                    self.steps[:1] = _smaller(step, error.field)
                    continue
                detail = f"Attio says: {error.message}"
                written = [replace(item, verdict=Verdict.REFUSED, detail=detail) for item in step]
            self.steps.pop(0)
            self.done += written

    async def keep_company(self) -> None:
        """Keep the company of a person who was given an address; it takes seconds, beyond the time limit of a write."""
        if not any(item.key == EMAILS_KEY and item.verdict is Verdict.PUT_BACK for item in self.done):
            return
        intents: list[Intent] = []

        def intend(replaced: CurrentValue) -> None:
            kept = self.held.company.value if self.held.company else None
            value = WrittenValue(COMPANY_KEY, replaced.value, replaced.actor, kept)
            intents.append(Intent(self.intent.customer_id, self.held.record_id, (value,), self.intent.object_slug))
            self.history.intend(intents)

        restored = await self.records.keep_company(self.held, before_write=intend)
        for intent in intents if restored else ():
            done = intent.done(self.held.record_id, [([COMPANY_KEY], restored.execution_id if restored else None)])
            self.history.settle(intent, *done)

    def settle(self, *seen: Write) -> None:
        """Put on record what was carried out; nothing else of the record is under way.

        Args:
            seen: What a later look has shown beside it.
        """
        self.history.settle(self.intent, *self.writes, *seen)

    async def _write(self, step: Step) -> list[Item]:
        if step[0].key != EMAILS_KEY:
            name = await self.records.restore(self.held.record_id, {item.key: item.before for item in step})
            self.writes.append(write_of(step, self.held, name))
            return list(step)
        (item,) = step
        if item.before is not None:
            name = await self.records.add_address(self.held.record_id, str(item.before))
            self.writes.append(write_of(step, self.held, name))
            return [item]
        return [await self._remove_address(item)]

    async def _remove_address(self, item: Item) -> Item:
        address = str(item.after)
        found = await self.records.remove_address(self.held.record_id, address)
        if not any(same(EMAILS_KEY, one, address) for one in found.addresses):
            return replace(item, verdict=Verdict.ALREADY_BACK)
        if len(found.addresses) == 1:
            return replace(item, verdict=Verdict.ONLY_ADDRESS, detail="The person would be left without any address.")
        self.writes.append(_write(item, [_removal(found.addresses, address)], found.execution_id))
        return item


def steps_of(items: Iterable[Item]) -> list[Step]:
    """Return what is to be written, by request: all values together, each address by itself."""
    due = [item for item in items if item.verdict in WRITES]
    values = tuple(item for item in due if item.key != EMAILS_KEY)
    return [*([values] if values else []), *((item,) for item in due if item.key == EMAILS_KEY)]


def intent_of(steps: Iterable[Step], held: HeldRecord) -> Intent:
    """Return everything that is to be written to a record, as it goes on record before.

    Args:
        steps: At least one.
        held: The record as it is.
    """
    items = list(itertools.chain.from_iterable(steps))
    values = tuple(_written(item, held) for item in items)
    return Intent(items[0].customer_id, held.record_id, values, items[0].object_slug)


def write_of(step: Step, held: HeldRecord, execution_id: str | None = None) -> Write:
    """Return the write of a step that was carried out, for the history.

    Args:
        step: The values.
        held: The record as it was before.
        execution_id: The CRM's name for the request; None where no answer gave one.
    """
    return _write(step[0], [_written(item, held) for item in step], execution_id)


def _write(item: Item, values: Sequence[WrittenValue], execution_id: str | None) -> Write:
    return Write(item.customer_id, item.record_id, tuple(values), item.object_slug, execution_id=execution_id)


def _written(item: Item, held: HeldRecord) -> WrittenValue:
    if item.key != EMAILS_KEY:
        old, actor = (item.held.value, item.held.actor) if item.held else (None, None)
        return WrittenValue(item.key, old, actor, item.before)
    addresses = tuple(str(one.value) for one in held.addresses)
    if item.before is None:
        return _removal(addresses, str(item.after))
    return WrittenValue(EMAILS_KEY, addresses or None, None, item.before)


def _removal(addresses: tuple[str, ...], address: str) -> WrittenValue:
    rest = tuple(one for one in addresses if not same(EMAILS_KEY, one, address))
    return WrittenValue(EMAILS_KEY, addresses, None, rest)


def _smaller(step: Step, refused: str | None) -> list[Step]:
    """Return a refused step as smaller ones: the value that was named by itself, or each where none was."""
    named = [item for item in step if item.key == refused]
    if not named:
        return [(item,) for item in step]
    rest = tuple(item for item in step if item.key != refused)
    return [rest, *((item,) for item in named)]
