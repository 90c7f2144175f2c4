"""Everything that is known about one customer, and what the next pass would do with it. Nothing is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from polar_attio_pipeline.ledger import ChangeRow, Ledger, OutcomeRow, PassRow, SkippedRow
from polar_attio_pipeline.passes.audience import check_audience
from polar_attio_pipeline.passes.billing import BillingReader
from polar_attio_pipeline.passes.finding import Found, find
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.reaching import FAILURES, Reach
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.who import Who
from polar_attio_pipeline.polar.billing import OF_SUBSCRIPTIONS
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import MissingScopeError
from polar_attio_pipeline.sync.engine import preview
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.planning import Plan, fingerprint
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline.sync.records import Customer, Person


@dataclass(frozen=True, slots=True)
class NextPass:
    """What the next pass would do with some customers.

    Attributes:
        customers: As Polar has them, with what they pay, by id.
        plans: By customer id.
        outcomes: Of customers for whom there is no plan, by customer id.
        currencies: In which currency the workspace holds amounts, by attribute key, ISO 4217.
        lacking: Keys of attributes that the workspace does not have.
        refused: Ids of customers whose plan is not sent, because Attio has refused just that before.
    """

    customers: Mapping[str, Customer] = field(default_factory=dict)
    plans: Mapping[str, Plan] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the ledger has of one customer.

    Attributes:
        outcome: The newest one.
        changes: Every value that was written to Attio for it, oldest first.
        passes: Those that are named in the two, by id, as far as they are still on record.
        skipped: Whether it is left out on purpose, since when and why.
        deleted_since: When a pass noticed that Polar no longer has it.
    """

    outcome: OutcomeRow | None = None
    changes: Sequence[ChangeRow] = ()
    passes: Mapping[str, PassRow] = field(default_factory=dict)
    skipped: SkippedRow | None = None
    deleted_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything about one customer.

    Attributes:
        customer_id: Polar's id.
        url: Its page in Polar.
        in_polar: Whether Polar has it; None where Polar could not be asked.
        customer: As Polar has it, with what it pays; None where it has no such customer, or could not be asked.
        subscriptions: All of them, past ones too; None where they could not be read.
        plan: What the next pass would do; None where that cannot be said, or nothing is planned.
        outcome: What the next pass would say instead of a plan.
        on_record: What the ledger has.
    """

    customer_id: str
    url: str | None
    in_polar: bool | None
    customer: Customer | None
    subscriptions: tuple[Subscription, ...] | None
    plan: Plan | None
    outcome: Outcome | None
    on_record: OnRecord

    @property
    def created_at(self) -> datetime | None:
        """When it was created in Polar, which says the hour that it belongs to."""
        if self.customer:
            return self.customer.created_at
        return self.on_record.outcome.created_at if self.on_record.outcome else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about whom a person meant.

    Attributes:
        typed: What was typed.
        customers: One or, where an address or a record is of several, all of them.
        people: The people of Attio that have to do with it.
        problems: What could not be asked, in sentences.
        next_pass: What is common to all of them.
        read_at: When all of it was read, UTC.
    """

    typed: Who
    customers: tuple[Explained, ...]
    people: tuple[Person, ...]
    problems: tuple[str, ...]
    next_pass: NextPass
    read_at: datetime


