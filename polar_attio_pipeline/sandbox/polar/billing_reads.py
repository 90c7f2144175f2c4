"""Polar's routes that read subscriptions and orders: a list and an export of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.polar.billing_export import (
    ORDER_COLUMNS,
    SUBSCRIPTION_COLUMNS,
    Columns,
    Exported,
    billing_csv,
)
from polar_attio_pipeline.sandbox.polar.billing_params import (
    OrdersExport,
    OrdersFilter,
    OrdersQuery,
    SubscriptionsExport,
    SubscriptionsFilter,
    SubscriptionsQuery,
)
from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.book import Book
from polar_attio_pipeline.sandbox.polar.listing import is_any_of, listed, matching, values, within
from polar_attio_pipeline.sandbox.polar.ordering import cut_page
from polar_attio_pipeline.sandbox.polar.params import metadata_filter, parse_query
from polar_attio_pipeline.sandbox.polar.render_billing import order_json, subscription_json
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

_OF_ACTIVE = {True: ["trialing", "active"], False: ["canceled", "unpaid"]}
"""What `active` lists: past due and paused ones are in neither (seen on Polar's server)."""

Row = TypeVar("Row", Subscription, Order)
Query = TypeVar("Query", SubscriptionsQuery, OrdersQuery)
Export = TypeVar("Export", SubscriptionsExport, OrdersExport)


@dataclass(frozen=True, slots=True)
class Readable(Generic[Row, Query, Export]):
    """One kind of row: how it is listed and exported.

    Attributes:
        query: Parameters of the list.
        parameters: Parameters of the export.
        sorting: Order of the export.
        book: Returns where the rows are.
        chosen: Returns the rows that the filters of both let through.
        listed: Returns those of them that the filters of the list let through.
        show: Returns a row as JSON, given its customer.
        what: Names the file of the export.
        columns: Those of the export.
    """

    query: type[Query]
    parameters: type[Export]
    sorting: str
    book: Callable[[PolarWorld], Book[Row]]
    chosen: Callable[[Sequence[Row], Query | Export], Sequence[Row]]
    listed: Callable[[Sequence[Row], Query], Sequence[Row]]
    show: Callable[[PolarWorld, Row, Customer], dict[str, Any]]
    what: str
    columns: Columns[Row]

    def list(self, world: PolarWorld, request: Request) -> Response:
        """List rows, each with its customer and what else belongs to it."""
        query = parse_query(self.query, request.query_params)
        with world.lock:
            world.settle()
            rows, key = self.book(world).ordered(query.sorting, _customers(world, query))
            rows = self.listed(self._chosen(world, rows, query), query)
            if metadata_filter(request.query_params):
                # None of these rows has any.
                rows = []
            page = cut_page(rows, key, offset=query.offset, limit=query.size)
            shown = [self.show(world, row, customer_of(world, row.customer_id)) for row in page]
        return listed(shown, len(rows), query)

    def export(self, world: PolarWorld, request: Request) -> Response:
        """Export rows as CSV."""
        query = parse_query(self.parameters, request.query_params)
        with world.lock:
            world.settle()
            rows = self._chosen(world, self.book(world).ordered([self.sorting])[0], query)
            exported = [Exported(row, customer_of(world, row.customer_id), query.zone) for row in rows]
        wanted = query.columns if query.columns is None or isinstance(query.columns, list) else [query.columns]
        return billing_csv(self.what, self.columns, exported, wanted)

    def _chosen(self, world: PolarWorld, rows: Sequence[Row], query: Query | Export) -> Sequence[Row]:
        if not is_any_of(world.organization.id, query.organization_id):
            return []
        rows = matching(rows, (query.status, lambda row: row.status), (query.product_id, lambda row: row.product.id))
        return self.chosen(rows, query)


def customer_of(world: PolarWorld, customer_id: str) -> Customer:
    """Return a customer, deleted or not, as readers see it."""
    return world.view.get(customer_id) or world.deleted.get(customer_id) or world.customers[customer_id]


def _customers(world: PolarWorld, query: SubscriptionsQuery | OrdersQuery) -> frozenset[str] | None:
    """Return the ids of the customers whose rows are asked for; None: everybody's."""
    wanted, external = values(query.customer_id), values(query.external_customer_id)
    if external is None:
        return wanted
    known = frozenset(row.id for text in external if (row := world.by_external_id(text)) is not None)
    return known if wanted is None else known & wanted


def _chosen_subscriptions(rows: Sequence[Subscription], query: SubscriptionsFilter) -> Sequence[Subscription]:
    if query.cancel_at_period_end is not None:
        rows = [row for row in rows if row.cancel_at_period_end == query.cancel_at_period_end]
    return within(rows, lambda row: row.started_at, query.started_after, query.started_before)


def _listed_subscriptions(rows: Sequence[Subscription], query: SubscriptionsQuery) -> Sequence[Subscription]:
    rows = matching(
        rows,
        (query.discount_id, lambda row: row.discount_id),
        (query.customer_cancellation_reason, lambda row: row.reason),
        (query.active if query.active is None else _OF_ACTIVE[query.active], lambda row: row.status),
    )
    return within(rows, lambda row: row.canceled_at, query.canceled_at_after, query.canceled_at_before, inclusive=True)


def _chosen_orders(rows: Sequence[Order], query: OrdersFilter) -> Sequence[Order]:
    return within(rows, lambda row: row.created_at, query.created_after, query.created_before)


def _listed_orders(rows: Sequence[Order], query: OrdersQuery) -> Sequence[Order]:
    return matching(
        rows,
        (query.product_billing_type, lambda row: row.product.billing_type),
        (query.discount_id, lambda row: row.discount_id),
        (query.checkout_id, lambda _: None),
        (query.subscription_id, lambda row: row.subscription_id),
    )


def _subscription(world: PolarWorld, row: Subscription, customer: Customer) -> dict[str, Any]:
    return subscription_json(row, customer, world.organization.id)


def _order(world: PolarWorld, row: Order, customer: Customer) -> dict[str, Any]:
    subscription = world.subscriptions[row.subscription_id] if row.subscription_id else None
    return order_json(row, customer, subscription, world.organization.id)


SUBSCRIPTIONS = Readable(
    query=SubscriptionsQuery,
    parameters=SubscriptionsExport,
    sorting="-started_at",
    book=lambda world: world.subscriptions,
    chosen=_chosen_subscriptions,
    listed=_listed_subscriptions,
    show=_subscription,
    what="subscriptions",
    columns=SUBSCRIPTION_COLUMNS,
)
ORDERS = Readable(
    query=OrdersQuery,
    parameters=OrdersExport,
    sorting="-created_at",
    book=lambda world: world.orders,
    chosen=_chosen_orders,
    listed=_listed_orders,
    show=_order,
    what="orders",
    columns=ORDER_COLUMNS,
)
