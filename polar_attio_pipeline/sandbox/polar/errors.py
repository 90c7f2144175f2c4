"""Polar's refusals, word for word and header for header."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response

from polar_attio_pipeline.sandbox.json_response import Json

VERSION = "2026-04"
"""The API version that the server speaks unless asked for another."""

VERSIONS = frozenset({VERSION, "2026-10", "2027-01"})
"""Those that it speaks: customers are the same in all of them. The one that was asked for is echoed."""

_INVALID_TOKEN = "The access token provided is expired, revoked, malformed, or invalid for other reasons."  # a message
_INSUFFICIENT_SCOPE = "The request requires higher privileges than provided by the access token."
_REALM = 'Bearer realm="polar"'


class RefusedError(Exception):
    """Ends a request with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def unauthorized() -> Response:
    """401 for a request without a token."""
    return Json({"error": "Unauthorized", "detail": "Unauthorized"}, 401, headers={"WWW-Authenticate": _REALM})


def invalid_token() -> Response:
    """401 for a token that is unknown, expired or revoked. It has no `detail`."""
    return _oauth(401, "invalid_token", _INVALID_TOKEN, "")


def insufficient_scope(scopes: Sequence[str]) -> Response:
    """403; the scopes, any of which would do, are named in a header only."""
    return _oauth(403, "insufficient_scope", _INSUFFICIENT_SCOPE, f' scope="{" ".join(scopes)}",')


def _oauth(status: int, error: str, description: str, extra: str) -> Response:
    challenge = f'{_REALM},{extra} error="{error}", error_description="{description}"'
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache", "WWW-Authenticate": challenge}
    return Json({"error": error, "error_description": description}, status, headers=headers)


def not_found(detail: str = "Not found") -> Response:
    """404 for a resource that is not there, or no longer."""
    return Json({"error": "ResourceNotFound", "detail": detail}, 404)


def no_route() -> Response:
    """404 for an address that is not there, and for an API version that is not supported."""
    return Json({"detail": "Not Found"}, 404)


def no_method() -> Response:
    """405 for a method that the address does not take; HEAD is one everywhere."""
    return Json({"detail": "Method Not Allowed"}, 405, headers={"Allow": "GET"})


def invalid(detail: Sequence[dict[str, Any]]) -> Response:
    """422 for what does not parse."""
    return Json({"error": "RequestValidationError", "detail": list(detail)}, 422)


def refused(field: str, message: str, value: Any) -> dict[str, Any]:
    """Return one entry of a 422's detail about a field of the body."""
    return {"type": "value_error", "loc": ["body", field], "msg": message, "input": value}


def conflicts(detail: Sequence[dict[str, Any]]) -> Response:
    """422 for what parses but cannot be."""
    return Json({"error": "PolarRequestValidationError", "detail": list(detail)}, 422)


def server_error() -> Response:
    """500 as the server gives it when its own response model refuses a row: plain text."""
    return PlainTextResponse("Internal Server Error", 500)
