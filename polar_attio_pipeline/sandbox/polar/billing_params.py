"""What requests for subscriptions, orders and events may say."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field

from polar_attio_pipeline.sandbox.polar.billing_rows import BillingType, OrderStatus, Reason, Status
from polar_attio_pipeline.sandbox.polar.events import Source
from polar_attio_pipeline.sandbox.polar.params import Ids, Page, enumeration, one_of

SubscriptionStatus = Annotated[Status, enumeration("SubscriptionStatus", Status)]
CancellationReason = Annotated[Reason, enumeration("CustomerCancellationReason", Reason)]
OrderStatuses = Annotated[OrderStatus, enumeration("OrderStatus", OrderStatus)]
BillingTypes = Annotated[BillingType, enumeration("ProductBillingType", BillingType)]
EventSources = Annotated[Source, enumeration("EventSource", Source)]

Texts: TypeAlias = str | list[str] | None
SubscriptionSort = Annotated[
    str,
    one_of(
        "customer", "status", "started_at", "current_period_end", "ended_at", "ends_at", "amount", "product", "discount"
    ),
]  # fmt: skip
OrderSort = Annotated[
    str,
    one_of(
        "created_at", "status", "invoice_number", "amount", "net_amount", "customer", "product", "discount",
        "subscription",
    ),
]  # fmt: skip
EventSort = Annotated[str, one_of("timestamp")]


class SubscriptionsFilter(BaseModel):
    """What both the list and the export of subscriptions filter by."""

    organization_id: Ids = None
    product_id: Ids = None
    status: SubscriptionStatus | list[SubscriptionStatus] | None = None
    cancel_at_period_end: bool | None = None
    started_after: AwareDatetime | None = None
    started_before: AwareDatetime | None = None


class SubscriptionsQuery(Page, SubscriptionsFilter):
    """Parameters of `GET /v1/subscriptions/`."""

    sorting: list[SubscriptionSort] = ["-started_at"]
    customer_id: Ids = None
    external_customer_id: Texts = None
    discount_id: Ids = None
    active: bool | None = None
    customer_cancellation_reason: CancellationReason | list[CancellationReason] | None = None
    canceled_at_after: AwareDatetime | None = None
    canceled_at_before: AwareDatetime | None = None


SubscriptionColumn = Literal[
    "email", "started_at", "product", "amount", "currency", "status", "recurring_interval", "customer_name",
    "billing_name", "billing_country", "net_amount", "discount", "seats", "current_period_start",
    "current_period_end", "cancel_at_period_end", "canceled_at", "ends_at", "ended_at", "cancellation_reason",
    "trial_start", "trial_end",
]  # fmt: skip


class SubscriptionsExport(SubscriptionsFilter):
    """Parameters of `GET /v1/subscriptions/export`."""

    columns: list[SubscriptionColumn] | None = None


class OrdersFilter(BaseModel):
    """What both the list and the export of orders filter by."""

    organization_id: Ids = None
    product_id: Ids = None
    status: OrderStatuses | list[OrderStatuses] | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None


class OrdersQuery(Page, OrdersFilter):
    """Parameters of `GET /v1/orders/`."""

    sorting: list[OrderSort] = ["-created_at"]
    product_billing_type: BillingTypes | list[BillingTypes] | None = None
    discount_id: Ids = None
    customer_id: Ids = None
    external_customer_id: Texts = None
    checkout_id: Ids = None
    subscription_id: Ids = None


OrderColumn = Literal[
    "email", "created_at", "product", "net_amount", "currency", "status", "invoice_number", "customer_name",
    "billing_name", "billing_country", "subtotal_amount", "discount_amount", "tax_amount", "total_amount",
    "refunded_amount", "billing_reason",
]  # fmt: skip


class OrdersExport(OrdersFilter):
    """Parameters of `GET /v1/orders/export`."""

    columns: list[OrderColumn] | None = None


class EventsQuery(Page):
    """Parameters of `GET /v1/events/`."""

    sorting: list[EventSort] = Field(default=["-timestamp"])
    organization_id: Ids = None
    name: Texts = None
    source: EventSources | list[EventSources] | None = None
    customer_id: Ids = None
    external_customer_id: Texts = None
    start_timestamp: AwareDatetime | None = None
    end_timestamp: AwareDatetime | None = None
