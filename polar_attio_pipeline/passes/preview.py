"""What the next pass would do, field by field. Nothing is written: not to Attio, not to the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.passes.reading import WholeBook, read_hours
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.sync.engine import Services, compare, preview
from polar_attio_pipeline.sync.outcomes import Outcome, unwritable
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import Customer, PersonName, Value


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pass would do.

    Attributes:
        plans: For each customer that was looked at closely.
        unreadable: The outcomes of rows of Polar's that do not parse.
        unchanged: Customers that were found to need nothing without a closer look.
    """

    plans: Sequence[Plan]
    unreadable: Sequence[Outcome]
    unchanged: int

    def counts(self) -> dict[str, int]:
        """Count the customers by what would be done; every action has a number."""
        counts = {action.value: sum(plan.action is action for plan in self.plans) for action in Action}
        counts[Action.KEEP.value] += self.unchanged
        counts[Action.REJECT.value] += len(self.unreadable)
        return counts


async def preview_hours(
    book: PolarClient, people: AttioClient, starts: Sequence[datetime], *, overwrite_typed: bool
) -> Preview:
    """Return what a pass over these hours would do now.

    Raises:
        ApiError: a service could not be read.
    """
    reading = await read_hours(book, starts)
    services = Services(people, book, people.workspace.targets, overwrite_typed)
    return Preview(await _plans(reading.customers, services), reading.unreadable, unchanged=0)


async def preview_book(book: PolarClient, people: AttioClient, *, overwrite_typed: bool) -> Preview:
    """Return what a reconciliation would do now.

    Raises:
        ApiError: a service could not be read.
    """
    reading = WholeBook(book)
    services = Services(people, book, people.workspace.targets, overwrite_typed)
    comparison = await compare(reading.pages(), services)
    return Preview(await _plans(comparison.pending(), services), reading.unreadable(), comparison.settled)


async def _plans(customers: Iterable[Customer], services: Services) -> list[Plan]:
    return [plan async for chunk in preview(customers, services) for plan in chunk]


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
    for outcome in found.unreadable:
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
        "new": show(change.new) if change else None,
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
