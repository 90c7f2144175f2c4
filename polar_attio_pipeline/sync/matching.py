"""Which Attio person a Polar customer is. Never a guess: what is not certain is ambiguous, and named.

Identity is ours to keep, because People take no custom unique attribute: first the stored Polar id, then the address.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from polar_attio_pipeline.sync.emails import email_key, is_anonymised
from polar_attio_pipeline.sync.records import Customer, Person

ID_KEY = "polar_customer_id"
"""The attribute that holds a customer's identity."""


class Case(StrEnum):
    """Every relation that a customer and the people of the workspace can be in."""

    KNOWN = "known"
    EMAIL_CHANGED = "email_changed"
    FOUND_BY_EMAIL = "found_by_email"
    RECREATED = "recreated"
    REMEMBERED = "remembered"
    NEW = "new"
    SHARED_EMAIL = "shared_email"
    TWO_RECORDS = "two_records"
    COPIED_ID = "copied_id"
    REPEATED_EMAIL = "repeated_email"
    NO_EMAIL = "no_email"
    ANONYMISED = "anonymised"


CERTAIN = frozenset({Case.KNOWN, Case.EMAIL_CHANGED, Case.FOUND_BY_EMAIL, Case.RECREATED, Case.REMEMBERED, Case.NEW})
"""The cases in which something may be written."""

AMBIGUOUS = frozenset({Case.SHARED_EMAIL, Case.TWO_RECORDS, Case.COPIED_ID, Case.REPEATED_EMAIL})
"""The cases in which a human has to say who is who."""

DESCRIPTIONS: dict[Case, tuple[str, str]] = {
    Case.KNOWN: (
        "One person holds the customer's id, and its address too if it has one, even if another person holds that.",
        "That person.",
    ),
    Case.EMAIL_CHANGED: (
        "One person holds the customer's id; no person holds its address.",
        "That person; the new address joins the old ones.",
    ),
    Case.FOUND_BY_EMAIL: (
        "No person holds the id; one person holds the address and no Polar id (added by hand, or the id was cleared).",
        "That person; it gets the id.",
    ),
    Case.RECREATED: (
        "No person holds the id; one person holds the address and the id of a customer that Polar no longer has.",
        "That person; it gets the new id.",
    ),
    Case.REMEMBERED: (
        "No person holds the id or the address; the record that the ledger has for the customer holds no other id.",
        "That person; it gets the id and the address.",
    ),
    Case.NEW: ("No person holds the id or the address, and no such record is in the ledger.", "A new person."),
    Case.SHARED_EMAIL: (
        "The person who holds the address is another live customer, or an older customer of this pass has the "
        "address too.",
        "Ambiguous: the first keeps the person. Give one of the two customers another address in Polar.",
    ),
    Case.TWO_RECORDS: (
        "One person holds the id, another one the address.",
        "Ambiguous: merge the two in Attio, or move the address, if they are one human being.",
    ),
    Case.COPIED_ID: (
        "Several people hold the customer's id.",
        "Ambiguous: clear the id on all but the right one, or merge them in Attio.",
    ),
    Case.REPEATED_EMAIL: (
        "No person holds the id; several people hold the address.",
        "Ambiguous: merge them in Attio.",
    ),
    Case.NO_EMAIL: (
        "The customer has no address and no owner who can be read, and is not known by its id or from the ledger.",
        "Rejected: give it an address in Polar, or a team an owner, or the token the scope members:read.",
    ),
    Case.ANONYMISED: ("Polar has anonymised the customer.", "Rejected: there is no address to write to."),
}
"""For each case: when it holds, and what follows. The documentation's table is checked against this."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a customer was found to be.

    Attributes:
        case: The relation found.
        person: The one person to write to; None for a new one and for every uncertain case.
        involved: Every person that had a part in it, to be shown where a human has to decide.
    """

    case: Case
    person: Person | None = None
    involved: tuple[Person, ...] = ()


@dataclass
class Claims:
    """Who was here first in this pass, so that two customers are never given one person or one new address."""

    by_address: dict[str, str] = field(default_factory=dict)
    by_record: dict[str, str] = field(default_factory=dict)


