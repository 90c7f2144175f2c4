"""What Attio answers when it refuses: one envelope for everything, with the field in one of three places."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

JsonPath = Sequence[str | int]


class AttioError(Exception):
    """A refusal, as it goes over the wire.

    Attributes:
        status: The HTTP status.
        kind: The envelope's `type`.
        code: The envelope's `code`.
        message: The envelope's sentence; often the only place that names the attribute.
        details: `validation_errors` or `path`, where the real answer has them.
        retry_at: When to come back, of a 429.
    """

    def __init__(self, status: int, kind: str, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.details = details
        self.retry_at: datetime | None = None

    def body(self) -> dict[str, Any]:
        """Return the envelope."""
        return {
            "status_code": self.status,
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            **self.details,
        }


def bad_request(code: str, message: str, **details: Any) -> AttioError:
    """400: the request would fail again."""
    return AttioError(400, "invalid_request_error", code, message, **details)


def not_found(message: str) -> AttioError:
    """404: an endpoint, object, attribute or record that is not there."""
    return AttioError(404, "invalid_request_error", "not_found", message)


def conflict(code: str, message: str) -> AttioError:
    """409: somebody else was there first."""
    return AttioError(409, "invalid_request_error", code, message)


def unauthorized(message: str) -> AttioError:
    """401: the token is missing or not one."""
    return AttioError(401, "auth_error", "unauthorized", message)


def forbidden(message: str, code: str = "unauthorized") -> AttioError:
    """403: the same code as a 401 unless the plan is the reason."""
    return AttioError(403, "auth_error", code, message)


def rate_limited(retry_at: datetime, message: str = "Rate limit exceeded, please try again later") -> AttioError:
    """429, with the time at which a client may come back."""
    error = AttioError(429, "rate_limit_error", "rate_limit_exceeded", message)
    error.retry_at = retry_at
    return error


def object_not_found(identifier: str) -> AttioError:
    """404 of an object."""
    return not_found(f'Object with slug/ID "{identifier}" not found.')


def attribute_not_found(identifier: str) -> AttioError:
    """404 of an attribute that is part of the address."""
    return not_found(f'Attribute with slug/ID "{identifier}" not found.')


def record_not_found(record_id: str) -> AttioError:
    """404 of a record: never there, deleted, or merged into another."""
    return not_found(f'Record with ID "{record_id}" not found.')


def invalid_body(*errors: dict[str, Any]) -> AttioError:
    """400: the body's shape is wrong; the errors' paths say where."""
    return bad_request("validation_type", "Body payload validation error.", validation_errors=list(errors))


def invalid_query(*errors: dict[str, Any]) -> AttioError:
    """400: the query string is wrong."""
    return bad_request("validation_type", "Query params validation error.", validation_errors=list(errors))


def invalid_value(slug: str, *errors: dict[str, Any]) -> AttioError:
    """400: a value that its attribute does not take; the errors' paths start inside the value."""
    details = {"validation_errors": list(errors)} if errors else {}
    return bad_request("validation_type", f'An invalid value was passed to attribute with slug "{slug}".', **details)


def invalid_input(path: JsonPath, message: str = "Invalid input") -> dict[str, Any]:
    """Return a validation error without an expected type."""
    return {"code": "invalid", "path": list(path), "message": message}


def wrong_type(path: JsonPath, expected: str, *got: Any) -> dict[str, Any]:
    """Return the validation error of a missing value (no `got`) or of one whose JSON type is wrong."""
    received = json_type(got[0]) if got else "undefined"
    return {
        "code": "invalid_type",
        "path": list(path),
        "message": f"Expected {expected}, received {received}" if got else "Required",
        "expected": expected,
        "received": received,
    }


def json_type(value: Any) -> str:
    """Return JavaScript's name of a JSON value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
