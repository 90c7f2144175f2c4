"""Checks answers of the sandbox against what Attio's OpenAPI document allows."""

import httpx

from polar_attio_pipeline_tests.fixtures import schemas

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
    """Fail where an answer contradicts the document."""
    await response.aread()
    operation = schemas.attio(response.request.method, response.request.url.path)
    if operation is None:
        assert response.status_code == 404 or response.request.url.path.endswith(NOT_IN_THE_DOCUMENT)
        return
    body, status = response.json(), response.status_code
    if status == 200:
        data = body.get("data")
        operation.answers[status].validate({**body, "data": data[:_ENOUGH]} if isinstance(data, list) else body)
        return
    if (status, body["code"]) in operation.codes:
        operation.answers[status].validate(body)
    else:
        assert (status, body["code"]) in UNDECLARED
    assert body["status_code"] == status
    assert set(body) <= {"status_code", "type", "code", "message", "path", "validation_errors"}
