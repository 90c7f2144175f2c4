"""Finds the customers that a person means, in the ledger, in Polar and in Attio; each of the three may lack them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.reaching import FAILURES, Reach
from polar_attio_pipeline.passes.who import Who
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.ports import NoAnswerError
from polar_attio_pipeline.sync.records import Customer, Person

_MOST_ADDRESSES = 5
"""Addresses of a person that holds no Polar id which are looked for in Polar."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who it may be.

    Attributes:
        ids: Polar's ids of the customers, live or not.
        in_polar: What Polar says of those that it was asked for: None where it has no such customer.
        people: The people in Attio that hold one of the ids or the address, or are the record.
        problems: What could not be asked, in sentences.
    """

    ids: tuple[str, ...] = ()
    in_polar: Mapping[str, Customer | None] = field(default_factory=dict)
    people: tuple[Person, ...] = ()
    problems: tuple[str, ...] = ()


def on_record(who: Who, ledger: Ledger) -> list[str]:
    """Return the customers that the ledger has for what was typed.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    found: list[str] = []
    if who.customer_id and ledger.is_on_record(who.customer_id):
        found.append(who.customer_id)
    if who.record_id:
        found += ledger.customers_of_record(who.record_id)
    if who.address:
        found += ledger.customers_of_address(who.address)
    return list(dict.fromkeys(found))


async def find(who: Who, reach: Reach) -> Found:
    """Look for customers everywhere; a service that does not answer is named, and the others are asked.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    search = _Search(reach)
    ids = on_record(who, reach.ledger)
    people = await search.people(
        ids=[*ids, *filter(None, [who.customer_id])], address=who.address, record=who.record_id
    )
    ids += [held for person in people if (held := person_id(person))]
    if who.address:
        await search.polar_by_address(who.address)
    for person in people:
        if person_id(person) is None:
            for address in person.emails[:_MOST_ADDRESSES]:
                await search.polar_by_address(address)
    ids += search.customers
    if who.customer_id and who.customer_id not in ids and await search.polar_by_id(who.customer_id):
        ids.append(who.customer_id)
    for one in dict.fromkeys(ids):
        if one not in search.customers:
            await search.polar_by_id(one)
    return Found(tuple(dict.fromkeys(ids)), search.customers, tuple(people), tuple(dict.fromkeys(search.problems)))


class _Search:
    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.customers: dict[str, Customer | None] = {}
        self.problems: list[str] = list(reach.problems)

    async def people(self, *, ids: Sequence[str], address: str | None, record: str | None) -> list[Person]:
        if self._reach.attio is None:
            return []
        try:
            found = await self._reach.attio.find(
                ids=ids, emails=[address] if address else [], records=[record] if record else []
            )
        except FAILURES as error:
            self.problems.append(str(error))
            return []
        self.problems += [f"Attio failed on each search for {one}." for one in sorted(found.unsearchable)]
        return list(found.people)

    async def polar_by_id(self, customer_id: str) -> Customer | None:
        if self._reach.polar is None:
            return None
        try:
            self.customers[customer_id] = await self._reach.polar.customer(customer_id)
        except (*FAILURES, NoAnswerError) as error:
            self.problems.append(str(error))
        return self.customers.get(customer_id)

    async def polar_by_address(self, address: str) -> None:
        if self._reach.polar is None:
            return
        try:
            found = await self._reach.polar.of_address(address)
        except FAILURES as error:
            self.problems.append(str(error))
            return
        self.customers.update((customer.id, customer) for customer in found)
