"""Small worlds: up to three customers and three people over two addresses, each world a value, and all of them in turn.

A world has, for each customer, its address: none, the first or the second. Of each person it has which addresses the
person holds, whose id (none, that of one of the customers, that of a stranger whom Polar does not have), the mark (not
set, set by a pass, set by a member) and the name (empty, an old one that a pass wrote, one that a member typed). An
address belongs to one person at most, as Attio insists; two customers may be known by one address, as two teams with
one owner are.

With c customers and p people that is 3^c · (p + 1)^2 · ((c + 2) · 9)^p worlds: 47,652,501 with one to three customers
and none to three people. So many need not be looked at, because most are another world under other names:

- **Customers** are numbered by age, because the oldest goes first. Their ids and times are names only: each order of
  ages is one world, and no permutation of it another one.
- **Addresses** are numbered as the oldest customers use them: the first that is used is the first one. With three
  customers that leaves 14 books of 27, with two 5 of 9, with one 2 of 3.
- **People** have no order.
- **An address that no customer has** decides nothing: no search is made for it.
- **A person who holds neither the id nor the address of a customer** is in no answer to any search of a pass over
  these customers, so the world is the same without the person.

What is left has one form for each world: `reduced` brings any world to it, `small_worlds` yields exactly these forms,
and `test_small.py` compares the two over all worlds of up to two customers and two people. `number_of_worlds` counts
them without yielding them: 928,029 in all.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement, product
from math import comb
from typing import NamedTuple

A, B = 1, 2
"""The two addresses, as bits of what a person holds."""

NOBODY, STRANGER = 0, 9
"""Whose id a person may hold, beside the customers 1, 2 and 3."""

UNSET, OURS, TYPED, NEW = range(4)
"""Of a mark: not set, set by a pass, set by a member. Of a name: empty, an old one of ours, typed, Polar's own."""

_STATES_OF_ID = 9
"""What mark and name may be beside each state of the id."""


class Someone(NamedTuple):
    """A person of Attio.

    Attributes:
        addresses: Bits of `A` and `B`.
        holds: Whose Polar id: `NOBODY`, a customer's number, or `STRANGER`.
        mark: `UNSET`, `OURS` or `TYPED`.
        name: `UNSET`, `OURS`, `TYPED`, or `NEW` once a pass has written what Polar says.
    """

    addresses: int
    holds: int
    mark: int
    name: int


Customers = tuple[int, ...]
"""The address of each customer, the oldest first; 0 where it has none."""

People = tuple[Someone, ...]
"""Everybody in Attio, sorted: who comes first means nothing."""


class World(NamedTuple):
    """Both sides at a moment."""

    customers: Customers
    people: People


def reduced(world: World) -> World:
    """Bring a world to the one form that all worlds have which differ from it by names only."""
    customers, people = world
    first = next(filter(None, customers), A)
    if first == B:
        customers = tuple(map(_swapped, customers))
        people = tuple(one._replace(addresses=_swapped(one.addresses)) for one in people)
    used = _used(customers)
    seen = (one._replace(addresses=one.addresses & used) for one in people)
    return World(customers, tuple(sorted(one for one in seen if _can_be_found(one, customers))))


def small_worlds(customers: Customers, most_people: int) -> Iterator[World]:
    """Yield every reduced world with these customers and up to so many people, each once."""
    ids = range(1, len(customers) + 1)
    anybody = [*product((NOBODY, *ids, STRANGER), (UNSET, OURS, TYPED), (UNSET, OURS, TYPED))]
    known = [Someone(0, *traits) for traits in anybody if traits[0] in ids]
    for count, holders in product(range(most_people + 1), _holdings(_used(customers))):
        if len(holders) > count:
            continue
        for traits in product(anybody, repeat=len(holders)):
            some = [Someone(addresses, *one) for addresses, one in zip(holders, traits, strict=True)]
            for others in combinations_with_replacement(known, count - len(holders)):
                yield World(customers, tuple(sorted((*some, *others))))


def books(count: int) -> list[Customers]:
    """Return the reduced addresses of so many customers."""
    return [book for book in product((0, A, B), repeat=count) if next(filter(None, book), A) == A]


def number_of_worlds(customers: Customers, most_people: int) -> int:
    """Return how many worlds `small_worlds` yields."""
    anybody = (len(customers) + 2) * _STATES_OF_ID
    known = len(customers) * _STATES_OF_ID
    return sum(
        anybody ** len(holders) * _multisets(known, count - len(holders))
        for count, holders in product(range(most_people + 1), _holdings(_used(customers)))
        if len(holders) <= count
    )


def all_worlds(customers: int, people: int) -> Iterator[World]:
    """Yield every world of exactly so many customers and people, whatever the names."""
    traits = [*product((NOBODY, *range(1, customers + 1), STRANGER), (UNSET, OURS, TYPED), (UNSET, OURS, TYPED))]
    for book in product((0, A, B), repeat=customers):
        for holder_of_a, holder_of_b in product(range(people + 1), repeat=2):
            addresses = [A * (one == holder_of_a) + B * (one == holder_of_b) for one in range(1, people + 1)]
            for some in product(traits, repeat=people):
                yield World(book, tuple(Someone(held, *one) for held, one in zip(addresses, some, strict=True)))


def number_of_all_worlds(most_customers: int, most_people: int) -> int:
    """Return how many worlds there are from one customer on, whatever the names."""
    return sum(
        3**customers * (people + 1) ** 2 * ((customers + 2) * _STATES_OF_ID) ** people
        for customers, people in product(range(1, most_customers + 1), range(most_people + 1))
    )


def _swapped(addresses: int) -> int:
    return (addresses & A and B) | (addresses & B and A)


def _used(customers: Iterable[int]) -> int:
    used = 0
    for address in customers:
        used |= address
    return used


def _can_be_found(one: Someone, customers: Customers) -> bool:
    return bool(one.addresses) or 1 <= one.holds <= len(customers)


def _holdings(used: int) -> list[tuple[int, ...]]:
    """Return in which parts people may hold the addresses: by nobody, by one person, both by one, both by two."""
    if used == A | B:
        return [(), (A,), (B,), (A | B,), (A, B)]
    return [(), (used,)] if used else [()]


def _multisets(kinds: int, size: int) -> int:
    return comb(kinds + size - 1, size)
