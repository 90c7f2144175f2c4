"""What the next pass would do, field by field. Nothing is written: not to Attio, not to the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from polar_attio_pipeline.passes.all_customers import AllCustomers, is_first_import
from polar_attio_pipeline.passes.audience import check_audience
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.brake import known_people, would_stop
from polar_attio_pipeline.passes.completing import completed
from polar_attio_pipeline.passes.garbage import fewer_collections
from polar_attio_pipeline.passes.guards import CUSTOMERS_FACT, check_owner, check_size
from polar_attio_pipeline.passes.orphaned import orphaned
from polar_attio_pipeline.passes.reading import read_hours
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.engine import preview
from polar_attio_pipeline.sync.outcomes import Outcome, Result, written
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.reconciliation import Book, Seen, compare
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.services import Services

EXCLUDE = "exclude"
"""The name of what is done with customers that are not to be written: nothing."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pass would do.

    Attributes:
        plans: For each customer that was looked at closely.
        failed: The outcomes of customers for whom no plan can be made: rows of Polar's that do not parse, questions
            without an answer.
        unchanged: Customers that were found to need nothing without a closer look.
        excluded: Customers that are not to be written.
        notes: What could not be read although there are plans, in sentences.
        currencies: In which currency the workspace holds amounts, by attribute key, ISO 4217.
        deletions: People whose customer was deleted, to whom something would be written, with that.
        organization_id: Of Polar, as the customers say; None where none of them does.
    """

    plans: Sequence[Plan]
    failed: Sequence[Outcome]
    unchanged: int
    excluded: int = 0
    notes: Sequence[str] = ()
    currencies: Mapping[str, str] = field(default_factory=dict)
    deletions: Sequence[tuple[Marked, tuple[Change, ...]]] = ()
    organization_id: str | None = None

    def counts(self) -> dict[str, int]:
        """Count the customers by what would be done; every action has a number, and so have the excluded."""
        counts = {action.value: sum(plan.action is action for plan in self.plans) for action in Action}
        counts[Action.KEEP.value] += self.unchanged
        counts[Action.REJECT.value] += len(self.failed)
        return {**counts, EXCLUDE: self.excluded}


async def preview_hours(context: PassContext, starts: Sequence[datetime]) -> Preview:
    """Return what a pass over these hours would do now.

    Raises:
        GuardError: the pass would be stopped before its first write.
        ApiError: a service could not be read.
        UnavailableError: a service answers nothing.
    """
    await check_audience(context)
    reading = await read_hours(context.polar, starts)
    if reading.customers:
        await check_owner(context, reading.organization_id, may_confirm=False)
    notes: list[str] = []
    billing = BillingReader(context.polar, context.attio.targets, audience=context.rules.audience, note=notes.append)
    customers = await billing.of(await completed(reading.customers, context.polar))
    known = Preview([], reading.unreadable, 0, notes=notes, organization_id=reading.organization_id)
    found = await _preview(context, customers, known, context.services())
    return _with_brake(context, found, holders=known_people(context))


async def preview_all(context: PassContext) -> Preview:
    """Return what a reconciliation would do now.

    Raises:
        GuardError: the pass would be stopped before its first write.
        ApiError: a service could not be read.
        UnavailableError: a service answers nothing.
    """
    await check_audience(context)
    notes: list[str] = []
    billing = BillingReader(context.polar, context.attio.targets, audience=context.rules.audience, note=notes.append)
    before = int(context.ledger.fact(CUSTOMERS_FACT) or 0)
    customers = AllCustomers(context.polar, is_first_import=is_first_import(context.ledger))
    book = Book(billing.all(customers.pages()), billing.each(customers.newcomers()), people=before)
    services = context.services()
    with fewer_collections():
        comparison = await compare(book, services)
    await check_owner(context, customers.organization_id, strangers=comparison.strangers(), may_confirm=False)
    await check_size(context, customers.ids(), may_confirm=False)
    pending = await completed(
        comparison.pending(), context.polar, known=comparison.record_ids().keys() - comparison.without_type
    )
    excluded = comparison.excluded
    known = Preview(
        [],
        customers.unreadable(),
        comparison.settled - excluded,
        excluded,
        notes,
        organization_id=customers.organization_id,
    )
    found = await _preview(
        context, pending, known, replace(services, memory=Seen(comparison.record_ids(), services.memory))
    )
    comparison.note(found.failed)
    comparison.note([written(plan, plan.match.person) for plan in found.plans if plan.match.person])
    found = replace(found, deletions=orphaned(comparison, services, context.rules).to_write)
    _, holders = comparison.strangers()
    return _with_brake(context, found, holders=holders)


def _with_brake(context: PassContext, found: Preview, *, holders: int) -> Preview:
    """Note where the pass would be stopped because it would change too many people."""
    why = would_stop(context, found.plans, holders=holders)
    return replace(found, notes=[*found.notes, why]) if why else found


async def _preview(context: PassContext, customers: Iterable[Customer], known: Preview, services: Services) -> Preview:
    """Return what is known, and what would be done for these customers."""
    plans: list[Plan] = []
    outcomes: list[Outcome] = []
    async for look in preview(customers, services):
        plans += look.plans
        outcomes += look.outcomes
    failed = [outcome for outcome in outcomes if outcome.result is not Result.EXCLUDED]
    excluded = known.excluded + len(outcomes) - len(failed)
    currencies = {target.attribute.key: target.currency for target in context.attio.targets if target.currency}
    return replace(known, plans=plans, failed=[*known.failed, *failed], excluded=excluded, currencies=currencies)
