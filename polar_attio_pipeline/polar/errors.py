"""What Polar's refusals mean, each in a sentence that names the setting to change."""

import re

import httpx

from polar_attio_pipeline.http.errors import ApiError, FatalError, Hint, Hints, RecordError, body, explain
from polar_attio_pipeline.polar.paths import CUSTOMERS, EXPORT, MEMBERS

_SCOPES = re.compile(r'\bscope="(\w+:\w+(?: \w+:\w+)*)"')

_HINTS: Hints = {
    (401, None): Hint(
        FatalError,
        "Polar does not accept the token ({status} on {request}): set POLAR_ACCESS_TOKEN to a live organization access "
        "token of the same environment as {url_setting}, since those of its sandbox and of production differ.",
    ),
    # The only 404 with a code is a missing customer; an unknown path or API version has none (measured).
    (404, "ResourceNotFound"): Hint(RecordError, "Polar has no such customer ({status} on {request})."),
    (404, None): Hint(
        FatalError,
        "Polar's API is not at this address ({status} on {request}): set {url_setting} to https://api.polar.sh, or to "
        "https://sandbox-api.polar.sh for its sandbox; if it is, Polar does not serve the API version that "
        "POLAR_API_VERSION names, so set a newer one.",
    ),
    (422, None): Hint(
        FatalError,
        "Polar does not understand the request ({status} on {request}): its API has changed, so look for a newer "
        "version of this pipeline.",
    ),
}


class MissingScopeError(FatalError):
    """The token lacks the scope for one kind of request; it may be allowed others."""


_NO_ID = Hint(RecordError, "Polar does not take this as a customer's id ({status} on {request}).")
_ABOUT_ONE: Hints = {**_HINTS, (422, None): _NO_ID}
_ABOUT_MEMBERS: Hints = {**_ABOUT_ONE, (404, None): _NO_ID}


def is_server_error(error: ApiError) -> bool:
    """Tell the answer that a row causes which Polar cannot serialise from those of gateways and of the network."""
    return error.status == httpx.codes.INTERNAL_SERVER_ERROR


def is_hopeless(error: ApiError) -> bool:
    """Tell whether Polar would refuse every other request as well."""
    return error.status == httpx.codes.UNAUTHORIZED


def explain_polar(response: httpx.Response) -> ApiError:
    """Return the error that an answer of Polar's stands for."""
    # Which scopes would do stands only in this header; any one of them is enough (measured).
    named = _SCOPES.search(response.headers.get("WWW-Authenticate", ""))
    scopes = " or ".join(named[1].split()) if named else "customers:read"
    sentence = (
        "Polar's token lacks a scope ({status} on {request}): give the token in POLAR_ACCESS_TOKEN " + scopes + "."
    )
    forbidden = {
        (403, "insufficient_scope"): Hint(MissingScopeError, sentence),
        (403, None): Hint(FatalError, sentence),
    }
    return explain(response, service="Polar", hints={**_hints(response), **forbidden})


def _hints(response: httpx.Response) -> Hints:
    path = response.request.url.path
    if path.startswith(CUSTOMERS) and path not in (CUSTOMERS, EXPORT):
        return _ABOUT_ONE
    if path == MEMBERS and not _is_unknown_route(body(response)):
        return _ABOUT_MEMBERS
    return _HINTS


def _is_unknown_route(payload: object) -> bool:
    return not isinstance(payload, dict) or payload.get("detail") == "Not Found"
