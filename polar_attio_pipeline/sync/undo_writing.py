"""Puts back the values of one record: as few writes as possible, and one refused value costs that value alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.ports import EmailTakenError, History, RecordRefusedError
from polar_attio_pipeline.sync.undo_ports import Restorable
from polar_attio_pipeline.sync.undoing import WRITES, HeldRecord, Item, Verdict, same
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
        done: The items of what is not.
    """

    records: Restorable
    held: HeldRecord
    history: History
    steps: list[Step]
    done: list[Item] = field(default_factory=list)

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
        kept, replaced = self.held.company, await self.records.keep_company(self.held)
        if kept and replaced:
            value = WrittenValue(COMPANY_KEY, replaced.value, replaced.actor, kept.value)
            self.history.add(_write(self.done[0], [value], None))

    async def _write(self, step: Step) -> list[Item]:
        first, record_id = step[0], self.held.record_id
        if first.key != EMAILS_KEY:
            execution_id = await self.records.restore(record_id, {item.key: item.before for item in step})
        elif first.before is not None:
            execution_id = await self.records.add_address(record_id, str(first.before))
        else:
            return [await self._remove_address(first)]
        self.history.add(write_of(step, self.held, execution_id))
        return list(step)

    async def _remove_address(self, item: Item) -> Item:
        address = str(item.after)
        removal = await self.records.remove_address(self.held.record_id, address)
        if not any(same(EMAILS_KEY, one, address) for one in removal.before):
            return replace(item, verdict=Verdict.ALREADY_BACK)
        if len(removal.before) == 1:
            return replace(item, verdict=Verdict.ONLY_ADDRESS, detail="The person would be left without any address.")
        self.history.add(_write(item, [_removal(removal.before, address)], removal.execution_id))
        return item


def steps_of(items: Iterable[Item]) -> list[Step]:
    """Return what is to be written, by request: all values together, each address by itself."""
    due = [item for item in items if item.verdict in WRITES]
    values = tuple(item for item in due if item.key != EMAILS_KEY)
    return [*([values] if values else []), *((item,) for item in due if item.key == EMAILS_KEY)]


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
        value, actor = (item.held.value, item.held.actor) if item.held else (None, None)
        return WrittenValue(item.key, value, actor, item.before)
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
