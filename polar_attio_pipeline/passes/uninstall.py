"""Takes the sync out of Attio: its own values go, as far as they are still its own; itself a pass, so it can be undone.

Nothing is deleted, and what identifies people and companies stays: names, addresses, domains, and who belongs to which
company. Only records in the ledger's history are touched, so that another pipeline in the same workspace keeps its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from polar_attio_pipeline.attio.archiving import Archived, archivable, archive, check_may_archive
from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.companies import AttioCompanies
from polar_attio_pipeline.passes.guards import UNINSTALL, UNINSTALLED_FACT, check_owner
from polar_attio_pipeline.passes.lifecycle import Work, writing_pass
from polar_attio_pipeline.passes.progress import Stage
from polar_attio_pipeline.passes.restorable import organization_of, undo_services, workspaces
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.strangers import OWN, Strangers, look_for_strangers
from polar_attio_pipeline.passes.undo_tally import UndoTally, result_of
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.undo.engine import Take, UndoServices, take_back
from polar_attio_pipeline.sync.undo.leaving import effects_of_all, with_held
from polar_attio_pipeline.sync.undo.values import LEFT, WRITES, Item, RecordEffects, RecordKey, Verdict
from polar_attio_pipeline.sync.writes import COMPANIES, COMPANY_KEY, DOMAINS_KEY, PEOPLE

NAMES: Mapping[Verdict, str] = {
    Verdict.ALREADY_BACK: "not there any more",
    Verdict.CREATED: "created by the sync, not deleted",
}
"""What becomes of values, where an undo has other words for it."""

_IDENTIFYING = {EMAILS_KEY, DOMAINS_KEY, COMPANY_KEY} | {one.key for one in ATTRIBUTES if one.standard}

_LEFT = LEFT - {Verdict.GONE}
"""A record that is no more holds nothing."""

_FAILED = (Verdict.NOT_DONE, Verdict.REFUSED)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is taken out.

    Attributes:
        all_marked: Whether values of marked records are cleared too that the history knows nothing of, where an API key
            wrote them: for a ledger that was lost. They may be another pipeline's.
        archive: Whether the attributes are archived when everything else has gone well, and nothing else needs them.
    """

    all_marked: bool = False
    archive: bool = False


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """What became of the sync's values, or would become of them.

    Attributes:
        pass_id: The pass, by which it can be undone; None of a dry run.
        counts: Values by what becomes of them; a record that the sync made counts once, as `created`.
        strangers: How many marked records are left alone, because the history knows nothing of them.
        stranger_links: The first of them.
        attributes: The attributes that are archived, or would be.
    """

    pass_id: str | None
    counts: Mapping[Verdict, int]
    strangers: int
    stranger_links: Sequence[str]
    attributes: Sequence[Archived]

    @property
    def written(self) -> int:
        """How many values were cleared or put back."""
        return sum(self.counts.get(verdict, 0) for verdict in WRITES)

    @property
    def left(self) -> int:
        """How many values, marked records and attributes stay that were to go."""
        values = sum(self.counts.get(verdict, 0) for verdict in _LEFT)
        return values + self.strangers + sum(one.problem is not None for one in self.attributes)


