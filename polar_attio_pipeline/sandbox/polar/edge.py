"""What every request under `/v1` passes before its route: version, token, rate limit; and the headers back."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polar_attio_pipeline.sandbox.polar import errors
from polar_attio_pipeline.sandbox.polar.limits import WINDOW_SECONDS, PolarLimits
from polar_attio_pipeline.sandbox.polar.rows import Token
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

TOKEN = "polar.token"
"""Where a request's valid token is in its scope."""
WORLD = "polar.world"
"""Where the organization of that token is."""


class PolarEdge:
    """ASGI middleware over Polar's half of the address space; the rest goes through untouched."""

    def __init__(self, app: ASGIApp, world: PolarWorld, limits: PolarLimits) -> None:
        self._app = app
        self._world = world
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to the route."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _is_preflight(scope["method"], headers):
            await _preflight(headers)(scope, receive, send)
            return
        version = headers.get("polar-version", errors.VERSION)
        if version not in errors.VERSIONS:
            await errors.no_route()(scope, receive, send)
            return
        credential = headers.get("authorization", "")
        world, token = self._authenticate(credential)
        hit = self._limits.known(world.organization.id) if token else self._limits.unknown(credential)
        if not hit:
            await send_too_many(send, str(WINDOW_SECONDS), version=version)
            return
        scope[TOKEN], scope[WORLD] = token, world
        if self._limits.environment == "sandbox":
            send = _of_sandbox(send)
        if scope["method"] == "HEAD":
            await errors.no_method()(scope, receive, with_headers(send, version=version))
            return
        if credential.lower().startswith("bearer ") and token is None:
            await errors.invalid_token()(scope, receive, with_headers(send, version=version))
            return
        await self._app(scope, receive, with_headers(send, version=version))

    def _authenticate(self, credential: str) -> tuple[PolarWorld, Token | None]:
        scheme, _, value = credential.partition(" ")
        found = self._world.of_token(value) if scheme.lower() == "bearer" else None
        return found or (self._world, None)


def _is_preflight(method: str, headers: Headers) -> bool:
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def _preflight(headers: Headers) -> Response:
    """Answer a browser that asks whether it may ask: any origin may."""
    allowed = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "access-control-max-age": "600",
        "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
    }
    return PlainTextResponse("OK", headers=allowed)


def with_headers(send: Send, *, version: str = errors.VERSION) -> Send:
    """Add the headers that Polar's server puts on everything but its crashes."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 500:
            headers = MutableHeaders(raw=message["headers"])
            headers.setdefault("cache-control", "private, no-store")
            headers["polar-version"] = version
        await send(message)

    return wrapped


def _of_sandbox(send: Send) -> Send:
    """Add the header that only Polar's own sandbox sends."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message["headers"])["x-polar-sandbox"] = "1"
        await send(message)

    return wrapped


async def send_too_many(send: Send, retry_after: str | None, *, version: str = errors.VERSION) -> None:
    """Send Polar's 429: no body, no content-type, no headers about the limit but `Retry-After`."""
    headers = [(b"polar-version", version.encode())]
    if retry_after is not None:
        headers.insert(0, (b"retry-after", retry_after.encode()))
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
