"""All customers against everybody in Attio who is marked: settled, to be looked at closely, orphaned.

Customers and people are added as they come, in any order; whichever side of an id is there first waits for the other.
What a customer needs is known when both sides are complete. Memory holds ids, and so many customers as fit; the others
and the people who wait are on disk.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.audience import Audience, exclusion, left_out
from polar_attio_pipeline.sync.disk_queue import DiskQueue
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case, Match, person_id
from polar_attio_pipeline.sync.outcomes import Outcome, Result, written
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Customer, Person
from polar_attio_pipeline.sync.settling import Settling

MARK_KEY = "polar_customer"

_IN_MEMORY = 100_000
"""Customers that are kept as they are, with the person of each: some 100 MB. Pickling them would take seconds."""
_PEOPLE_IN_MEMORY = 5000
"""The same for people whose customer has not come: some 20 MB."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A person of Attio whose mark or id is of no live customer, or of another person too.

    Attributes:
        record_id: Attio's.
        url: Where a human opens it.
        customer_id: The Polar id that it holds.
        marked_by: Who set the mark.
        is_marked: Whether the mark is set.
        values: What it holds, by attribute key; empty for a person whose customer lives.
    """

    record_id: str
    url: str
    customer_id: str | None
    marked_by: Actor | None = None
    is_marked: bool = True
    values: Mapping[str, CurrentValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A customer and the first person who holds its id.

    Attributes:
        customer: Of Polar.
        person: Of Attio.
        left_empty: Of a customer who needs nothing, as in `planning.Plan`; None for one that has to be looked at.
    """

    customer: Customer
    person: Marked
    left_empty: Mapping[str, str] | None


