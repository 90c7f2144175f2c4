"""Who on the page belongs to whom: a comparison for the eye, by Polar id, address and name."""

from collections import Counter
from typing import Literal, NamedTuple

from polar_attio_pipeline.sandbox.attio.schema import Attribute
from polar_attio_pipeline.sandbox.attio.store import Record
from polar_attio_pipeline.sandbox.polar.rows import Customer, Member
from polar_attio_pipeline.sandbox.world import Sandbox

POLAR_ID = "polar_customer_id"
"""Slug of the attribute that holds a customer's id."""

State = Literal["in", "differs", "absent"]


class Link(NamedTuple):
    """A customer's counterpart.

    Attributes:
        state: Whether a person is there, and says what Polar says.
        person_id: The person, or the first of several.
        notes: What differs, or why a difference is right, as sentences.
    """

    state: State
    person_id: str | None
    notes: tuple[str, ...]


class Links:
    """Finds counterparts. Made anew for every look, since attributes come and go."""

    def __init__(self, sandbox: Sandbox) -> None:
        people = sandbox.attio.people_type
        held = people.find(POLAR_ID)
        self._polar = sandbox.polar
        self._store = sandbox.attio.store
        self._people = people
        self._emails = people.attribute("email_addresses")
        self._name = people.attribute("name")
        self.id_attribute = None if held is None or held.is_archived else held

    def owner(self, customer: Customer) -> Member | None:
        """Return the person behind a customer that has no address of its own."""
        if customer.email is not None:
            return None
        return next((member for member in self._polar.members_of(customer) if member.role == "owner"), None)

    def customer_of(self, record: Record) -> Customer | None:
        """Return the customer whose id, or else whose address, a person holds."""
        polar_id = self._polar_id(record)
        if polar_id is not None:
            return self._polar.customers.get(polar_id)
        found = (self._polar.by_email(email) for email in self._texts(record, self._emails))
        return next((customer for customer in found if customer is not None), None)

    def link(self, customer: Customer) -> Link:
        """Find a customer's person, and compare the two."""
        owner = self.owner(customer)
        email = owner.email if owner else customer.email
        by_id = self._holders(self.id_attribute, customer.id)
        found = by_id or self._holders(self._emails, email)
        if not found:
            return Link("absent", None, ())
        person = self._store.record(self._people, found[0])
        differences = []
        if len(found) > 1:
            differences.append(f"{len(found)} people in Attio hold it")
        if not by_id:
            differences.append(self._other_id(person))
        if email and email.lower() not in {held.lower() for held in self._texts(person, self._emails)}:
            differences.append(f"{email} is not among the person's addresses")
        difference, note = self._compare_names(person, owner.name if owner else customer.name)
        notes = [*differences, difference, note]
        state: State = "differs" if differences or difference else "in"
        return Link(state, person.id, tuple(text for text in notes if text))

    def tally(self) -> dict[State, int]:
        """Count the customers of each state."""
        counts = Counter(self.link(customer).state for customer in self._polar.view)
        return {"in": counts["in"], "differs": counts["differs"], "absent": counts["absent"]}

    def _other_id(self, person: Record) -> str:
        other = self._polar_id(person)
        return f"the person holds another Polar id, {other}" if other else "the person holds no Polar id"

    def _compare_names(self, person: Record, wanted: str | None) -> tuple[str | None, str | None]:
        """Return a difference to mend, or one that is right because somebody else than the sync wrote the name."""
        name = " ".join((wanted or "").split())
        if not name or ("@" in name and " " not in name):
            return None, None
        versions = person.active.get(self._name, ())
        if not versions:
            return "the person has no name", None
        held = " ".join(versions[0].value[2].split())
        if held == name:
            return None, None
        sentence = f"the name in Attio is “{held}”"
        by = {"workspace-member": "typed by a person", "system": "from enrichment"}.get(versions[0].actor.type)
        return (None, f"{sentence}, {by}") if by else (sentence, None)

    def _holders(self, attribute: Attribute | None, value: str | None) -> list[str]:
        return list(self._store.holders(attribute, value)) if attribute and value else []

    def _polar_id(self, record: Record) -> str | None:
        held = self._texts(record, self.id_attribute) if self.id_attribute else []
        return held[0] if held else None

    def _texts(self, record: Record, attribute: Attribute) -> list[str]:
        return [version.value for version in record.active.get(attribute, ())]
