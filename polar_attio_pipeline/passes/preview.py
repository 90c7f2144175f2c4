"""What the next pass would do, field by field. Nothing is written: not to Attio, not to the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from polar_attio_pipeline.passes.audience import check_audience
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.guards import check_owner, check_size
from polar_attio_pipeline.passes.reading import AllCustomers, completed, read_hours
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.engine import preview
from polar_attio_pipeline.sync.outcomes import Outcome, unwritable
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.reconciliation import compare
from polar_attio_pipeline.sync.records import Customer, PersonName, Value


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pass would do.

    Attributes:
        plans: For each customer that was looked at closely.
        failed: The outcomes of customers for whom no plan can be made: rows of Polar's that do not parse, questions
            without an answer.
        unchanged: Customers that were found to need nothing without a closer look.
        notes: What could not be read although there are plans, in sentences.
    """

    plans: Sequence[Plan]
    failed: Sequence[Outcome]
    unchanged: int
    notes: Sequence[str] = ()

    def counts(self) -> dict[str, int]:
        """Count the customers by what would be done; every action has a number."""
        counts = {action.value: sum(plan.action is action for plan in self.plans) for action in Action}
        counts[Action.KEEP.value] += self.unchanged
        counts[Action.REJECT.value] += len(self.failed)
        return counts


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
    return await _preview(context, customers, reading.unreadable, unchanged=0, notes=notes)


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
    await billing.ask_for_scopes()
    customers = AllCustomers(context.polar)
    comparison = await compare(billing.all(customers.pages()), context.services())
    await check_owner(context, customers.organization_id, strangers=comparison.strangers(), may_confirm=False)
    await check_size(context, customers.ids(), may_confirm=False)
    pending = await completed(comparison.pending(), context.polar)
    return await _preview(context, pending, customers.unreadable(), unchanged=comparison.settled, notes=notes)


async def _preview(
    context: PassContext,
    customers: Iterable[Customer],
    unreadable: Sequence[Outcome],
    *,
    unchanged: int,
    notes: Sequence[str],
) -> Preview:
    plans: list[Plan] = []
    failed: list[Outcome] = []
    async for look in preview(customers, context.services()):
        plans += look.plans
        failed += look.outcomes
    return Preview(plans, [*unreadable, *failed], unchanged, notes)


def rows(found: Preview) -> Iterator[dict[str, str | None]]:
    """Yield what would be done as flat rows: one for each field to write, one for each customer that needs a human.

    Each has action, customer, case, attio (links), field, old, new, note; the same keys in the table and in JSON.
    """
    for plan in found.plans:
        if plan.action in {Action.REJECT, Action.ASK}:
            yield _row(plan, note=unwritable(plan).detail)
        for change in plan.changes:
            yield _row(plan, change)
        for change in plan.kept:
            yield _row(plan, change, note="left alone: a human typed it, or Attio enriched it")
    for outcome in found.failed:
        yield {
            "action": Action.REJECT.value,
            "customer": outcome.customer_id,
            "case": outcome.reason.value if outcome.reason else None,
            "attio": None,
            "field": None,
            "old": None,
            "new": None,
            "note": outcome.detail,
        }


def _row(plan: Plan, change: Change | None = None, *, note: str | None = None) -> dict[str, str | None]:
    return {
        "action": plan.action.value,
        "customer": plan.customer.id,
        "case": plan.match.case.value,
        "attio": " ".join(person.url for person in plan.match.involved) or None,
        "field": change.key if change else None,
        "old": show(change.old) if change else None,
        "new": (show(change.new) or "nothing") if change else None,
        "note": note,
    }


def show(value: Value | None) -> str | None:
    """Return a value as text for people; None where nothing is held."""
    if value is None:
        return None
    if isinstance(value, PersonName):
        return value.full
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, datetime) else str(value)
