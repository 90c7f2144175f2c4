"""Polar's routes that read subscriptions and orders."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.polar.billing_export import orders_csv, subscriptions_csv
from polar_attio_pipeline.sandbox.polar.billing_params import (
    OrdersExport,
    OrdersFilter,
    OrdersQuery,
    SubscriptionsExport,
    SubscriptionsFilter,
    SubscriptionsQuery,
)
from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.listing import is_any_of, listed, matching, values, within
from polar_attio_pipeline.sandbox.polar.ordering import cut_page
from polar_attio_pipeline.sandbox.polar.params import metadata_filter, parse_query
from polar_attio_pipeline.sandbox.polar.render_billing import order_json, subscription_json
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

_OF_ACTIVE = {True: ["trialing", "active"], False: ["canceled", "unpaid"]}
"""What `active` lists: past due and paused ones are in neither (seen on Polar's server)."""


def subscriptions(world: PolarWorld, request: Request) -> Response:
    """List subscriptions, each with its customer and product."""
    query = parse_query(SubscriptionsQuery, request.query_params)
    with world.lock:
        world.settle()
        rows, key = world.subscriptions.ordered(query.sorting, _customers(world, query))
        rows = _subscriptions(world, rows, query)
        rows = matching(
            rows,
            (query.discount_id, lambda row: row.discount_id),
            (query.customer_cancellation_reason, lambda row: row.reason),
            (query.active if query.active is None else _OF_ACTIVE[query.active], lambda row: row.status),
        )
        rows = within(
            rows, lambda row: row.canceled_at, query.canceled_at_after, query.canceled_at_before, inclusive=True
        )
        rows = _without_metadata(rows, request)
        page = cut_page(rows, key, offset=query.offset, limit=query.size)
        shown = [_subscription(world, row) for row in page]
    return listed(shown, len(rows), query)


def export_subscriptions(world: PolarWorld, request: Request) -> Response:
    """Export subscriptions as CSV."""
    query = parse_query(SubscriptionsExport, request.query_params)
    with world.lock:
        world.settle()
        rows = _subscriptions(world, world.subscriptions.ordered(["-started_at"])[0], query)
        return subscriptions_csv([(row, customer_of(world, row.customer_id)) for row in rows], query.columns)


def orders(world: PolarWorld, request: Request) -> Response:
    """List orders, each with its customer, product and subscription."""
    query = parse_query(OrdersQuery, request.query_params)
    with world.lock:
        world.settle()
        rows, key = world.orders.ordered(query.sorting, _customers(world, query))
        rows = _orders(world, rows, query)
        rows = matching(
            rows,
            (query.product_billing_type, lambda row: "one_time" if row.product.interval is None else "recurring"),
            (query.discount_id, lambda row: row.discount_id),
            (query.checkout_id, lambda _: None),
            (query.subscription_id, lambda row: row.subscription_id),
        )
        rows = _without_metadata(rows, request)
        page = cut_page(rows, key, offset=query.offset, limit=query.size)
        shown = [_order(world, row) for row in page]
    return listed(shown, len(rows), query)


def export_orders(world: PolarWorld, request: Request) -> Response:
    """Export orders as CSV."""
    query = parse_query(OrdersExport, request.query_params)
    with world.lock:
        world.settle()
        rows = _orders(world, world.orders.ordered(["-created_at"])[0], query)
        return orders_csv([(row, customer_of(world, row.customer_id)) for row in rows], query.columns)


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


def _subscriptions(
    world: PolarWorld, rows: Sequence[Subscription], query: SubscriptionsFilter
) -> Sequence[Subscription]:
    if not is_any_of(world.organization.id, query.organization_id):
        return []
    rows = matching(rows, (query.status, lambda row: row.status), (query.product_id, lambda row: row.product.id))
    if query.cancel_at_period_end is not None:
        rows = [row for row in rows if row.cancel_at_period_end == query.cancel_at_period_end]
    return within(rows, lambda row: row.started_at, query.started_after, query.started_before)


def _orders(world: PolarWorld, rows: Sequence[Order], query: OrdersFilter) -> Sequence[Order]:
    if not is_any_of(world.organization.id, query.organization_id):
        return []
    rows = matching(rows, (query.status, lambda row: row.status), (query.product_id, lambda row: row.product.id))
    return within(rows, lambda row: row.created_at, query.created_after, query.created_before)


def _without_metadata(rows: Sequence[Any], request: Request) -> Sequence[Any]:
    """Return no row when metadata is asked for: none of these rows has any."""
    return [] if metadata_filter(request.query_params) else rows


def _subscription(world: PolarWorld, row: Subscription) -> dict[str, Any]:
    return subscription_json(row, customer_of(world, row.customer_id), world.organization.id)


def _order(world: PolarWorld, row: Order) -> dict[str, Any]:
    subscription = world.subscriptions[row.subscription_id] if row.subscription_id else None
    return order_json(row, customer_of(world, row.customer_id), subscription, world.organization.id)
