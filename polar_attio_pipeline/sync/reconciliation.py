"""The whole book against everybody in Attio who is marked: who is settled, who needs a look, who is gone.

People come page by page and are compared at once, so that only customers that differ are kept and looked up again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case, Match, person_id
from polar_attio_pipeline.sync.outcomes import Outcome, written
from polar_attio_pipeline.sync.planning import Action, plan
from polar_attio_pipeline.sync.records import Customer, Person

MARK_KEY = "polar_customer"


@dataclass(frozen=True, slots=True)
class Marked:
    """A person of Attio that the reconciliation reports: where it is, and the Polar id that it holds."""

    record_id: str
    url: str
    customer_id: str | None


class Comparison:
    """Feeds on Attio's people and sorts a complete book of customers into settled and pending.

    Args:
        customers: Every live customer of Polar by id. A book that is not complete must not be given: whoever is
            missing from it would count as gone.
        targets: The attributes of the workspace.
        overwrite_typed: As in `planning.plan`.
    """

    def __init__(
        self, customers: Mapping[str, Customer], targets: tuple[Target, ...], *, overwrite_typed: bool
    ) -> None:
        self._customers = customers
        self._targets = targets
        self._overwrite_typed = overwrite_typed
        self._settled: dict[str, Person] = {}
        self._holders: dict[str, Marked] = {}
        self._unknown: list[tuple[Marked, frozenset[str]]] = []
        self._given: set[str] = set()
        self.people_read = 0
        self.copied: dict[str, list[Marked]] = {}

    def see(self, person: Person) -> None:
        """Compare one person with its customer."""
        self.people_read += 1
        held = person_id(person)
        shown = Marked(person.record_id, person.url, held)
        customer = self._customers.get(held) if held else None
        if customer is None:
            if _is_marked(person):
                self._unknown.append((shown, frozenset(map(email_key, person.emails))))
            return
        first = self._holders.setdefault(customer.id, shown)
        if first.record_id != shown.record_id:
            self.copied.setdefault(customer.id, [first]).append(shown)
            self._settled.pop(customer.id, None)
        elif self._needs_nothing(customer, person):
            self._settled[customer.id] = Person(person.record_id, person.url, ())

    def _needs_nothing(self, customer: Customer, person: Person) -> bool:
        if customer.address and email_key(customer.address) not in map(email_key, person.emails):
            return False
        known = Match(Case.KNOWN, person)
        return plan(customer, known, self._targets, overwrite_typed=self._overwrite_typed).action is Action.KEEP

    def settled(self) -> Iterator[Outcome]:
        """Yield the outcome of every customer whose person needs nothing."""
        for customer_id, person in self._settled.items():
            unchanged = Match(Case.KNOWN, person)
            yield written(plan(self._customers[customer_id], unchanged, (), overwrite_typed=False), person)

    def pending(self) -> list[Customer]:
        """Return the customers that have to be looked up, and probably written."""
        return [customer for key, customer in self._customers.items() if key not in self._settled]

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what the pass did: a person who was given to a customer is not gone, such as a new team's owner."""
        self._given.update(outcome.record_id for outcome in outcomes if outcome.record_id and outcome.changed)

    def gone(self) -> list[Marked]:
        """Return the people who are marked as customers and whom Polar does not have, neither by id nor by address."""
        if not self._unknown:
            return []
        addresses = {email_key(customer.address) for customer in self._customers.values() if customer.address}
        unknown = (found for found in self._unknown if found[0].record_id not in self._given)
        return [shown for shown, emails in unknown if not emails & addresses]

    @property
    def marked_count(self) -> int:
        """How many people are marked or hold the id of a live customer."""
        return len(self._holders) + len(self._unknown)


def _is_marked(person: Person) -> bool:
    held = person.values.get(MARK_KEY)
    return held is not None and held.value is True
