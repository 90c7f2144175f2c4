"""What Polar's refusals mean, each in a sentence that names the setting to change."""

import re

import httpx

from polar_attio_pipeline.http.errors import ApiError, FatalError, Hint, Hints, RecordError, explain

_SCOPES = re.compile(r'\bscope="([\w: ]+)"')

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
        "https://sandbox-api.polar.sh for its sandbox; if it is, Polar no longer serves this API version.",
    ),
    (422, None): Hint(
        FatalError,
        "Polar does not understand the request ({status} on {request}): its API has changed, so look for a newer "
        "version of this pipeline.",
    ),
}


def explain_polar(response: httpx.Response) -> ApiError:
    """Return the error that an answer of Polar's stands for."""
    # Which scopes would do stands only in this header; any one of them is enough (measured).
    named = _SCOPES.search(response.headers.get("WWW-Authenticate", ""))
    scopes = " or ".join(named[1].split()) if named else "customers:read"
    forbidden = Hint(
        FatalError,
        "Polar's token lacks a scope ({status} on {request}): give the token in POLAR_ACCESS_TOKEN " + scopes + ".",
    )
    return explain(response, service="Polar", hints={**_HINTS, (403, None): forbidden})
