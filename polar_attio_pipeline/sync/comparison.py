"""All customers against everybody in Attio who is marked: settled, to be looked at closely, orphaned.

First every marked person of Attio is added, then the customers are compared page by page. Memory holds ids; what
belongs to them waits on a queue.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from polar_attio_pipeline.sync.audience import Audience, exclusion
from polar_attio_pipeline.sync.disk_queue import DiskQueue
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case, Match, person_id
from polar_attio_pipeline.sync.outcomes import Outcome, Result, written
from polar_attio_pipeline.sync.planning import Action, plan
from polar_attio_pipeline.sync.records import Actor, Customer, Person, PersonName

MARK_KEY = "polar_customer"
_NAME_KEY = "name"
_TYPE_KEY = "polar_customer_type"


@dataclass(frozen=True, slots=True)
class Marked:
    """A person of Attio that the reconciliation reports: where it is, its Polar id, and who set the mark."""

    record_id: str
    url: str
    customer_id: str | None
    marked_by: Actor | None = None


class Comparison:
    """Takes in Attio's people, then compares all customers, and parts it into settled and pending.

    Args:
        targets: The attributes of the workspace.
        overwrite_typed: As in `planning.plan`.
        audience: Which customers are written although no person in the CRM holds their id.

    Attributes:
        compared: Customers compared so far.
        settled: How many of them need nothing.
        excluded: How many of those need nothing because they are not to be written.
        copied: By customer id, the people who hold the id of one customer together.
    """

    def __init__(
        self, targets: tuple[Target, ...], *, overwrite_typed: bool, audience: Audience = Audience.EVERYBODY
    ) -> None:
        self.compared = 0
        self.settled = 0
        self.excluded = 0
        self._audience = audience
        self.copied: dict[str, list[Marked]] = {}
        self._targets = targets
        self._has_type = any(target.attribute.key == _TYPE_KEY for target in targets)
        self._targets_but_name = tuple(target for target in targets if target.attribute.key != _NAME_KEY)
        self._overwrite_typed = overwrite_typed
        self._holders: DiskQueue[Person] = DiskQueue()
        self._further: dict[str, list[Person]] = {}
        self._without_id: list[Person] = []
        self._found = 0
        self._pending: DiskQueue[Customer] = DiskQueue()
        self._record_ids: dict[str, str] = {}
        self._given: set[str] = set()
        self._existing: set[str] = set()

    def add_person(self, person: Person) -> None:
        """Take in one person of Attio; all of them, before the first customer is compared."""
        held = person_id(person)
        if held is None:
            if _is_marked(person):
                self._without_id.append(person)
            return
        known = [self._holders[held], *self._further.get(held, ())] if held in self._holders else []
        if not known:
            self._holders[held] = person
        elif person.record_id not in {one.record_id for one in known}:
            self._further.setdefault(held, []).append(person)

    def compare(self, customers: Iterable[Customer]) -> list[Outcome]:
        """Compare customers, each once, and return the outcome of those whose person needs nothing."""
        outcomes = [outcome for customer in customers if (outcome := self._compare(customer))]
        self.settled += len(outcomes)
        return outcomes

    def _compare(self, customer: Customer) -> Outcome | None:
        self.compared += 1
        person = self._holders.pop(customer.id, None)
        self._found += person is not None
        further = self._further.pop(customer.id, [])
        if person and further:
            self.copied[customer.id] = [_shown(one) for one in (person, *further)]
        elif person and (outcome := self._unchanged(customer, person)):
            return outcome
        elif not person and (outcome := exclusion(customer, self._audience)) and outcome.result is Result.EXCLUDED:
            self.excluded += 1
            return outcome
        if person:
            self._record_ids[customer.id] = person.record_id
        self._pending[customer.id] = customer
        return None

    def _unchanged(self, customer: Customer, person: Person) -> Outcome | None:
        if customer.address and email_key(customer.address) not in map(email_key, person.emails):
            return None
        if customer.type is None and self._has_type and _TYPE_KEY not in person.values:
            # Polar's export does not say the type: that it is missing is no reason to leave it so.
            return None
        # To split a name takes longer than all other comparisons, and a person who holds it whole has it split already.
        targets = self._targets_but_name if _holds_name(person, customer.person_name) else self._targets
        due = plan(customer, Match(Case.KNOWN, person), targets, overwrite_typed=self._overwrite_typed)
        return written(due, person) if due.action is Action.KEEP else None

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
            if person.record_id not in self._given and person_id(person) not in self._existing
        ]
        if not unknown:
            return []
        # A settled person is the holder of its address: no other person can hold that.
        addresses = {email_key(customer.address) for customer in self._pending.values() if customer.address}
        return [_shown(person) for person in unknown if addresses.isdisjoint(map(email_key, person.emails))]

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


def _holds_name(person: Person, name: str | None) -> bool:
    held = person.values.get(_NAME_KEY)
    return held is not None and isinstance(held.value, PersonName) and held.value.full.split() == (name or "").split()


def _shown(person: Person) -> Marked:
    mark = person.values.get(MARK_KEY)
    return Marked(person.record_id, person.url, person_id(person), mark.actor if mark else None)
