"""The values that the core works on: a customer as Polar has it, a person as Attio holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from polar_attio_pipeline.sync.billing import Billing

Actor = Literal["api-token", "app", "workspace-member", "system"]
"""Who wrote a value in Attio. `workspace-member` is a human, `system` is Attio's own enrichment."""


class ValueType(StrEnum):
    """The Attio attribute types that the mapping can write; the values are Attio's names for them."""

    CHECKBOX = "checkbox"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    NAME = "personal-name"
    NUMBER = "number"
    CURRENCY = "currency"
    SELECT = "select"


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name in the three parts that Attio wants together. `full` is Polar's string, verbatim."""

    first: str
    last: str
    full: str


Value = str | bool | date | datetime | Decimal | PersonName
"""A normalised value. A `datetime` is always aware and in UTC; a `Decimal` is a number, or an amount of money in the
main unit of the currency that the attribute has in Attio; the title of an option is text."""

Values = Mapping[str, Value | None]
"""Values by attribute key (see `mapping`), not by the slug that a workspace may have renamed it to. None clears."""


Scalar = str | int | float | bool
"""A single value of Polar's, as it is in the metadata of a customer (Polar's API specification)."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The member who owns a team: the person behind a customer without an address."""

    email: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """One live Polar customer, as read at `read_at`.

    Attributes:
        id: Polar's UUID, the identity that is stored in Attio.
        created_at: Set by Polar's application server, UTC; not the order of commits.
        email: As Polar returns it, case kept; None for a team.
        name: One string: a person, a company or a card holder.
        type: `individual` or `team`; text, because Polar may add more; None where it is not known.
        organization_id: Of the organization that the token belongs to; empty where the answer does not say.
        owner: A team's owner, where it had to be asked for and was found.
        billing: What it pays; None where that was not read.
        mapped: What Polar says for the attributes that a setting maps, by where that is from, such as `metadata.tier`;
            None for a value that cannot be read. What Polar does not say is absent.
        url: The customer's page in Polar's dashboard.
        read_at: When Polar gave this answer, UTC.
    """

    id: str
    created_at: datetime
    email: str | None
    name: str | None
    type: str | None
    organization_id: str
    external_id: str | None
    country: str | None
    url: str
    read_at: datetime
    owner: Owner | None = None
    billing: Billing | None = None
    mapped: tuple[tuple[str, Scalar | None], ...] = ()

    @property
    def address(self) -> str | None:
        """The address that this customer is known by: its own, else its owner's; None rather than blank."""
        own = (self.email or "").strip()
        return own or (self.owner.email.strip() or None if self.owner else None)

    @property
    def person_name(self) -> str | None:
        """The name of the person who is known by `address`: a team's own name is not its owner's."""
        return self.name if (self.email or "").strip() else (self.owner.name if self.owner else None)


@dataclass(frozen=True, slots=True)
class CurrentValue:
    """A value that Attio holds, and who wrote it."""

    value: Value
    actor: Actor


@dataclass(frozen=True, slots=True)
class Person:
    """One Attio person, reduced to what matching and planning look at.

    Attributes:
        record_id: Attio's record id. A cache: a merge in Attio ends it.
        url: Where a human opens the record.
        emails: Every address of the record, in Attio's order.
        values: What it holds, by attribute key; an unset attribute is absent.
        company: Record id of its company, and who chose it; None where it has none.
        execution_id: The CRM's name for the write that this is the answer to; None of a person who was searched for.
    """

    record_id: str
    url: str
    emails: tuple[str, ...]
    values: Mapping[str, CurrentValue] = field(default_factory=dict)
    company: CurrentValue | None = None
    execution_id: str | None = field(default=None, compare=False)
