"""From customers to plans: search the CRM, ask Polar what has to be asked, and decide. Nothing is written.

What goes wrong about one customer becomes that customer's outcome. All questions to Polar are asked before the last
look at the CRM, because a plan is only as fresh as that look, and Polar may answer slowly.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from polar_attio_pipeline.sync.audience import exclusion, left_out
from polar_attio_pipeline.sync.emails import email_key, is_anonymised
from polar_attio_pipeline.sync.freshness import OLD_SECONDS, fresh
from polar_attio_pipeline.sync.health import Health, Kind, ServiceDownError
from polar_attio_pipeline.sync.matching import Claims, PeopleIndex, claim, contested_id, match
from polar_attio_pipeline.sync.outcomes import Outcome, not_taken, unanswered, unexpected
from polar_attio_pipeline.sync.planning import Plan, plan
from polar_attio_pipeline.sync.ports import Found, UnavailableError
from polar_attio_pipeline.sync.questions import Answers, Questions, ask
from polar_attio_pipeline.sync.records import Customer, Person
from polar_attio_pipeline.sync.services import Services

_log = logging.getLogger(__name__)

_ROUNDS = 3
"""Looks at the CRM for one portion: the first, one for the addresses of owners, and one for what changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found out about some customers.

    Attributes:
        plans: What to do for each of them, oldest first.
        outcomes: Of the customers for whom no plan can be made.
        unsettled: Customers about whom a new question arose at each look.
        looked_at: When the CRM was looked at, by the event loop's clock.
        asked: Questions that Polar was asked.
    """

    plans: list[Plan] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    unsettled: list[Customer] = field(default_factory=list)
    looked_at: float = 0
    asked: int = 0


class Looker:
    """Looks customers up for one pass.

    Args:
        services: Both sides.
        attio: Evidence about the CRM.
        polar: Evidence about the billing side.
    """

    def __init__(self, services: Services, *, attio: Health, polar: Health) -> None:
        self._services = services
        self._attio = attio
        self._polar = polar
        self.claims = Claims()

    async def look(self, customers: Sequence[Customer]) -> Look:
        """Return what to do for these customers, each in exactly one place.

        Raises:
            ServiceDownError: a service answers nothing at all.
            StoppedError: every request would fail the same way.
        """
        skipped = [left_out(customer) for customer in customers if customer.id in self._services.skipped]
        due = oldest_first(customer for customer in customers if customer.id not in self._services.skipped)
        look = await self._look_or_explain(due) if due else Look()
        return replace(look, outcomes=[*skipped, *look.outcomes])

    async def _look_or_explain(self, customers: Sequence[Customer]) -> Look:
        """Return a look, or that each customer has to wait because the CRM cannot be searched."""
        if why := self._attio.closed(Kind.SEARCH):
            return Look(outcomes=[not_taken(customer, why) for customer in customers])
        try:
            return await self._look(customers)
        except ServiceDownError:
            raise
        except UnavailableError as error:
            await self._attio.failed(Kind.SEARCH, error)
            return Look(outcomes=[not_taken(customer, str(error)) for customer in customers])

    async def _look(self, customers: Sequence[Customer]) -> Look:
        remembered = self._services.memory.record_ids([customer.id for customer in customers])
        answers = Answers()
        clock = asyncio.get_running_loop().time
        found, looked_at = await self._find(customers, remembered.values())
        asked = 0
        for _ in range(_ROUNDS):
            owned = [_with_owner(customer, answers) for customer in customers]
            questions = self._questions(owned, found, remembered, answers)
            if not questions:
                break
            asked += len(questions)
            await ask(questions, self._services.source, self._polar, answers)
            now = [_with_owner(customer, answers) for customer in customers]
            added = [
                customer for customer, before in zip(now, owned, strict=True) if customer.address != before.address
            ]
            if clock() - looked_at > OLD_SECONDS:
                found, looked_at = await self._find(now, remembered.values())
            elif added:
                more, _ = await self._find(added, ())
                found = _joined(found, more)
        owned = [_with_owner(customer, answers) for customer in customers]
        look = self._decide(owned, found, remembered, answers)
        return replace(look, looked_at=looked_at, asked=asked)

    async def _find(self, customers: Sequence[Customer], records: Collection[str]) -> tuple[Found, float]:
        """Return whom the CRM has, and when it was looked at."""
        find = partial(
            self._services.people.find,
            ids=[customer.id for customer in customers],
            emails=_addresses(customers),
            records=sorted(records),
        )
        found, looked_at = await fresh(find)
        self._attio.succeeded(Kind.SEARCH)
        return found, looked_at

    def _questions(
        self, customers: Sequence[Customer], found: Found, remembered: Mapping[str, str], answers: Answers
    ) -> Questions:
        """Return what has to be asked and was not: owners of teams, and whether the customer of a held id is alive."""
        index = PeopleIndex(found.people)
        owners = {
            customer.id
            for customer in customers
            if not customer.address
            and not index.holders_of_id(customer)
            and exclusion(customer, self._services.audience) is None
            and index.of_record(remembered.get(customer.id)) is None
        }
        existence = {
            held
            for customer in customers
            if (held := contested_id(customer, index)) and exclusion(customer, self._services.audience) is None
        }
        return Questions(
            frozenset(owners - answers.owners.keys() - answers.no_owner.keys()),
            frozenset(existence - answers.alive.keys() - answers.no_existence.keys()),
        )

    def _decide(
        self, customers: Sequence[Customer], found: Found, remembered: Mapping[str, str], answers: Answers
    ) -> Look:
        index = PeopleIndex(found.people)
        alive = frozenset(held for held, exists in answers.alive.items() if exists)
        look = Look()
        for customer in customers:
            contested = contested_id(customer, index)
            known = bool(index.holders_of_id(customer))
            if why := _unsearchable(customer, found):
                look.outcomes.append(not_taken(customer, why))
            elif not known and (outcome := exclusion(customer, self._services.audience)):
                look.outcomes.append(outcome)
            elif why := answers.no_owner.get(customer.id) or answers.no_existence.get(contested or ""):
                look.outcomes.append(unanswered(customer, why))
                self._claim_address(customer)
            elif contested is not None and contested not in answers.alive:
                look.unsettled.append(customer)
            else:
                try:
                    look.plans.append(self._plan(customer, index, alive, remembered.get(customer.id)))
                except Exception as error:  # noqa: BLE001  # one customer's data must not end the pass
                    log_unexpected(f"customer {customer.id}", error, customer_id=customer.id)
                    look.outcomes.append(unexpected(customer, error))
        return look

    def _plan(self, customer: Customer, index: PeopleIndex, alive: Collection[str], remembered: str | None) -> Plan:
        found = claim(customer, match(customer, index, alive=alive, remembered=remembered), self.claims)
        return plan(customer, found, self._services.targets, overwrite_typed=self._services.overwrite_typed)

    def _claim_address(self, customer: Customer) -> None:
        """Keep the address for the customer, so that a younger one does not take its person meanwhile."""
        if customer.address:
            self.claims.by_address.setdefault(email_key(customer.address), customer.id)


def oldest_first(customers: Iterable[Customer]) -> list[Customer]:
    """Return customers in the order in which they may claim a person."""
    return sorted(customers, key=lambda customer: (customer.created_at, customer.id))


def log_unexpected(what: str, error: Exception, *, customer_id: str | None = None) -> None:
    """Log where this program failed, and on what: the places without the values, which may be personal data."""
    places, trace = [], error.__traceback__
    while trace:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    fields = {"customer_id": customer_id} if customer_id else {}
    _log.error("%s on %s at %s", type(error).__name__, what, ", ".join(places), extra={"polar_attio": fields})


def _addresses(customers: Iterable[Customer]) -> list[str]:
    addresses = (customer.address for customer in customers)
    return sorted({email_key(address) for address in addresses if address and not is_anonymised(address)})


def _with_owner(customer: Customer, answers: Answers) -> Customer:
    owner = answers.owners.get(customer.id)
    return replace(customer, owner=owner) if owner else customer


def _joined(one: Found, other: Found) -> Found:
    people: dict[str, Person] = {person.record_id: person for person in (*one.people, *other.people)}
    return Found(list(people.values()), one.unsearchable | other.unsearchable)


def _unsearchable(customer: Customer, found: Found) -> str | None:
    address = email_key(customer.address) if customer.address else None
    what = "id" if customer.id in found.unsearchable else "address" if address in found.unsearchable else None
    return f"Attio failed on each search for the customer's {what}." if what else None
