"""What can go wrong between us and an API: the class says what to do with it, the text says it to a person."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from polar_attio_pipeline.http.payloads import execution_id_of, parse
from polar_attio_pipeline.http.redaction import redact, without_tokens
from polar_attio_pipeline.sync.ports import StoppedError, UnavailableError


class ApiError(Exception):
    """A request that did not do what it was meant to.

    `str(error)` is one sentence: what is wrong, where, what to do. It never holds a token, an address or the values
    that were sent; `payload` may, so it is for the adapter's eyes and not for logs.

    Attributes:
        service: Whose API: "Polar", "Attio".
        request: Method and path ("GET /v1/customers/"), never the query string.
        status: The HTTP status; None when no whole answer came.
        code: The service's own word for the error, where the body has one.
        execution_id: What the service's support can look the request up by.
        payload: The parsed body, None when it was no JSON.
        after_lost_answer: Whether an earlier attempt of the same request may have been carried out, although this one
            was refused.
    """

    after_lost_answer: bool = False

    def __init__(  # noqa: PLR0913  # keyword-only
        self,
        sentence: str,
        *,
        service: str,
        request: str,
        status: int | None = None,
        code: str | None = None,
        execution_id: str | None = None,
        payload: object = None,
    ) -> None:
        super().__init__(sentence)
        self.service = service
        self.request = request
        self.status = status
        self.code = code
        self.execution_id = execution_id
        self.payload = payload


class FatalError(ApiError, StoppedError):
    """Every other request would fail the same way: the run ends and a person has to act."""


class TransientError(ApiError, UnavailableError):
    """Worth trying again later; raised once the attempts are used up. To the engine it is an `UnavailableError`.

    Attributes:
        retry_after: Seconds that the service asked to wait, where it did.
    """

    retry_after: float | None = None


class LostAnswerError(TransientError):
    """The answer was lost: the service may have carried the request out, or not."""


class RecordError(ApiError):
    """The service refuses what was said about this one record; the next one may be fine."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What a kind of failure means.

    Attributes:
        kind: The class to raise.
        sentence: For `str.format` with service, request, status, code and url_setting.
    """

    kind: type[ApiError]
    sentence: str


Hints = Mapping[tuple[int, str | None], Hint]
"""Hints by status and the body's code; the code None stands for every other code of that status."""

_WRONG_URL = (
    "{service} has nothing at this address ({status} on {request}): set {url_setting} to the scheme and host alone, "
    "without a path."
)
_DOWN = "{service} is failing ({status} on {request}): look at its status page and run this again later."
_WHERE = "({status} on {request})"

_BY_STATUS: Hints = {
    (401, None): Hint(FatalError, "{service} does not accept the token " + _WHERE + ": set a valid one."),
    (402, None): Hint(FatalError, "{service}'s plan does not allow this " + _WHERE + ": look at the plan."),
    (403, None): Hint(FatalError, "{service} forbids this to the token " + _WHERE + ": give it the missing scope."),
    (405, None): Hint(FatalError, _WRONG_URL),
    (408, None): Hint(LostAnswerError, _DOWN),
    (409, "concurrent_write_conflict"): Hint(
        TransientError, "Others keep changing the same record in {service} " + _WHERE + ": run this again."
    ),
    (425, None): Hint(TransientError, _DOWN),
    (429, None): Hint(
        TransientError,
        "{service} keeps throttling " + _WHERE + ": lower the request rate in the settings, or wait until others that "
        "share the limit are done.",
    ),
}
_REDIRECT = Hint(FatalError, _WRONG_URL)
_PAGE = Hint(
    FatalError,
    "There is a web page where {service}'s API should be ({status} on {request}): set {url_setting} to the scheme and "
    "host of the API.",
)
_SERVER = Hint(LostAnswerError, _DOWN)
_REFUSED = Hint(RecordError, "{service} refused one record ({status} {code} on {request}).")

_CERTAINLY_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BY_EXCEPTION: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Hint], ...] = (
    (
        (httpx.UnsupportedProtocol, httpx.InvalidURL),
        Hint(FatalError, "{url_setting} is no usable address ({request}): it looks like https://api.example.com."),
    ),
    (
        _CERTAINLY_NOT_SENT,
        Hint(TransientError, "{service} cannot be reached ({code} on {request}): check {url_setting} and the network."),
    ),
    (
        Exception,
        Hint(LostAnswerError, "{service} gave no whole answer ({code} on {request}): run this again later."),
    ),
)


def explain(response: httpx.Response, *, service: str, hints: Hints) -> ApiError:
    """Return the error that an answer stands for.

    Args:
        response: Any answer that is not a success; its body may be JSON, HTML or nothing.
        service: Whose API it is.
        hints: What the service's own table knows better than the general one.
    """
    payload = body(response)
    code = _code(payload)
    status = response.status_code
    request = describe(response.request)
    hint = _hint(status, code, hints)
    sentence = _sentence(hint, service=service, request=request, status=status, code=code)
    execution_id = execution_id_of(response)
    if execution_id:
        sentence = f"{sentence.removesuffix('.')} ({service}'s execution id {execution_id})."
    return hint.kind(
        redact(sentence),
        service=service,
        request=request,
        status=status,
        code=code and without_tokens(code),
        execution_id=execution_id,
        payload=payload,
    )


def explain_page(response: httpx.Response, *, service: str) -> ApiError:
    """Return the error that a success stands for which is a web page: no API sends one."""
    return explain(response, service=service, hints={(response.status_code, None): _PAGE})


def explain_failure(cause: Exception, *, service: str, request: str) -> ApiError:
    """Return the error that stands for no (whole) answer: connections, timeouts, cut or unreadable bodies."""
    hint = next(hint for kinds, hint in _BY_EXCEPTION if isinstance(cause, kinds))
    code = type(cause).__name__
    sentence = _sentence(hint, service=service, request=request, status=None, code=code)
    return hint.kind(redact(sentence), service=service, request=request, code=code)


def describe(request: httpx.Request) -> str:
    """Return method and path, and nothing that could be personal or secret."""
    return f"{request.method} {request.url.path}"


def body(response: httpx.Response) -> object:
    """Return the parsed body; None when it is empty or no JSON, as gateways' answers are."""
    try:
        return parse(response.content)
    except ValueError:
        return None


def _code(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return None
    # Attio's word stands under "code", Polar's under "error".
    found = payload.get("code") or payload.get("error")
    return found if isinstance(found, str) else None


def _hint(status: int, code: str | None, hints: Hints) -> Hint:
    for table in (hints, _BY_STATUS):
        if found := table.get((status, code)) or table.get((status, None)):
            return found
    if status >= 500:
        return _SERVER
    return _REFUSED if status >= 400 else _REDIRECT


def _sentence(hint: Hint, *, service: str, request: str, status: int | None, code: str | None) -> str:
    return hint.sentence.format(
        service=service,
        request=request,
        status=status,
        code=code or "without a code",
        url_setting=f"{service.upper()}_API_URL",
    )
