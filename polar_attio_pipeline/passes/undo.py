"""Takes back what a pass wrote to Attio, where it is the pass's own still; itself a pass, so that it can be undone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from polar_attio_pipeline.ledger import Ledger, PassRow
from polar_attio_pipeline.passes.guards import UNINSTALL, UNINSTALLED_FACT, GuardError, check_owner
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.restorable import organization_of, undo_services, workspaces
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.undo_tally import UndoTally, result_of
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.undo.effects import effects_of
from polar_attio_pipeline.sync.undo.engine import Take, UndoServices, take_back
from polar_attio_pipeline.sync.undo.values import LEFT, UNDO, WRITES, Item, RecordEffects, RecordKey, Selection, Verdict
from polar_attio_pipeline.sync.writes import COMPANIES

EVERYTHING = Selection()

WRITTEN_NEXT = (
    "The next pass writes again what Polar says, unless you act first: correct the mapping or the setting that was "
    "wrong, stop the schedules and sensors until then, or leave a customer out with `polar-attio skip`."
)
"""What comes after an undo; the undo of an undo brings back what Polar says."""

_SAMPLE = 10
"""Attributes that a sentence names."""


class UndoError(GuardError):
    """There is no such pass, or it has no such part; nothing was written. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of a pass that was to be taken back, or would become of it.

    Attributes:
        undone: The pass.
        pass_id: The undo, by which it can be undone itself; None where nothing was begun.
        counts: Values by what became of them; a record that the pass made counts once, as `created`.
        clear_created: Whether the values of such records were to be cleared.
    """

    undone: PassRow
    pass_id: str | None
    counts: Mapping[Verdict, int]
    clear_created: bool = False

    @property
    def written(self) -> int:
        """How many values were put back or cleared."""
        return sum(self.counts.get(verdict, 0) for verdict in WRITES)

    @property
    def left(self) -> int:
        """How many values, and records that the pass made, are not as before the pass."""
        made = 0 if self.clear_created else self.counts.get(Verdict.CREATED, 0)
        return made + sum(self.counts.get(verdict, 0) for verdict in LEFT)


def _take_nothing(items: Sequence[Item]) -> None:
    """Keep none of them."""


async def undo_pass(  # noqa: PLR0913  # keyword-only
    context: PassContext,
    name: str,
    *,
    selection: Selection = EVERYTHING,
    clear_created: bool = False,
    company_slugs: Mapping[str, str] | None = None,
    dry_run: bool = False,
    take: Take = _take_nothing,
) -> Undone:
    """Put back what a pass wrote over, wherever its own value is still there; nothing that anybody changed since.

    Running it again continues where it ended, and writes nothing twice.

    Args:
        context: Of the undo: `context.pass_id` names the undo itself.
        name: The id of the pass to take back, or so much of its beginning that it is one pass's.
        selection: Which part of it; all of it unless given.
        clear_created: Whether the attributes of people and companies that the pass made are cleared, but for names,
            addresses and domains. No record is ever deleted.
        company_slugs: The workspace's slug for each attribute key of companies; the keys unless given.
        dry_run: Whether to say only what would become of each value. Neither Attio nor the ledger is written.
        take: Takes what becomes of each value. They are not kept elsewhere: a pass may have written millions.

    Raises:
        UndoError: no pass has this name, or several have, or it wrote nothing of the selection.
        GuardError: a token belongs to another organization or workspace; nothing was written.
        UnavailableError: Attio answers nothing, another writer did not end, or one kind of request failed for very many
            records.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    row = find_pass(context.ledger, name)
    check_selection(context.ledger, row, selection)
    if not row.values and row.ended_at:
        return Undone(row, None, {}, clear_created)
    tally = UndoTally(take)
    # The setting of who is written is no question here: only what the pass wrote is touched.
    rules = replace(context.rules, audience=Audience.EVERYBODY)
    context = replace(context, rules=rules, reason=f"{context.reason}: takes back {_what(row, selection)}")
    undo = _Undo(context, row, selection, clear_created, company_slugs)
    if dry_run:
        await check_owner(context, await organization_of(context), may_confirm=False)
        await undo.preview(tally)
        return Undone(row, None, tally.counts, clear_created)
    async with writing_pass(context, kind=UNDO, what=f"the undo of pass {row.pass_id}") as work:
        work.summary.noun = "value"
        await check_owner(context, await organization_of(context))
        try:
            await undo.carry_out(tally, work)
        finally:
            work.summary.notes += tally.notes(clear_created=clear_created)
        if row.kind == UNINSTALL and selection == EVERYTHING:
            # What Polar says is in Attio again, so passes may go on.
            context.ledger.set_fact(UNINSTALLED_FACT, "")
    return Undone(row, context.pass_id, tally.counts, clear_created)


