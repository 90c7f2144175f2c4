"""Which address of Polar's is answered by what, and for which scopes."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.edge import TOKEN
from polar_attio_pipeline.sandbox.polar.reads import Reads
from polar_attio_pipeline.sandbox.polar.writes import Writes

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(reads: Reads, writes: Writes) -> list[Route]:
    """Return Polar's routes."""
    listed = [
        ("/v1/customers/", reads.customers, "customers"),
        ("/v1/customers/export", reads.export, "customers"),
        ("/v1/customers/external/{external_id}", reads.customer, "customers"),
        ("/v1/customers/external/{external_id}/state", reads.state, "customers"),
        ("/v1/customers/{id}", reads.customer, "customers"),
        ("/v1/customers/{id}/state", reads.state, "customers"),
        ("/v1/members/", reads.members, "members"),
        ("/v1/subscriptions/", reads.subscriptions, "subscriptions"),
        ("/v1/organizations/", reads.organizations, "organizations"),
    ]
    written = [
        ("/v1/customers/", "POST", writes.create),
        ("/v1/customers/external/{external_id}", "PATCH", writes.update),
        ("/v1/customers/external/{external_id}", "DELETE", writes.delete),
        ("/v1/customers/{id}", "PATCH", writes.update),
        ("/v1/customers/{id}", "DELETE", writes.delete),
    ]
    return [
        *(Route(path, _reading(handler, what), methods=["GET"]) for path, handler, what in listed),
        *(Route(path, _writing(handler), methods=[method]) for path, method, handler in written),
    ]


def _reading(handler: Callable[[Request], Response], what: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            _check_scopes(request, f"{what}:read", f"{what}:write")
            return handler(request)
        except errors.RefusedError as refusal:
            return refusal.response

    return endpoint


def _writing(handler: Callable[[Request, bytes], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            _check_scopes(request, "customers:write")
            return handler(request, await request.body())
        except errors.RefusedError as refusal:
            return refusal.response

    return endpoint


def _check_scopes(request: Request, *scopes: str) -> None:
    token = request.scope[TOKEN]
    if token is None:
        raise errors.RefusedError(errors.unauthorized())
    if not token.scopes.intersection(scopes):
        raise errors.RefusedError(errors.insufficient_scope(scopes))