class PeopleIndex:
    """People by Polar id and by address, as looked up for some customers."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._by_id: dict[str, list[Person]] = {}
        self._by_address: dict[str, list[Person]] = {}
        self._by_record: dict[str, Person] = {}
        for person in people:
            self._by_record[person.record_id] = person
            held = person_id(person)
            if held is not None:
                self._by_id.setdefault(held, []).append(person)
            for key in {email_key(email) for email in person.emails}:
                self._by_address.setdefault(key, []).append(person)

    def holders_of_id(self, customer: Customer) -> Sequence[Person]:
        """Return the people who hold the customer's Polar id."""
        return self._by_id.get(customer.id, ())

    def holders_of_address(self, customer: Customer) -> Sequence[Person]:
        """Return the people who hold the customer's address."""
        address = customer.address
        return self._by_address.get(email_key(address), ()) if address else ()

    def of_record(self, record_id: str | None) -> Person | None:
        """Return the person with a record id, if it still exists and carries no customer's id."""
        person = self._by_record.get(record_id or "")
        return person if person is not None and person_id(person) is None else None


def person_id(person: Person) -> str | None:
    """Return the Polar id that a person holds, trimmed and lower-cased; None if it holds none."""
    held = person.values.get(ID_KEY)
    text = held.value.strip().lower() if held is not None and isinstance(held.value, str) else ""
    return text or None


def contested_id(customer: Customer, index: PeopleIndex) -> str | None:
    """Return the other customer's id on the only person found by address: match needs to know whether it is alive."""
    if index.holders_of_id(customer):
        return None
    holders = index.holders_of_address(customer)
    return person_id(holders[0]) if len(holders) == 1 else None


def match(  # noqa: PLR0911  # a case a line is the table of cases itself
    customer: Customer, index: PeopleIndex, *, alive: Collection[str], remembered: str | None = None
) -> Match:
    """Decide which person a customer is, from what the workspace holds now.

    Args:
        customer: A live Polar customer, its owner looked up where it has no address.
        index: Everybody who holds its id or its address.
        alive: Those ids of `contested_id` that live customers have.
        remembered: The record id that an earlier pass has put on record for this customer. A hint: it is believed
            only where nothing else tells who the customer is, and while that record carries no customer's id.
    """
    if customer.address and is_anonymised(customer.address):
        return Match(Case.ANONYMISED)
    by_id = index.holders_of_id(customer)
    by_address = index.holders_of_address(customer)
    involved = tuple({person.record_id: person for person in (*by_id, *by_address)}.values())
    if len(by_id) > 1:
        return Match(Case.COPIED_ID, involved=involved)
    if by_id and (by_id[0] in by_address or not customer.address):
        return Match(Case.KNOWN, by_id[0], involved)
    if len(involved) > 1:
        return Match(Case.TWO_RECORDS if by_id else Case.REPEATED_EMAIL, involved=involved)
    if not involved:
        known = index.of_record(remembered)
        if known:
            return Match(Case.REMEMBERED, known, (known,))
        return Match(Case.NEW if customer.address else Case.NO_EMAIL)
    person = involved[0]
    if by_id:
        return Match(Case.EMAIL_CHANGED, person, involved)
    holder = person_id(person)
    if holder is None:
        return Match(Case.FOUND_BY_EMAIL, person, involved)
    if holder in alive:
        return Match(Case.SHARED_EMAIL, involved=involved)
    return Match(Case.RECREATED, person, involved)


def claim(customer: Customer, found: Match, claims: Claims) -> Match:
    """Take the person and the address for this customer, or find that an earlier one of the pass has them.

    Customers are claimed for oldest first, so of two that share an address the older keeps the person. Who is known by
    its id needs no address to be told by.
    """
    if found.case not in CERTAIN:
        return found
    if customer.address and found.case is not Case.KNOWN:
        first = claims.by_address.setdefault(email_key(customer.address), customer.id)
        if first != customer.id:
            return Match(Case.SHARED_EMAIL, involved=found.involved)
    if found.person:
        first = claims.by_record.setdefault(found.person.record_id, customer.id)
        if first != customer.id:
            return Match(Case.SHARED_EMAIL, involved=found.involved)
    return found
