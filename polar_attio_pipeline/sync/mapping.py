"""Which Polar field goes to which Attio attribute, of which type, under which policy. Declared here, once.

Adding an attribute is one entry in `ATTRIBUTES`, and `make docs` to describe it in docs/attributes.md and .env.example;
`polar-attio setup` then offers to create it, its slug becomes a setting (`ATTIO_SLUG__<KEY>`), and every pass writes it
where the workspace has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.records import Customer, PersonName, Value, ValueType

Source = TypeVar("Source")
"""What Polar says: a customer, for the attributes of people."""


class Policy(StrEnum):
    """When a value that differs is written over the one that Attio holds.

    A value written by Attio's enrichment is left alone under every policy but `ALWAYS`: the API cannot override it
    (docs.attio.com), so a pass that tried would find the same difference for ever.
    """

    ALWAYS = "always"
    """The sync's own mark: always what Polar says."""
    UNLESS_TYPED = "unless typed by a person"
    """Follow Polar, but keep what a workspace member typed (a setting lifts that)."""


@dataclass(frozen=True, slots=True)
class Attribute(Generic[Source]):
    """One attribute of an object of Attio that the sync can write.

    Attributes:
        key: Its name in this code and its slug in Attio unless a setting renames it.
        title: What people read in Attio.
        description: What the attribute is for, shown in Attio.
        types: The Attio types it can be written to; `setup` creates the first.
        policy: When it is written over what is there.
        source: Where the value comes from, for people who read the list of attributes.
        value: Takes the Polar side; None means nothing to say, and never erases.
        required: A run refuses to start where the workspace lacks it.
        standard: Every workspace has it, so `setup` never creates it.
    """

    key: str
    title: str
    description: str
    types: tuple[ValueType, ...]
    policy: Policy
    source: str
    value: Callable[[Source], Value | None]
    required: bool = False
    standard: bool = False


def _name(customer: Customer) -> PersonName | None:
    return split_name(customer.person_name)


ATTRIBUTES: tuple[Attribute[Customer], ...] = (
    Attribute(
        key="polar_customer",
        title="Polar customer",
        description="A customer in Polar. Kept by the Polar to Attio sync.",
        types=(ValueType.CHECKBOX,),
        policy=Policy.ALWAYS,
        source="Always checked: the customer exists in Polar.",
        value=lambda _: True,
        required=True,
    ),
    Attribute(
        key="polar_customer_id",
        title="Polar customer ID",
        description="The customer's id in Polar, by which the sync knows this person again.",
        types=(ValueType.TEXT,),
        policy=Policy.ALWAYS,
        source="The customer's `id`.",
        value=lambda customer: customer.id,
        required=True,
    ),
    Attribute(
        key="name",
        title="Name",
        description="The person's name.",
        types=(ValueType.NAME,),
        policy=Policy.UNLESS_TYPED,
        source="The customer's `name`; for a team without an address, its owner's.",
        value=_name,
        standard=True,
    ),
    Attribute(
        key="polar_customer_url",
        title="Polar customer URL",
        description="Opens the customer in Polar's dashboard.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="Made of the organization's slug and the customer's `id`.",
        value=lambda customer: customer.url,
    ),
    Attribute(
        key="polar_customer_since",
        title="Polar customer since",
        description="When the customer was created in Polar.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="The customer's `created_at`.",
        value=lambda customer: customer.created_at,
    ),
    Attribute(
        key="polar_external_id",
        title="Polar external ID",
        description="Your own id of the customer, as stored in Polar.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="The customer's `external_id`.",
        value=lambda customer: customer.external_id,
    ),
    Attribute(
        key="polar_customer_type",
        title="Polar customer type",
        description="individual or team.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="The customer's `type`.",
        value=lambda customer: customer.type,
    ),
    Attribute(
        key="polar_country",
        title="Polar billing country",
        description="Country of the billing address, ISO 3166 alpha-2.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="The customer's `billing_address.country`.",
        value=lambda customer: customer.country,
    ),
)

BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute as this workspace has it: the declaration, and the one type to write."""

    attribute: Attribute[Any]
    type: ValueType


def wanted(customer: Customer, targets: tuple[Target, ...]) -> dict[str, Value]:
    """Return what Polar says about a customer, by attribute key, in the types that the workspace has."""
    said = ((target, target.attribute.value(customer)) for target in targets)
    values = {target.attribute.key: _as(target.type, value) for target, value in said if value is not None}
    return {key: value for key, value in values.items() if value != ""}


def _as(value_type: ValueType, value: Value) -> Value:
    if isinstance(value, datetime):
        in_utc = value.astimezone(UTC)
        return in_utc.date() if value_type is ValueType.DATE else in_utc
    if isinstance(value, date) and value_type is ValueType.TIMESTAMP:
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.strip() if isinstance(value, str) else value
