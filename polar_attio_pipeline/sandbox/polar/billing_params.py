"""What requests for subscriptions, orders and events may say."""

from typing import Annotated, TypeAlias, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from pydantic_core import PydanticCustomError

from polar_attio_pipeline.sandbox.polar.billing_export import ORDER_COLUMNS, SUBSCRIPTION_COLUMNS
from polar_attio_pipeline.sandbox.polar.billing_rows import BillingType, OrderStatus, Reason, Status
from polar_attio_pipeline.sandbox.polar.events import Source
from polar_attio_pipeline.sandbox.polar.params import Ids, Page, enumeration, one_of
from polar_attio_pipeline.sandbox.polar.subscriptions import ORDER_FIELDS, SUBSCRIPTION_FIELDS

SubscriptionStatus = Annotated[Status, enumeration("SubscriptionStatus", get_args(Status))]
CancellationReason = Annotated[Reason, enumeration("CustomerCancellationReason", get_args(Reason))]
OrderStatuses = Annotated[OrderStatus, enumeration("OrderStatus", get_args(OrderStatus))]
BillingTypes = Annotated[BillingType, enumeration("ProductBillingType", get_args(BillingType))]
EventSources = Annotated[Source, enumeration("EventSource", get_args(Source))]

Texts: TypeAlias = str | list[str] | None
SubscriptionSort = Annotated[str, one_of(*SUBSCRIPTION_FIELDS)]
OrderSort = Annotated[str, one_of(*ORDER_FIELDS)]
EventSort = Annotated[str, one_of("timestamp")]


def _timezone(name: str) -> str:
    if name not in available_timezones():
        reason = f"{name!r} is not a valid IANA time zone"
        raise PydanticCustomError("value_error", "Value error, {reason}", {"reason": reason})
    return name


class Export(BaseModel):
    """What every export of billing takes."""

    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """Of the times that are written."""
        return ZoneInfo(self.timezone)


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


SubscriptionColumn = Annotated[str, enumeration("SubscriptionExportColumn", SUBSCRIPTION_COLUMNS)]


class SubscriptionsExport(Export, SubscriptionsFilter):
    """Parameters of `GET /v1/subscriptions/export`."""

    columns: SubscriptionColumn | list[SubscriptionColumn] | None = None


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


OrderColumn = Annotated[str, enumeration("OrderExportColumn", ORDER_COLUMNS)]


class OrdersExport(Export, OrdersFilter):
    """Parameters of `GET /v1/orders/export`."""

    columns: OrderColumn | list[OrderColumn] | None = None


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