class Comparison:
    """Takes in Attio's people and all customers, and parts these into settled and pending.

    Args:
        targets: The attributes of the workspace.
        overwrite_typed: As in `planning.plan`.
        audience: Which customers are written although no person in the CRM holds their id.
        skipped: Ids of the customers that a person has chosen to leave out; so are their people.

    Attributes:
        compared: Customers added so far.
        settled: How many of them were found to need nothing.
        excluded: How many of those need nothing because they are not to be written.
        copied: By customer id, the people who hold the id of one customer together, once `settle` has found them.
    """

    def __init__(
        self,
        targets: tuple[Target, ...],
        *,
        overwrite_typed: bool,
        audience: Audience = Audience.EVERYBODY,
        skipped: frozenset[str] = frozenset(),
    ) -> None:
        self.compared = 0
        self.settled = 0
        self.excluded = 0
        self._audience = audience
        self._skipped = skipped
        self._skipped_addresses: set[str] = set()
        self.copied: dict[str, list[Marked]] = {}
        self._settling = Settling(targets, overwrite_typed=overwrite_typed)
        self._customers: DiskQueue[Customer | _Pair] = DiskQueue(in_memory=_IN_MEMORY)
        self._holders: DiskQueue[Person] = DiskQueue(in_memory=_PEOPLE_IN_MEMORY)
        self._further: dict[str, list[Person]] = {}
        self._without_id: list[Person] = []
        self._found = 0
        self._pending: DiskQueue[Customer] = DiskQueue(in_memory=_IN_MEMORY)
        self._record_ids: dict[str, str] = {}
        self._given: set[str] = set()
        self._existing: set[str] = set()

    def add_person(self, person: Person) -> None:
        """Take in one person of Attio."""
        held = person_id(person)
        if held is None:
            if _is_marked(person):
                self._without_id.append(person)
        elif held in self._customers:
            other = self._customers[held]
            if isinstance(other, Customer):
                self._customers[held] = self._pair(other, person)
            else:
                self._add_further(held, person, known=other.person.record_id)
        elif held in self._holders:
            self._add_further(held, person, known=self._holders[held].record_id)
        else:
            self._holders[held] = person

    def add_customer(self, customer: Customer) -> None:
        """Take in one customer of Polar; each once."""
        self.compared += 1
        person = self._holders.pop(customer.id, None)
        self._customers[customer.id] = self._pair(customer, person) if person else customer

    def _add_further(self, held: str, person: Person, *, known: str) -> None:
        further = self._further.setdefault(held, [])
        if person.record_id not in {known, *(one.record_id for one in further)}:
            further.append(person)

    def settle(self) -> Iterator[Outcome]:
        """Yield the outcome of each customer whose person needs nothing; all others are pending from then on.

        Both sides must be complete: a second person may hold the id of any customer.
        """
        for customer_id in list(self._customers):
            found = self._customers.pop(customer_id)
            further = self._further.pop(customer_id, [])
            if customer_id in self._skipped:
                yield self._leave_out(found)
                continue
            if isinstance(found, Customer):
                outcome = exclusion(found, self._audience)
                if outcome and outcome.result is Result.EXCLUDED:
                    self.settled += 1
                    self.excluded += 1
                    yield outcome
                else:
                    self._pending[customer_id] = found
                continue
            self._found += 1
            if further:
                self.copied[customer_id] = [found.person, *(marked(one, with_values=False) for one in further)]
            elif found.left_empty is not None:
                self.settled += 1
                yield _unchanged(found.customer, found.person, found.left_empty)
                continue
            self._record_ids[customer_id] = found.person.record_id
            self._pending[customer_id] = found.customer

    def _leave_out(self, found: Customer | _Pair) -> Outcome:
        customer = found if isinstance(found, Customer) else found.customer
        self._found += isinstance(found, _Pair)
        self.settled += 1
        self.excluded += 1
        if customer.address:
            self._skipped_addresses.add(email_key(customer.address))
        return left_out(customer)

    def _pair(self, customer: Customer, person: Person) -> _Pair:
        left_empty = {} if customer.id in self._skipped else self._settling.left_empty(customer, person)
        return _Pair(customer, marked(person, with_values=False), left_empty)

    @property
    def without_type(self) -> Collection[str]:
        """Ids of customers whose person lacks the type, which an export does not say: some of them."""
        return self._settling.without_type

    def pending(self) -> Collection[Customer]:
        """Return the customers that have to be looked up, and probably written; each is read when it is asked for."""
        return self._pending.values()

    def record_ids(self) -> Mapping[str, str]:
        """Return, for pending customers, the record that holds the customer's id, by customer id."""
        return self._record_ids

    def strangers(self) -> tuple[int, int]:
        """Return how many ids of Attio's people belong to no customer that was compared, and the number of all ids."""
        unknown = len(self._holders)
        return unknown, unknown + self._found

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what the pass did and found.

        A person who was given to a customer is not orphaned, such as the owner of a new team, nor is one whose customer
        Polar has but cannot show. People who were created meanwhile are not among those that were added.
        """
        for outcome in outcomes:
            if outcome.customer_id in self._holders:
                self._existing.add(outcome.customer_id)
            if outcome.record_id and outcome.changed and outcome.result is not Result.CREATED:
                self._given.add(outcome.record_id)

    def orphaned(self) -> list[Marked]:
        """Return the people who are marked as customers and whom Polar does not have, neither by id nor by address.

        All customers must have been compared: a customer missing from it would count as deleted.
        """
        unknown = [
            person
            for person in self._unknown()
            if person.record_id not in self._given
            and person_id(person) not in self._existing
            and person_id(person) not in self._skipped
        ]
        if not unknown:
            return []
        # A settled person is the holder of its address: no other person can hold that.
        addresses = {email_key(customer.address) for customer in self._pending.values() if customer.address}
        addresses |= self._skipped_addresses
        return [marked(person) for person in unknown if addresses.isdisjoint(map(email_key, person.emails))]

    @property
    def marked_count(self) -> int:
        """How many people are marked or hold the id of a live customer."""
        return self._found + sum(1 for _ in self._unknown())

    def _unknown(self) -> Iterator[Person]:
        further = itertools.chain.from_iterable(self._further.values())
        return filter(_is_marked, itertools.chain(self._holders.values(), further, self._without_id))


def _is_marked(person: Person) -> bool:
    held = person.values.get(MARK_KEY)
    return held is not None and held.value is True


def _unchanged(customer: Customer, found: Marked, left_empty: Mapping[str, str]) -> Outcome:
    person = Person(found.record_id, found.url, ())
    return written(Plan(customer, Match(Case.KNOWN, person), Action.KEEP, left_empty=left_empty), person)


def marked(person: Person, *, with_values: bool = True) -> Marked:
    """Return what is reported of a person."""
    mark = person.values.get(MARK_KEY)
    return Marked(
        record_id=person.record_id,
        url=person.url,
        customer_id=person_id(person),
        marked_by=mark.actor if mark else None,
        is_marked=_is_marked(person),
        values=person.values if with_values else {},
    )
