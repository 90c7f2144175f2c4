"""Checks answers of the sandbox against Attio's published OpenAPI document."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema

SHARED = Path(__file__).parents[3].parent / "shared"
DOCUMENT = SHARED / "contracts" / "attio-v2.openapi.json"

NOT_IN_THE_DOCUMENT = ("/records/merge",)
"""Endpoints that are younger than the document."""

_ENOUGH = 10
"""How much of a list is checked: a page of 500 takes seconds, and its records are alike."""

UNDECLARED = {
    (400, "filter_error"),
    (400, "invalid_filter_field"),
    (400, "invalid_filter_operator"),
    (400, "matching_attribute_definition_not_unique"),
    (400, "missing_value"),
    (400, "multiple_match_results"),
    (400, "particle_gate_violation"),
    (400, "self_merge"),
    (400, "system_edit_unauthorized"),
    (400, "uniqueness_conflict"),
    (400, "unknown_filter_attribute_slug"),
    (400, "validation_type"),
    (400, "value_not_found"),
    (401, "unauthorized"),
    (403, "billing_error"),
    (403, "unauthorized"),
    (404, "not_found"),
    (409, "concurrent_write_conflict"),
    (429, "rate_limit_exceeded"),
}
"""What the live service also answers (captured, measured or documented elsewhere), beyond each operation's own list."""


async def check(response: httpx.Response) -> None:
    """Fail where an answer contradicts the document; answers of endpoints that do not exist are left alone."""
    await response.aread()
    operation = _operation(response.request.method, response.request.url.path)
    if operation is None:
        return
    body, status = response.json(), response.status_code
    if status == 200:
        data = body.get("data")
        operation[status].validate({**body, "data": data[:_ENOUGH]} if isinstance(data, list) else body)
        return
    schema = operation.get(status)
    if schema and body["code"] in schema.schema["properties"]["code"]["enum"]:
        schema.validate(body)
    else:
        assert (status, body["code"]) in UNDECLARED
    assert body["status_code"] == status
    assert set(body) <= {"status_code", "type", "code", "message", "path", "validation_errors"}


def _operation(method: str, path: str) -> dict[int, Any] | None:
    if path.endswith(NOT_IN_THE_DOCUMENT):
        return None
    operations = _operations()
    return next((operations[key] for key in operations if key[0] == method and key[1].fullmatch(path)), None)


@cache
def _operations() -> dict[tuple[str, re.Pattern[str]], dict[int, Any]]:
    document = json.loads(DOCUMENT.read_text())
    return {
        (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", template))): {
            int(status): jsonschema.Draft202012Validator(
                _inlined(document, answer["content"]["application/json"]["schema"])
            )
            for status, answer in operation["responses"].items()
        }
        for template, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _inlined(document: Any, node: Any) -> Any:
    """Return a schema without references, and with null where the document's two dialects allow it."""
    if isinstance(node, list):
        return [_inlined(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(document, document["components"]["schemas"][node["$ref"].rpartition("/")[2]])
    schema = {name: _inlined(document, item) for name, item in node.items()}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema and "null" in schema.get("type", ()):
        # The document forgets null in such enums; the recorded answers have it.
        schema["enum"] = [*schema["enum"], None]
    return schema
