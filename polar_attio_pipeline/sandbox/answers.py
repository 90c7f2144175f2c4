"""What a fault answers in the place of a service."""

import json
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.faults import Fault
from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar import errors as polar_errors
from polar_attio_pipeline.sandbox.wire import Answer

_GATEWAY_TITLES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
_ATTIO_CODES = {400: "validation_type", 403: "unauthorized", 404: "not_found", 409: "concurrent_write_conflict"}
_REFUSED = "The sandbox refuses this request."
_NO_ITEMS = {"items": [], "pagination": {"total_count": 0, "max_page": 0}}


def gateway(status: int) -> Response:
    """Return a gateway's page of HTML, or the plain text of a server that crashed (500)."""
    if status == 500:
        return PlainTextResponse("Internal Server Error", 500)
    title = f"{status} {_GATEWAY_TITLES[status]}"
    return HTMLResponse(
        f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>", status
    )


def attio_too_many() -> Response:
    """Return Attio's 429, without a `Retry-After`."""
    kind, code = "rate_limit_error", "rate_limit_exceeded"
    return Json(AttioError(429, kind, code, "Rate limit exceeded, please try again later").body(), 429)


def attio_refusal(fault: Fault) -> Response:
    """Return Attio's envelope with the status and the code of the fault."""
    kind = "auth_error" if fault.status == 403 else "invalid_request_error"
    code = fault.code or _ATTIO_CODES.get(fault.status, "validation_type")
    return Json(AttioError(fault.status, kind, code, _REFUSED).body(), fault.status)


def polar_refusal(fault: Fault, path: str) -> Response:
    """Return Polar's refusal: the missing scope (403), nothing there (404), or an error with the fault's code."""
    if fault.status == 403 and fault.code is None:
        resource = path.split("/")[2]
        return polar_errors.insufficient_scope((f"{resource}:read", f"{resource}:write"))
    if fault.status == 404 and fault.code is None:
        return polar_errors.not_found()
    return Json({"error": fault.code or "PolarRequestValidationError", "detail": _REFUSED}, fault.status)


def emptied(answer: Answer) -> Answer:
    """Return a page of a list without items, or an export without rows; a refusal stays what it is."""
    if answer.start["status"] != 200:
        return answer
    if Headers(raw=answer.start["headers"])["content-type"].startswith("text/csv"):
        header, line_end, _ = answer.body.partition(b"\r\n")
        return replace(answer, body=header + line_end)
    return replace(answer, body=json.dumps(_NO_ITEMS, separators=(",", ":")).encode())
