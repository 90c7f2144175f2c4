"""Which Polar field goes to which Attio attribute, of which type, under which policy. Declared here, once.

Adding an attribute is one entry in `ATTRIBUTES`, and `make docs` to describe it in docs/attributes.md and .env.example;
`polar-attio setup` then offers to create it, its slug becomes a setting (`ATTIO_SLUG__<KEY>`), and every pass writes it
where the workspace has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

from polar_attio_pipeline.sync.billing import STATUS_RULES, Billing, Status
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.records import Customer, PersonName, Value, ValueType

Source = TypeVar("Source")
"""What Polar says: a customer, for the attributes of people."""


class Nothing(Enum):
    """Polar says that there is none, as against saying nothing: what an earlier pass has written is cleared."""

    NOTHING = "nothing"


Said = Value | tuple[Money, ...] | Nothing | None
"""What Polar says for an attribute; None is nothing at all. Of money, each currency by itself: none of it is zero."""


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
        options: Titles of the options of a select, which `setup` creates.
        scope: What the Polar token must be allowed to read for it.
        required: A run refuses to start where the workspace lacks it.
        standard: Every workspace has it, so `setup` never creates it.
    """

    key: str
    title: str
    description: str
    types: tuple[ValueType, ...]
    policy: Policy
    source: str
    value: Callable[[Source], Said]
    options: tuple[str, ...] = ()
    scope: str = "customers:read"
    required: bool = False
    standard: bool = False


def _name(customer: Customer) -> PersonName | None:
    return split_name(customer.person_name)


def _billed(value: Callable[[Billing], Said]) -> Callable[[Customer], Said]:
    """Return what takes a value out of what a customer pays, and says nothing where that was not read."""
    return lambda customer: value(customer.billing) if customer.billing else None


def _running(value: Callable[[Billing], Said]) -> Callable[[Customer], Said]:
    """Return the same for what follows from running subscriptions: nothing is said where some cannot be understood."""
    return _billed(lambda billing: value(billing) if billing.is_certain else None)


def _last_paid_at(billing: Billing) -> Said:
    return None if billing.lifetime_value is None else _or_nothing(billing.last_paid_at)


def _or_nothing(value: Value | None) -> Value | Nothing:
    return Nothing.NOTHING if value is None else value


def _seats(billing: Billing) -> Said:
    return Nothing.NOTHING if billing.seats is None else Decimal(billing.seats)