async def uninstall(
    context: PassContext,
    extent: Extent,
    take: Take,
    *,
    company_slugs: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Uninstalled:
    """Clear what the sync has written of Polar wherever it is the sync's own still, and put back what it wrote over.

    Running it again continues where it ended, and writes nothing twice. Passes that bring customers to Attio are
    stopped from its beginning on, until a person approves that they go on, or undoes it.

    Args:
        context: Of the pass.
        extent: How much is taken out.
        take: Takes what becomes of each value.
        company_slugs: The workspace's slug for each attribute key of companies; the keys unless given.
        dry_run: Whether to say only what would become of each value. Neither Attio nor the ledger is written.

    Raises:
        GuardError: a token belongs to another organization or workspace; nothing was written.
        ConfigurationError: the attributes are to be archived, and the key may not; nothing was written.
        UnavailableError: Attio answers nothing, another writer did not end, or one kind of request failed for very many
            records.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    context = replace(context, rules=replace(context.rules, audience=Audience.EVERYBODY))
    objects = await workspaces(context, companies=True, company_slugs=company_slugs)
    if extent.archive:
        check_may_archive(objects[PEOPLE])
    tally = UndoTally(take)
    work_on = _Uninstall(context, extent, objects, tally)
    if dry_run:
        await check_owner(context, await organization_of(context), may_confirm=False)
        return await work_on.preview()
    companies = AttioCompanies(context.attio.api, objects[COMPANIES])
    async with writing_pass(context, kind=UNINSTALL, what="the uninstallation", companies=companies) as work:
        work.summary.noun = "value"
        await check_owner(context, await organization_of(context))
        context.ledger.set_fact(UNINSTALLED_FACT, datetime.now(UTC).isoformat())
        try:
            return await work_on.carry_out(work)
        finally:
            work.summary.notes += tally.notes(clear_created=True, names=NAMES)


@dataclass
class _Uninstall:
    """One uninstallation.

    Attributes:
        context: Of the pass.
        extent: How much is taken out.
        objects: The workspace as each object sees it.
        tally: Counts what becomes of values.
        strangers: The marked records without a history that are left alone.
    """

    context: PassContext
    extent: Extent
    objects: Mapping[str, Workspace]
    tally: UndoTally
    strangers: Strangers = field(default_factory=Strangers)

    async def preview(self) -> Uninstalled:
        """Say what would become of each value."""
        records = await self._records()
        services = self._services(self._effects)
        await take_back(records, services, self.tally.add)
        services.health.check()
        hindrance = self._hindrance()
        return self._done(None, [Archived(slug, name, hindrance) for slug, name in self._to_archive()])

    async def carry_out(self, work: Work) -> Uninstalled:
        """Take the values out, and then archive the attributes, if that is wanted."""
        records = await self._records()
        work.reporter.enter(Stage.UNINSTALL, total=len(records))

        def effects(keys: Sequence[RecordKey]) -> list[RecordEffects]:
            work.reporter.advance(len(keys))
            return self._effects(keys)

        def take(items: Sequence[Item]) -> None:
            self.tally.add(items)
            work.summary.counts.update(result_of(item.verdict) for item in items)
            work.recorder.record([])

        services = replace(self._services(effects), history=work.recorder, writes=True)
        await take_back(records, services, take)
        services.health.check()
        return self._done(self.context.pass_id, await self._archive())

    async def _records(self) -> list[RecordKey]:
        records = self.context.ledger.all_records_written()
        found = await look_for_strangers(self.context, self.objects)
        if self.extent.all_marked:
            return [*records, *found.keys.difference(records)]
        self.strangers = found
        return records

    def _effects(self, keys: Sequence[RecordKey]) -> list[RecordEffects]:
        (slug,) = {slug for slug, _ in keys}
        stay = _IDENTIFYING | _archived(self.objects[slug])
        found = effects_of_all(self.context.ledger.history_of(keys), stay=stay, cleared=OWN[slug])
        known = {(one.object_slug, one.record_id) for one in found}
        unknown = (key for key in keys if key not in known)
        return [*found, *(RecordEffects(*key, customer_id=None, created=False, effects=()) for key in unknown)]

    def _services(self, effects: Callable[[Sequence[RecordKey]], list[RecordEffects]]) -> UndoServices:
        services = undo_services(self.context, self.objects, effects, clear_created=True)
        if not self.extent.all_marked:
            return services
        return replace(services, amend=lambda record, held: with_held(record, held, keys=OWN[record.object_slug]))

    def _to_archive(self) -> list[tuple[str, str]]:
        if not self.extent.archive:
            return []
        return [(slug, name) for slug, workspace in self.objects.items() for name in archivable(workspace)]

    async def _archive(self) -> list[Archived]:
        due = self._to_archive()
        if hindrance := self._hindrance():
            return [Archived(slug, name, hindrance) for slug, name in due]
        done = []
        # People last: without their required attributes no pass begins, this one neither.
        for slug in (COMPANIES, PEOPLE):
            names = [name for object_slug, name in due if object_slug == slug]
            done += await archive(self.context.attio.api, self.objects[slug], names)
        return done

    def _hindrance(self) -> str | None:
        """Say why the attributes must not be archived, after a look at all values; None where they may."""
        if any(self.tally.counts[verdict] for verdict in _FAILED):
            return "not archived, because some values could not be cleared: run this again."
        if self.strangers.keys:
            return (
                "not archived, because other records are marked, of which the ledger has no history, so that another "
                "pipeline may need it: archive it by hand, or add --all-marked if it is not needed."
            )
        return None

    def _done(self, pass_id: str | None, attributes: Sequence[Archived]) -> Uninstalled:
        counts, strangers = dict(self.tally.counts), self.strangers
        return Uninstalled(pass_id, counts, len(strangers.keys), tuple(strangers.links), tuple(attributes))


def _archived(workspace: Workspace) -> set[str]:
    """Return the keys of attributes that are archived already, whose values nobody sees."""
    return {
        key
        for key, slug in workspace.slugs.items()
        if (definition := workspace.definitions.get(slug)) and definition.is_archived
    }
