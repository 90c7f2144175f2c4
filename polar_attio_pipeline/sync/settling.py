"""Whether a customer whose person holds its id needs anything, judged from the two alone."""

from collections.abc import Mapping

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, plan
from polar_attio_pipeline.sync.records import Customer, Person, PersonName

MOST_WITHOUT_TYPE = 200
"""People without a type, which an export does not say, that Polar is asked for in one pass: each costs a question."""

_NAME_KEY = "name"
_TYPE_KEY = "polar_customer_type"


class Settling:
    """Judges customers of one pass, each with the person that holds its id.

    Args:
        targets: The attributes of the workspace.
        overwrite_typed: As in `planning.plan`.

    Attributes:
        without_type: Ids of customers whose person lacks the type, which an export does not say: some of them.
    """

    def __init__(self, targets: tuple[Target, ...], *, overwrite_typed: bool) -> None:
        self.without_type: set[str] = set()
        self._targets = targets
        self._has_type = any(target.attribute.key == _TYPE_KEY for target in targets)
        self._targets_but_name = tuple(target for target in targets if target.attribute.key != _NAME_KEY)
        self._overwrite_typed = overwrite_typed

    def left_empty(self, customer: Customer, person: Person) -> Mapping[str, str] | None:
        """Return what is left empty, as in `planning.Plan`, of a customer who needs nothing; None for any other."""
        if self._lacks_type(customer, person):
            self.without_type.add(customer.id)
            return None
        if customer.address and email_key(customer.address) not in map(email_key, person.emails):
            return None
        # To split a name takes longer than all other comparisons, and a person who holds it whole has it split already.
        targets = self._targets_but_name if _holds_name(person, customer.person_name) else self._targets
        due = plan(customer, Match(Case.KNOWN, person), targets, overwrite_typed=self._overwrite_typed)
        return due.left_empty if due.action is Action.KEEP else None

    def _lacks_type(self, customer: Customer, person: Person) -> bool:
        is_missing = self._has_type and customer.type is None and _TYPE_KEY not in person.values
        return is_missing and len(self.without_type) < MOST_WITHOUT_TYPE


def _holds_name(person: Person, name: str | None) -> bool:
    held = person.values.get(_NAME_KEY)
    return held is not None and isinstance(held.value, PersonName) and held.value.full.split() == (name or "").split()
