"""The attributes of people that the sync writes: which Polar field goes to which, under which policy. Declared once.

Adding an attribute is one entry in `ATTRIBUTES`, and `make docs` to describe it in docs/attributes.md and .env.example;
`polar-attio setup` then offers to create it, its slug becomes a setting (`ATTIO_SLUG__<KEY>`), and every pass writes it
where the workspace has it.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.mapping import Attribute, Nothing, Policy, Said
from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.records import Customer, PersonName, Value, ValueType
from polar_attio_pipeline.sync.status import STATUS_RULES, Status

SUBSCRIPTIONS = "subscriptions:read"
ORDERS = "orders:read"

_TIMES = (ValueType.TIMESTAMP, ValueType.DATE)


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
        source="The customer's `name`; for a team without an address, its owner's.",
        value=_name,
        standard=True,
    ),
    Attribute(
        key="polar_customer_url",
        title="Polar customer URL",
        description="Opens the customer in Polar's dashboard.",
        types=(ValueType.TEXT,),
        source="Made of the organization's slug and the customer's `id`.",
        value=lambda customer: customer.url,
    ),
    Attribute(
        key="polar_customer_since",
        title="Polar customer since",
        description="When the customer was created in Polar.",
        types=_TIMES,
        source="The customer's `created_at`.",
        value=lambda customer: customer.created_at,
    ),
    Attribute(
        key="polar_external_id",
        title="Polar external ID",
        description="Your own id of the customer, as stored in Polar.",
        types=(ValueType.TEXT,),
        source="The customer's `external_id`.",
        value=lambda customer: customer.external_id,
    ),
    Attribute(
        key="polar_customer_type",
        title="Polar customer type",
        description="individual or team.",
        types=(ValueType.TEXT,),
        source="The customer's `type`.",
        value=lambda customer: customer.type,
    ),
    Attribute(
        key="polar_country",
        title="Polar billing country",
        description="Country of the billing address, ISO 3166 alpha-2.",
        types=(ValueType.TEXT,),
        source="The customer's `billing_address.country`.",
        value=lambda customer: customer.country,
    ),
    Attribute(
        key="polar_status",
        title="Polar status",
        description="How the customer stands in Polar: its best subscription decides.",
        types=(ValueType.SELECT, ValueType.TEXT),
        source="Computed from subscriptions and orders; see the table of statuses.",
        value=_billed(lambda billing: billing.status and billing.status.value),
        options=tuple(status.value for status in Status if status in STATUS_RULES),
        scope=SUBSCRIPTIONS,
        of_deleted=Status.DELETED.value,
    ),
    Attribute(
        key="polar_products",
        title="Polar products",
        description="Products of the subscriptions that run, in alphabetical order.",
        types=(ValueType.TEXT,),
        source="Names of the products of running subscriptions.",
        value=_running(lambda billing: _or_nothing(", ".join(billing.products) or None)),
        scope=SUBSCRIPTIONS,
        of_deleted=Nothing.NOTHING,
    ),
    Attribute(
        key="polar_mrr",
        title="Polar MRR",
        description="Monthly recurring revenue of subscriptions that are active or past due, after discounts. Trials "
        "and paused subscriptions count nothing.",
        types=(ValueType.CURRENCY,),
        source="Computed from subscriptions by Polar's arithmetic, in the attribute's currency only.",
        value=_billed(lambda billing: billing.mrr),
        scope=SUBSCRIPTIONS,
        of_deleted=Decimal(0),
    ),
    Attribute(
        key="polar_seats",
        title="Polar seats",
        description="Seats of the subscriptions that run.",
        types=(ValueType.NUMBER,),
        source="Sum of the `seats` of running subscriptions.",
        value=_running(_seats),
        scope=SUBSCRIPTIONS,
        of_deleted=Nothing.NOTHING,
    ),
    Attribute(
        key="polar_subscribed_since",
        title="Polar subscribed since",
        description="When the oldest subscription that runs began, else the one that ended last.",
        types=_TIMES,
        source="`started_at` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.subscribed_since)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_trial_ends_at",
        title="Polar trial ends at",
        description="When the trial ends that runs now.",
        types=_TIMES,
        source="`trial_end` of a subscription in trial.",
        value=_running(lambda billing: _or_nothing(billing.trial_ends_at)),
        scope=SUBSCRIPTIONS,
        of_deleted=Nothing.NOTHING,
    ),
    Attribute(
        key="polar_renews_at",
        title="Polar renews at",
        description="When the next subscription renews.",
        types=_TIMES,
        source="`current_period_end` of running subscriptions that are not set to end and not paused.",
        value=_running(lambda billing: _or_nothing(billing.renews_at)),
        scope=SUBSCRIPTIONS,
        of_deleted=Nothing.NOTHING,
        grows=True,
    ),
    Attribute(
        key="polar_ends_at",
        title="Polar ends at",
        description="When the last subscription ends, if all that run are set to end; or when it has ended.",
        types=_TIMES,
        source="`ended_at` or `ends_at` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.ends_at)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_churn_reason",
        title="Polar churn reason",
        description="What the customer chose from Polar's list when cancelling what ends or has ended last.",
        types=(ValueType.TEXT,),
        source="`customer_cancellation_reason` of a subscription.",
        value=_running(lambda billing: _or_nothing(billing.churn_reason)),
        scope=SUBSCRIPTIONS,
    ),
    Attribute(
        key="polar_lifetime_value",
        title="Polar lifetime value",
        description="Everything paid through Polar, without tax and net of refunds.",
        types=(ValueType.CURRENCY,),
        source="Computed from orders, in the attribute's currency only.",
        value=_billed(lambda billing: billing.lifetime_value),
        scope=ORDERS,
        grows=True,
    ),
    Attribute(
        key="polar_last_paid_at",
        title="Polar last paid at",
        description="When the newest order with a payment was made.",
        types=_TIMES,
        source="`created_at` of orders that were paid.",
        value=_billed(_last_paid_at),
        scope=ORDERS,
        grows=True,
    ),
)

BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


def in_order(keys: Iterable[str]) -> list[str]:
    """Return the keys of attributes as they are declared, and then by name those that a setting declares."""
    places = {key: number for number, key in enumerate(BY_KEY)}
    return sorted(keys, key=lambda key: (places.get(key, len(places)), key))