async def explain(typed: Who, reach: Reach) -> Explanation:
    """Return everything about whom a person means; what a service cannot say is named, and the rest is there.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    read_at = datetime.now(UTC)
    found = await find(typed, reach)
    live = [customer for customer in found.in_polar.values() if customer]
    problems = list(found.problems)
    subscriptions = await _subscriptions(reach.polar, [one.id for one in live], problems) if reach.polar else {}
    upcoming = await _next_pass(reach.context, live, problems) if reach.context and live else NextPass()
    people = {person.record_id: person for person in found.people}
    for plan in upcoming.plans.values():
        people.update((person.record_id, person) for person in plan.match.involved)
    return Explanation(
        typed=typed,
        customers=tuple(
            Explained(
                customer_id=one,
                url=reach.polar.link(one) if reach.polar else None,
                in_polar=found.in_polar[one] is not None if one in found.in_polar else None,
                customer=_customer(one, upcoming) or found.in_polar.get(one),
                subscriptions=subscriptions.get(one),
                plan=upcoming.plans.get(one),
                outcome=upcoming.outcomes.get(one),
                on_record=recorded(reach.ledger, one),
            )
            for one in _ordered(found)
        ),
        people=tuple(people.values()),
        problems=tuple(dict.fromkeys(problems)),
        next_pass=upcoming,
        read_at=read_at,
    )


def _customer(customer_id: str, upcoming: NextPass) -> Customer | None:
    """Return a customer with what was found out about it: a plan knows the owner of a team as well."""
    plan = upcoming.plans.get(customer_id)
    return plan.customer if plan else upcoming.customers.get(customer_id)


def recorded(ledger: Ledger, customer_id: str) -> OnRecord:
    """Return what the ledger has of one customer.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    outcome = ledger.of_customers([customer_id]).get(customer_id)
    changes = ledger.changes_of_customer(customer_id)
    named = dict.fromkeys([*([outcome.pass_id] if outcome else []), *(change.pass_id for change in reversed(changes))])
    found = (row for pass_id in list(named)[:_MOST_PASSES] for row in ledger.passes_named(pass_id, limit=1))
    return OnRecord(
        outcome=outcome,
        changes=changes,
        passes={row.pass_id: row for row in found if row.pass_id in named},
        skipped=next((row for row in ledger.skipped_rows() if row.polar_customer_id == customer_id), None),
        deleted_since=ledger.deleted_since(customer_id),
    )


_MOST_PASSES = 20
"""Passes of one customer that are looked up; a person reads no more."""


def _ordered(found: Found) -> Iterable[str]:
    """Return the customers, those that Polar has first."""
    return sorted(found.ids, key=lambda one: found.in_polar.get(one) is None)


async def _subscriptions(
    polar: PolarClient, customer_ids: Sequence[str], problems: list[str]
) -> Mapping[str, tuple[Subscription, ...] | None]:
    try:
        found = await polar.billing.of(OF_SUBSCRIPTIONS, customer_ids)
    except MissingScopeError as error:
        problems.append(f"{error} What a customer pays is not known without it.")
        return {}
    except FAILURES as error:
        problems.append(str(error))
        return {}
    return {one: found.of(one) for one in customer_ids}


async def _next_pass(context: PassContext, customers: Sequence[Customer], problems: list[str]) -> NextPass:
    targets = context.attio.targets
    there = {target.attribute.key for target in targets}
    plans: dict[str, Plan] = {}
    outcomes: dict[str, Outcome] = {}
    billed = {customer.id: customer for customer in customers}
    refused: frozenset[str] = frozenset()
    try:
        await check_audience(context)
        billing = BillingReader(context.polar, targets, audience=context.rules.audience, note=problems.append)
        billed = {customer.id: customer for customer in await billing.of(customers)}
        services = context.services()
        async for look in preview(billed.values(), services):
            plans.update((plan.customer.id, plan) for plan in look.plans)
            outcomes.update((outcome.customer_id, outcome) for outcome in look.outcomes)
        known = services.memory.refusals(list(plans))
        refused = frozenset(
            one for one, (mark, _) in known.items() if _is_refused(plans[one], mark, services.refused_in)
        )
    except (*FAILURES, GuardError) as error:
        problems.append(str(error))
    return NextPass(
        customers=billed,
        plans=plans,
        outcomes=outcomes,
        currencies={target.attribute.key: target.currency for target in targets if target.currency},
        lacking=tuple(one.key for one in context.attio.workspace.attio_object.attributes if one.key not in there),
        refused=refused,
    )


def _is_refused(due: Plan, mark: str, salt: str) -> bool:
    """Tell whether a plan writes just what the CRM has refused, whole or in parts, as `sync.writing` judges."""
    partly = f"{salt}{sorted(due.left_empty.items())!r}"
    return due.writes and mark in {fingerprint(due, salt=salt), fingerprint(due, salt=partly)}