def find_pass(ledger: Ledger, name: str) -> PassRow:
    """Return the pass of this id, or the one whose id begins so.

    Raises:
        UndoError: there is none, or there are several.
        LedgerError: the ledger cannot be used.
    """
    found = ledger.passes_named(name.strip())
    if len(found) == 1:
        return found[0]
    if not found:
        raise UndoError(
            f"No pass on record has the id {name}, or an id that begins so: `polar-attio undo` without an id lists the "
            "newest passes."
        )
    ids = ", ".join(row.pass_id for row in found)
    raise UndoError(f"Several passes have an id that begins with {name}: write more of it ({ids}).")


def check_selection(ledger: Ledger, row: PassRow, selection: Selection) -> None:
    """Insist that a pass wrote something of each attribute and for each customer that are named.

    Raises:
        UndoError: it did not.
        LedgerError: the ledger cannot be used.
    """
    written = ledger.attributes_written(row.pass_id) if selection.attributes else []
    missing = sorted(selection.attributes - set(written))
    if missing:
        more = ", and others" if len(written) > _SAMPLE else ""
        raise UndoError(
            f"Pass {row.pass_id} did not write the attribute {', '.join(missing)}: it wrote "
            f"{', '.join(written[:_SAMPLE]) or 'nothing'}{more}."
        )
    absent = sorted(selection.customers - ledger.customers_written(row.pass_id, selection.customers))
    if absent:
        raise UndoError(f"Pass {row.pass_id} wrote nothing for the customer {', '.join(absent)}.")


def _what(row: PassRow, selection: Selection) -> str:
    parts = [f"pass {row.pass_id}"]
    for noun, names in (("customer", selection.customers), ("attribute", selection.attributes)):
        if names:
            parts.append(f"{noun} {', '.join(sorted(names))}")
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class _Undo:
    """The undo of one pass.

    Attributes:
        context: Of the undo.
        row: The pass.
        selection: Which part of it.
        clear_created: As for `undo_pass`.
        company_slugs: As for `undo_pass`.
    """

    context: PassContext
    row: PassRow
    selection: Selection
    clear_created: bool
    company_slugs: Mapping[str, str] | None

    async def preview(self, tally: UndoTally) -> None:
        """Say what would become of each value."""
        records = self._records()
        services = await self._services(records)
        await take_back(records, services, tally.add)
        services.health.check()

    async def carry_out(self, tally: UndoTally, work: Work) -> None:
        """Take back what was written."""
        records = self._records()
        services = await self._services(records)
        work.reporter.enter(Stage.UNDO, total=len(records))

        def effects(keys: Sequence[RecordKey]) -> list[RecordEffects]:
            work.reporter.advance(len(keys))
            return self._effects(keys)

        def take(items: Sequence[Item]) -> None:
            tally.add(items)
            work.summary.counts.update(result_of(item.verdict) for item in items)
            work.recorder.record([])

        await take_back(records, replace(services, history=work.recorder, effects=effects, writes=True), take)
        services.health.check()

    def _records(self) -> list[RecordKey]:
        return self.context.ledger.records_written(self.row.pass_id, self.selection)

    def _effects(self, keys: Sequence[RecordKey]) -> list[RecordEffects]:
        return effects_of(self.row.pass_id, self.context.ledger.history_of(keys), self.selection)

    async def _services(self, records: Iterable[RecordKey]) -> UndoServices:
        companies = any(slug == COMPANIES for slug, _ in records)
        objects = await workspaces(self.context, companies=companies, company_slugs=self.company_slugs)
        return undo_services(self.context, objects, self._effects, clear_created=self.clear_created)
