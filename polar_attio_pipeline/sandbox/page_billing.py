"""Billing on the page: what a customer holds in Polar, and what a person can make of it."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, NonNegativeInt, PositiveInt
from starlette.requests import Request
from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar.billing import Billing
from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Reason, Status, Subscription
from polar_attio_pipeline.sandbox.world import Sandbox

_RECENT = 6
"""How many orders the page shows of one customer."""

_RUNNING: Mapping[Status, tuple[str, ...]] = {
    "trialing": ("end_trial", "cancel", "revoke"),
    "active": ("renew", "cancel", "pause", "past_due", "revoke"),
    "past_due": ("cancel", "revoke"),
    "paused": ("resume", "revoke"),
}
"""What can be done to a subscription of each status; nothing to others."""


class SubscriptionGiven(BaseModel):
    """A subscription to begin; a product of a new name is made of the rest."""

    product: str = "Pro"
    amount: NonNegativeInt = 2900
    currency: str = "usd"
    trial_days: NonNegativeInt = 0


class PurchaseGiven(BaseModel):
    """Something to buy once."""

    product: str = "Handbook"
    amount: NonNegativeInt = 1900
    currency: str = "usd"


class CancellationGiven(BaseModel):
    """Why a subscription is cancelled."""

    reason: Reason | None = None


class RefundGiven(BaseModel):
    """How much to give back, in the currency's smallest unit; None: all that is left."""

    amount: PositiveInt | None = None


def held_by(billing: Billing, customer_id: str) -> dict[str, Any]:
    """Return the subscriptions and the newest orders of a customer, newest first, with what can be done to each."""
    orders = [order for order in billing.orders.of(customer_id) if order.total_amount]
    return {
        "subscriptions": [_subscription(row) for row in reversed(billing.subscriptions.of(customer_id))],
        "orders": [_order(row) for row in reversed(orders[-_RECENT:])],
    }


def _subscription(row: Subscription) -> dict[str, Any]:
    can = _RUNNING.get(row.status, ())
    if row.cancel_at_period_end:
        can = tuple("uncancel" if action == "cancel" else action for action in can)
    return {
        "id": row.id,
        "product": row.product.name,
        "status": "canceling" if row.cancel_at_period_end and row.status == "active" else row.status,
        "amount": row.amount,
        "currency": row.currency,
        "interval": row.interval,
        "until": row.current_period_end.isoformat(),
        "ended_at": row.ended_at and row.ended_at.isoformat(),
        "can": can,
    }


def _order(row: Order) -> dict[str, Any]:
    left = row.net_amount - row.refunded_amount
    return {
        "id": row.id,
        "product": row.product.name,
        "status": row.status,
        "amount": row.net_amount,
        "refunded": row.refunded_amount,
        "currency": row.currency,
        "created_at": row.created_at.isoformat(),
        "can": ("pay",) if row.status == "pending" else ("refund",) if row.paid and left else (),
    }


class BillingPage:
    """The handlers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._billing = sandbox.polar.billing

    async def subscribe(self, request: Request) -> Response:
        """Begin a subscription."""
        given = SubscriptionGiven.model_validate_json(await request.body() or b"{}")
        customer = self._sandbox.polar.customers[request.path_params["id"]]
        product = self._billing.product(given.product, amount=given.amount, currency=given.currency)
        row = self._billing.subscribe(
            customer.id, product, trial_days=given.trial_days, amount=given.amount, currency=given.currency
        )
        return Json({"id": row.id}, 201)

    async def buy(self, request: Request) -> Response:
        """Buy something once."""
        given = PurchaseGiven.model_validate_json(await request.body() or b"{}")
        customer = self._sandbox.polar.customers[request.path_params["id"]]
        product = self._billing.product(given.product, amount=given.amount, currency=given.currency, interval=None)
        row = self._billing.buy_once(customer.id, product, amount=given.amount, currency=given.currency)
        return Json({"id": row.id}, 201)

    async def change_subscription(self, request: Request) -> Response:
        """Do something to a subscription."""
        subscription_id, action = request.path_params["id"], request.path_params["action"]
        if action == "cancel":
            given = CancellationGiven.model_validate_json(await request.body() or b"{}")
            self._billing.cancel(subscription_id, given.reason)
        else:
            self._changes()[action](subscription_id)
        return Response(status_code=204)

    async def change_order(self, request: Request) -> Response:
        """Pay an order, or give back what was paid."""
        order_id = request.path_params["id"]
        if request.path_params["action"] == "refund":
            given = RefundGiven.model_validate_json(await request.body() or b"{}")
            self._billing.refund(order_id, given.amount)
        else:
            self._billing.pay(order_id)
        return Response(status_code=204)

    def _changes(self) -> Mapping[str, Callable[[str], object]]:
        billing = self._billing
        return {
            "uncancel": billing.uncancel,
            "pause": billing.pause,
            "resume": billing.resume,
            "past_due": billing.past_due,
            "end_trial": billing.end_trial,
            "renew": billing.renew,
            "revoke": billing.revoke,
        }
