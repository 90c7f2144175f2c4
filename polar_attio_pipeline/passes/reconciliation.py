"""The reconciliation: all customers against everybody in Attio who is marked."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.ledger import SubscriptionSnapshot
from polar_attio_pipeline.passes.all_customers import AllCustomers, is_first_import
from polar_attio_pipeline.passes.approvals import Scope
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.brake import Candidates, check_changes, finish_approved
from polar_attio_pipeline.passes.completing import completed
from polar_attio_pipeline.passes.guards import CUSTOMERS_FACT, check_owner, check_size
from polar_attio_pipeline.passes.lifecycle import RECONCILIATION, writing_pass
from polar_attio_pipeline.passes.orphaned import orphaned
from polar_attio_pipeline.passes.progress import Compared, Marks, Stage
from polar_attio_pipeline.passes.reporter import ProgressReporter
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.subscriptions import scan_of
from polar_attio_pipeline.sync.comparison import Comparison, Marked
from polar_attio_pipeline.sync.deletions import Deletions, note_deletions
from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline.sync.reconciliation import Book, bring, compare
from polar_attio_pipeline.sync.records import Customer

MOST_NOTABLE = 100
"""Outcomes of one result that a report has; the ledger has all of them."""

SCOPE = Scope("reconciliation")

_USUAL = frozenset({Result.UNCHANGED, Result.EXCLUDED})


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a reconciliation found and did.

    Attributes:
        counts: Customers by result.
        notable: The first outcomes of each result but unchanged and excluded, up to `MOST_NOTABLE` of each.
        orphaned: People marked as customers whom Polar no longer has.
        unmarked: Those of them whose mark was taken off.
        copied: People who hold a Polar id that another person holds too.
        requests: Requests made, to both services.
    """

    counts: Mapping[Result, int]
    notable: Sequence[Outcome]
    orphaned: Sequence[Marked]
    unmarked: Sequence[Marked]
    copied: Sequence[Marked]
    requests: int

    @property
    def notable_count(self) -> int:
        """How many outcomes there are but the unchanged and excluded ones."""
        return sum(count for result, count in self.counts.items() if result not in _USUAL)


@dataclass
class _Notable:
    outcomes: list[Outcome] = field(default_factory=list)
    kept: Counter[Result] = field(default_factory=Counter)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.result not in _USUAL and self.kept[outcome.result] < MOST_NOTABLE:
                self.kept[outcome.result] += 1
                self.outcomes.append(outcome)


async def reconcile(context: PassContext, subscriptions: SubscriptionSnapshot | None = None) -> Reconciliation:
    """Compare everything, bring what differs to Attio, and report.

    Args:
        context: Of the pass.
        subscriptions: What the same run has read; read anew if another pass may have written since, or it is old.

    Raises:
        GuardError: a token belongs to another organization or workspace, Polar has far fewer customers than before, or
            too many existing people would be changed; nothing was written.
        UnavailableError: a service answers nothing, or another writer did not end.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    async with writing_pass(context, kind=RECONCILIATION, what="a reconciliation of everything") as work:
        notable = _Notable()

        def keep(outcomes: Sequence[Outcome]) -> None:
            notable.add(outcomes)
            work.record(outcomes)

        work.reporter.enter(Stage.COMPARING)
        billing = BillingReader(
            context.polar,
            context.attio.targets,
            audience=context.rules.audience,
            note=work.summary.notes.append,
            report=work.reporter.send,
            scan=scan_of(subscriptions, context, token=work.fencing_token),
        )
        services = context.services(work.recorder)
        before = int(context.ledger.fact(CUSTOMERS_FACT) or 0)
        customers = AllCustomers(context.polar, is_first_import=is_first_import(context.ledger))
        pages = billing.all(counted(customers, work.reporter))
        book = Book(pages, billing.each(customers.newcomers()), people=before)
        comparison = await compare(book, services, keep, lambda people: work.reporter.advance(people=people))
        work.summary.customers = len(customers.ids())
        await check_owner(context, customers.organization_id, strangers=comparison.strangers())
        await check_size(context, customers.ids())
        unreadable = customers.unreadable()
        keep(unreadable)
        comparison.note(unreadable)
        pending = comparison.pending()
        work.reporter.send(
            Compared(
                customers=work.summary.customers,
                people=comparison.marked_count,
                unchanged=comparison.settled,
                pending=len(pending),
                writes_per_second=context.pace.writes,
            )
        )
        was_approved = await check_changes(context, work, SCOPE, candidates(comparison))
        work.reporter.enter(Stage.WRITING, total=len(pending))
        whole = await completed(pending, context.polar, known=comparison.record_ids().keys() - comparison.without_type)
        await bring(whole, comparison, services, keep)
        context.ledger.forget(context.ledger.not_among(customers.ids()))
        found = orphaned(comparison, services, context.rules)
        deletions = Deletions()
        if found.to_write:
            work.reporter.enter(Stage.DELETIONS, total=len(found.to_write))
            people = [person for person, _ in found.to_write]
            unmark = context.rules.unmark_orphaned
            deletions = await note_deletions(people, services, unmark=unmark, seen=work.reporter.advance)
        finish_approved(context, SCOPE, was_approved=was_approved)
        copied = [person for people in comparison.copied.values() for person in people]
        work.reporter.send(
            Marks(orphaned=_urls(found.people), unmarked=_urls(deletions.unmarked), copied=_urls(copied))
        )
        return Reconciliation(
            counts=work.counts,
            notable=notable.outcomes,
            orphaned=found.people,
            unmarked=deletions.unmarked,
            copied=copied,
            requests=context.requests(),
        )


def candidates(comparison: Comparison) -> Candidates:
    """Return the pending customers whose person may hold a Polar id: their own, or one that Polar no longer has."""
    known, pending = comparison.record_ids(), comparison.pending()
    strangers, holders = comparison.strangers()

    async def customers() -> Iterable[Customer]:
        # Whose person holds another id is known only when the addresses are looked up.
        return pending if strangers else (one for one in pending if one.id in known)

    return Candidates(len(known) + min(strangers, len(pending) - len(known)), lambda: holders, customers)


async def counted(customers: AllCustomers, reporter: ProgressReporter) -> AsyncIterator[Sequence[Customer]]:
    """Yield all customers, and count them as they are read."""
    async for page in customers.pages():
        reporter.advance(len(page), total=customers.total_count or None)
        yield page


def _urls(people: Sequence[Marked]) -> list[str]:
    return [person.url for person in people]
