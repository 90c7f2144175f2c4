"""Which address of Polar's is answered by what, and for which scopes."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polar_attio_pipeline.sandbox.polar import errors, event_reads, metrics_reads
from polar_attio_pipeline.sandbox.polar.billing_reads import ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline.sandbox.polar.churn import ChurnRunner
from polar_attio_pipeline.sandbox.polar.edge import TOKEN, WORLD
from polar_attio_pipeline.sandbox.polar.reads import Reads
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.polar.writes import Writes

Endpoint = Callable[[Request], Awaitable[Response]]
Reading = Callable[[PolarWorld, Request], Response]

_READABLE_BY = {"metrics": ("metrics:read",)}
"""What a scope to write does not let read (Polar's server, `metrics/auth.py`)."""


def routes(churn: ChurnRunner) -> list[Route]:
    """Return Polar's routes; each answers for the organization of the request's token.

    Args:
        churn: What happens to customers while they are listed.
    """
    listed = [
        ("/v1/customers/", Reads.customers, "customers"),
        ("/v1/customers/export", Reads.export, "customers"),
        ("/v1/customers/external/{external_id}", Reads.customer, "customers"),
        ("/v1/customers/external/{external_id}/state", Reads.state, "customers"),
        ("/v1/customers/{id}", Reads.customer, "customers"),
        ("/v1/customers/{id}/state", Reads.state, "customers"),
        ("/v1/members/", Reads.members, "members"),
        ("/v1/organizations/", Reads.organizations, "organizations"),
    ]
    billed = [
        ("/v1/subscriptions/", SUBSCRIPTIONS.list, "subscriptions"),
        ("/v1/subscriptions/export", SUBSCRIPTIONS.export, "subscriptions"),
        ("/v1/orders/", ORDERS.list, "orders"),
        ("/v1/orders/export", ORDERS.export, "orders"),
        ("/v1/events/", event_reads.events, "events"),
        ("/v1/metrics/", metrics_reads.metrics, "metrics"),
    ]
    written = [
        ("/v1/customers/", "POST", Writes.create),
        ("/v1/customers/external/{external_id}", "PATCH", Writes.update),
        ("/v1/customers/external/{external_id}", "DELETE", Writes.delete),
        ("/v1/customers/{id}", "PATCH", Writes.update),
        ("/v1/customers/{id}", "DELETE", Writes.delete),
    ]
    return [
        *(Route(path, _reading(_over(handler, churn), what), methods=["GET"]) for path, handler, what in listed),
        *(Route(path, _reading(handler, what), methods=["GET"]) for path, handler, what in billed),
        *(Route(path, _writing(handler), methods=[method]) for path, method, handler in written),
    ]


def _over(handler: Callable[[Reads, Request], Response], churn: ChurnRunner) -> Reading:
    return lambda world, request: handler(Reads(world, churn), request)


def _reading(handler: Reading, what: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            _check_scopes(request, *_READABLE_BY.get(what, (f"{what}:read", f"{what}:write")))
            return handler(request.scope[WORLD], request)
        except errors.RefusedError as refusal:
            return refusal.response

    return endpoint


def _writing(handler: Callable[[Writes, Request, bytes], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            _check_scopes(request, "customers:write")
            return handler(Writes(request.scope[WORLD]), request, await request.body())
        except errors.RefusedError as refusal:
            return refusal.response

    return endpoint


def _check_scopes(request: Request, *scopes: str) -> None:
    token = request.scope[TOKEN]
    if token is None:
        raise errors.RefusedError(errors.unauthorized())
    if not token.scopes.intersection(scopes):
        raise errors.RefusedError(errors.insufficient_scope(scopes))
