"""From a request to an answer: token, limits, scopes, body, and the headers that Attio sends with everything."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal, Protocol
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from polar_attio_pipeline.sandbox.attio.errors import AttioError, invalid_body, rate_limited, wrong_type
from polar_attio_pipeline.sandbox.attio.failures import BrokenRecordError
from polar_attio_pipeline.sandbox.attio.schema import ObjectType
from polar_attio_pipeline.sandbox.attio.store import Actor, Record
from polar_attio_pipeline.sandbox.attio.tokens import authenticate
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.json_response import Json

_EXPOSED = (
    "x-attio-client,x-attio-execution-id,x-attio-platform,x-attio-platform-version,x-attio-record-query-score,"
    "x-attio-app-installation-bundle-id,WWW-Authenticate"
)


class Limits(Protocol):
    """Counts requests; each method returns None if one may pass, else when to come back."""

    def read(self) -> datetime | None:
        """Count a read."""
        ...

    def write(self) -> datetime | None:
        """Count a write."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has a token with the scopes it needs."""

    world: AttioWorld
    actor: Actor
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    @property
    def object_type(self) -> ObjectType:
        """The object of the address.

        Raises:
            AttioError: there is none; 404.
        """
        return self.world.object_type(self.path["object"])

    @property
    def record(self) -> Record:
        """The record of the address.

        Raises:
            AttioError: there is none; 404.
        """
        return self.world.store.record(self.object_type, self.path["record_id"])

    def payload(self) -> dict[str, Any]:
        """Return the body.

        Raises:
            AttioError: it is no JSON object; 400.
        """
        if not isinstance(self.body, dict):
            raise invalid_body(wrong_type([], "object", self.body))
        return self.body

    def data(self, *allowed: str) -> dict[str, Any]:
        """Return the body's `data`.

        Raises:
            AttioError: it is missing, is no object, or has another key than those allowed; 400.
        """
        payload = self.payload()
        data = payload.get("data")
        if not isinstance(data, dict):
            found = [data] if "data" in payload else []
            raise invalid_body(wrong_type(["data"], "object", *found))
        unknown = [key for key in data if key not in allowed]
        if unknown:
            named = ", ".join(f"'{key}'" for key in unknown)
            message = f"Unrecognized key(s) in object: {named}"
            raise invalid_body({"code": "unrecognized_keys", "path": ["data"], "message": message})
        return data


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes into a 200: the body, and headers of its own."""

    body: Any
    headers: Mapping[str, str] | None = None


Handler = Callable[[Call], Answer]
Kind = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its address below `/v2`, what it does, which limit counts it, and the scopes it needs."""

    method: str
    path: str
    handler: Handler
    kind: Kind
    scopes: tuple[str, ...]


def route(world: AttioWorld, limits: Limits, endpoint: Endpoint) -> Route:
    """Return the route of an endpoint."""

    async def handle(request: Request) -> Response:
        raw = await request.body()
        with world.settled():
            try:
                token = authenticate(world.tokens, request.headers.get("authorization"), endpoint.scopes)
                retry_at = limits.read() if endpoint.kind == "read" else limits.write()
                if retry_at is not None:
                    raise rate_limited(retry_at)
                actor = Actor("api-token", token.client_id)
                call = Call(world, actor, request.path_params, request.query_params, _parse(raw))
                answer = endpoint.handler(call)
            except AttioError as error:
                return refuse(world, error)
            except BrokenRecordError:
                return PlainTextResponse("Internal Server Error", 500)
            return respond(world, 200, answer.body, answer.headers)

    return Route(f"/v2{endpoint.path}", handle, methods=[endpoint.method])


def respond(world: AttioWorld, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Json:
    """Return an answer with the headers that Attio sends with every one (recorded)."""
    now = world.clock()
    common = {
        "date": format_datetime(now.astimezone(UTC), usegmt=True),
        "x-attio-execution-id": str(uuid4()),
        "access-control-allow-origin": "*",
        "access-control-expose-headers": _EXPOSED,
        "vary": "Origin",
    }
    response = Json(body, status, {**common, **(headers or {})})
    response.headers["content-type"] = "application/json; charset=utf-8"
    return response


def refuse(world: AttioWorld, error: AttioError) -> Json:
    """Return a refusal; a 429 says as an HTTP date when to come back."""
    headers = {}
    if error.retry_at is not None:
        headers["retry-after"] = format_datetime(error.retry_at.astimezone(UTC), usegmt=True)
    return respond(world, error.status, error.body(), headers)


def _parse(raw: bytes) -> Any:
    if not raw:
        return {}
    try:
        return json.loads(raw, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        raise invalid_body({"code": "custom", "path": [], "message": "Body is not valid JSON"}) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number
