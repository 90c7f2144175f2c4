"""What Attio's refusals mean: its table of hints, and the reading of its error bodies."""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from polar_attio_pipeline.http.errors import (
    ApiError,
    FatalError,
    Hint,
    Hints,
    RecordError,
    body,
    explain,
)
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline.http.redaction import without_tokens

SERVICE = "Attio"
SELF_PATH = "/v2/self"


class ConfigurationError(FatalError):
    """The token or the workspace is not as the sync needs it; the text lists everything that is wrong."""


class QueryTooComplexError(RecordError):
    """This query would be refused for ever; a smaller one may be fine."""


_BAD_KEY = (
    "Attio does not accept ATTIO_API_KEY ({status} on {request}): set a valid key, from Workspace settings, Developers."
)
_MISSING_SCOPE = (
    "Attio forbids this to ATTIO_API_KEY ({status} on {request}): give the key the scopes "
    "record_permission:read-write and object_configuration:read under Workspace settings, Developers."
)
_MISSING_SCOPE_TO_CONFIGURE = (
    "Attio forbids ATTIO_API_KEY to change attributes ({status} on {request}): give the key the scope "
    "object_configuration:read-write under Workspace settings, Developers; it can be taken back after the set-up."
)
_PLAN = (
    "Attio's plan does not allow this ({code} on {request}): look at the workspace's plan and limits under Workspace "
    "settings, Billing."
)
_NOT_ATTIO = (
    "There is no Attio API behind {url_setting} ({status} on {request}): set it to https://api.attio.com, or leave it "
    "out."
)
_NO_OBJECT = (
    "Attio has no such object ({status} on {request}): switch it on in Attio under Workspace settings, Objects."
)
_FILTER = (
    "Attio does not understand the search any more ({code} on {request}): an attribute was changed while this ran; run "
    "`polar-attio doctor`."
)
_TOO_COMPLEX = "Attio finds the search too complex ({status} on {request})."

# No record is to blame for these, whatever their status.
PLAN_CODES = ("billing_error", "quota_exceeded", "limit_reached", "particle_gate_violation")

_HINTS: Hints = {
    (401, None): Hint(FatalError, _BAD_KEY),
    (403, None): Hint(FatalError, _MISSING_SCOPE),
    **{(status, code): Hint(FatalError, _PLAN) for status in (400, 402, 403) for code in PLAN_CODES},
}
_CONFIGURING: Hints = {**_HINTS, (403, None): Hint(FatalError, _MISSING_SCOPE_TO_CONFIGURE)}
_NO_API: Hints = {(status, None): Hint(FatalError, _NOT_ATTIO) for status in (404, 405)}
_SEARCHING: Hints = {**_HINTS, **_NO_API, (400, None): Hint(FatalError, _FILTER)}
_COMPLEX: Hints = {(status, None): Hint(QueryTooComplexError, _TOO_COMPLEX) for status in (400, 413, 429)}

_NO_OBJECT_HINTS: Hints = {**_HINTS, (404, None): Hint(FatalError, _NO_OBJECT)}

_ATTRIBUTES = re.compile(r"/v2/objects/[^/]+/attributes(/.+)?")
_ONE_RECORD = re.compile(r"/v2/objects/[^/]+/records/.+")
_OPTIONS = re.compile(r"/v2/objects/[^/]+/attributes/[^/]+/options")
_SLUG = re.compile(r'attribute with slug(?:/ID)? "([^"]+)"', re.IGNORECASE)
_OPTION = re.compile(r'select option (?:title|ID) "(.+)"', re.IGNORECASE)
_ID = re.compile(r'attribute with ID "([^"]+)"', re.IGNORECASE)


def explain_answer(response: httpx.Response) -> ApiError:
    """Return the error that one of Attio's answers stands for."""
    return explain(response, service=SERVICE, hints=_hints(response))


def data_of(answer: Answer) -> Any:
    """Return what stands under `data` in a successful answer.

    Raises:
        FatalError: the answer is none of Attio's; something else lives at this address.
    """
    payload = answer.payload
    if not isinstance(payload, dict) or "data" not in payload:
        raise not_attio(answer)
    return payload["data"]


def list_of(answer: Answer) -> list[Any]:
    """Return the list that stands under `data` in a successful answer.

    Raises:
        FatalError: as for `data_of`.
    """
    data = data_of(answer)
    if not isinstance(data, list):
        raise not_attio(answer)
    return data


def not_attio(answer: Answer) -> ApiError:
    """Return the error for an answer that Attio's API would not give."""
    response = answer.response
    return explain(response, service=SERVICE, hints={**_NO_API, (response.status_code, None): _NO_API[404, None]})


def message_of(error: ApiError) -> str:
    """Return Attio's own sentence with what it says of each field: may hold personal data, and no token."""
    payload = error.payload if isinstance(error.payload, Mapping) else {}
    message = payload.get("message")
    details = [f"{'.'.join(map(str, path))}: {text}" for path, text in _validation_errors(payload)]
    said = message if isinstance(message, str) and message else str(error)
    return without_tokens(f"{said} ({'; '.join(details)})" if details else said)


def slug_of(error: ApiError, *, slug_by_id: Mapping[str, str]) -> str | None:
    """Return the slug of the attribute that was refused, where the answer names it.

    Attio names it in its sentence, by slug or by id, or as the path of a validation error.
    """
    message = message_of(error)
    if found := _SLUG.search(message):
        return found[1]
    if found := _ID.search(message):
        return slug_by_id.get(found[1], found[1])
    payload = error.payload if isinstance(error.payload, Mapping) else {}
    paths = [path for path, _ in _validation_errors(payload)]
    return next((str(path[2]) for path in paths if path[:2] == ["data", "values"] and len(path) > 2), None)


def option_of(error: ApiError) -> str | None:
    """Return the title or id of a select option that is not there or archived, where the answer is about one.

    Such an answer names the option and not the attribute.
    """
    found = _OPTION.search(message_of(error)) if error.code == "value_not_found" else None
    return found[1] if found else None


def _hints(response: httpx.Response) -> Hints:
    status, path = response.status_code, response.request.url.path
    payload = body(response)
    message = str(payload.get("message", "")) if isinstance(payload, dict) else ""
    if path.endswith("/records/query"):
        return _COMPLEX if _too_complex(status, message) else _SEARCHING
    is_about_attributes = bool(_ATTRIBUTES.fullmatch(path))
    if is_about_attributes and response.request.method != "GET":
        return _CONFIGURING
    if status == 404 and is_about_attributes and message.startswith("Object with"):
        return _NO_OBJECT_HINTS
    is_about_one = _ONE_RECORD.fullmatch(path) or _OPTIONS.fullmatch(path)
    gone = status == 404 and is_about_one and payload and "endpoint" not in message
    return _HINTS if gone else {**_HINTS, **_NO_API}


def _too_complex(status: int, message: str) -> bool:
    """Tell a query that is too complex from one that came too soon: both are 429, told apart by words alone.

    No recording of either is known; docs.attio.com says to "reduce the complexity" of the former.
    """
    said = message.lower()
    return (
        status == 413
        or (status == 429 and "complex" in said)
        or (status == 400 and any(words in said for words in ("complex", "too large", "too long", "too many")))
    )


def _validation_errors(payload: Mapping[str, Any]) -> list[tuple[list[Any], str]]:
    errors = payload.get("validation_errors")
    return [
        (error["path"], str(error.get("message", "")))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and isinstance(error.get("path"), list)
    ]