SUBSCRIPTIONS = "subscriptions:read"
ORDERS = "orders:read"

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
    Attribute(
        key="polar_status",
        title="Polar status",
        description="How the customer stands in Polar: its best subscription decides.",
        types=(ValueType.SELECT, ValueType.TEXT),
        policy=Policy.UNLESS_TYPED,
        source="Computed from subscriptions and orders; see the table of statuses.",
        value=_billed(lambda billing: billing.status and billing.status.value),
        options=tuple(status.value for status in Status if status in STATUS_RULES),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_products",
        title="Polar products",
        description="Products of the subscriptions that run, in alphabetical order.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="Names of the products of running subscriptions.",
        value=_running(lambda billing: _or_nothing(", ".join(billing.products) or None)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_mrr",
        title="Polar MRR",
        description="Monthly recurring revenue of subscriptions that are active or past due, after discounts. Trials "
        "and paused subscriptions count nothing.",
        types=(ValueType.CURRENCY,),
        policy=Policy.UNLESS_TYPED,
        source="Computed from subscriptions by Polar's arithmetic, in the attribute's currency only.",
        value=_billed(lambda billing: billing.mrr),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_seats",
        title="Polar seats",
        description="Seats of the subscriptions that run.",
        types=(ValueType.NUMBER,),
        policy=Policy.UNLESS_TYPED,
        source="Sum of the `seats` of running subscriptions.",
        value=_running(_seats),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_subscribed_since",
        title="Polar subscribed since",
        description="When the oldest subscription that runs began, else the one that ended last.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="`started_at` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.subscribed_since)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_trial_ends_at",
        title="Polar trial ends at",
        description="When the trial ends that runs now.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="`trial_end` of a subscription in trial.",
        value=_running(lambda billing: _or_nothing(billing.trial_ends_at)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_renews_at",
        title="Polar renews at",
        description="When the next subscription renews.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="`current_period_end` of running subscriptions that are not set to end and not paused.",
        value=_running(lambda billing: _or_nothing(billing.renews_at)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_ends_at",
        title="Polar ends at",
        description="When the last subscription ends, if all that run are set to end; or when it has ended.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="`ended_at` or `ends_at` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.ends_at)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_churn_reason",
        title="Polar churn reason",
        description="What the customer chose from Polar's list when cancelling what ends or has ended last.",
        types=(ValueType.TEXT,),
        policy=Policy.UNLESS_TYPED,
        source="`customer_cancellation_reason` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.churn_reason)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_lifetime_value",
        title="Polar lifetime value",
        description="Everything paid through Polar, without tax and net of refunds.",
        types=(ValueType.CURRENCY,),
        policy=Policy.UNLESS_TYPED,
        source="Computed from orders, in the attribute's currency only.",
        value=_billed(lambda billing: billing.lifetime_value),
        scope=ORDERS,
    ),
    Attribute(
        key="polar_last_paid_at",
        title="Polar last paid at",
        description="When the newest order with a payment was made.",
        types=(ValueType.TIMESTAMP, ValueType.DATE),
        policy=Policy.UNLESS_TYPED,
        source="`created_at` of orders that were paid.",
        value=_billed(_last_paid_at),
        scope=ORDERS,
    ),
)

BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute as this workspace has it: the declaration, and the one type to write.

    Attributes:
        attribute: The declaration.
        type: The type that the workspace has it in.
        currency: Of a currency attribute, ISO 4217 in capitals: Attio keeps the currency with the attribute.
        options: Of a select, the titles that the workspace has; any other would be refused with the whole record.
    """

    attribute: Attribute[Any]
    type: ValueType
    currency: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What Polar says about a customer, for the attributes of a workspace.

    Attributes:
        values: By attribute key; None is to be cleared.
        left_empty: Why an attribute cannot hold what Polar says, by key.
    """

    values: dict[str, Value | None]
    left_empty: dict[str, str]


def wanted(customer: Customer, targets: tuple[Target, ...]) -> Wanted:
    """Return what Polar says about a customer, by attribute key, in the types that the workspace has."""
    found = Wanted({}, {})
    for target in targets:
        said, key = target.attribute.value(customer), target.attribute.key
        if said is None or said == "":
            continue
        problem = _problem(target, said)
        if problem:
            found.left_empty[key] = problem
        found.values[key] = None if problem else _as(target, said)
    return Wanted({key: value for key, value in found.values.items() if value != ""}, found.left_empty)


def _problem(target: Target, said: Said) -> str | None:
    """Say why the attribute cannot hold a value."""
    if target.type is ValueType.SELECT and isinstance(said, str) and said.strip() not in target.options:
        return f"the attribute has no option {said.strip()}: run `polar-attio setup`"
    if not isinstance(said, tuple):
        return None
    others = sorted({money.currency for money in said} - {target.currency})
    if others:
        return f"it is paid in {' and '.join(others)}, the attribute is in {target.currency or 'no known currency'}"
    if any(money.amount is None for money in said):
        return f"how many decimal places the currency {target.currency} has is not known"
    return None


def _as(target: Target, value: Said) -> Value | None:
    if value is None or isinstance(value, Nothing):
        return None
    if isinstance(value, tuple):
        return sum((money.amount or Decimal(0) for money in value), Decimal(0))
    if isinstance(value, datetime):
        in_utc = value.astimezone(UTC)
        return in_utc.date() if target.type is ValueType.DATE else in_utc
    return value.strip() if isinstance(value, str) else value
