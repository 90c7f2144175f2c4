import httpx
import pytest
from jsonschema import ValidationError

from polar_attio_pipeline_tests.sandbox.attio import contract


def answer(method: str, path: str, status: int, body: object) -> httpx.Response:
    return httpx.Response(status, json=body, request=httpx.Request(method, f"https://api.attio.com{path}"))


def refusal(status: int, code: str) -> dict[str, object]:
    return {"status_code": status, "type": "invalid_request_error", "code": code, "message": "No."}


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v2/objects", 200, {"data": [{"api_slug": "people"}]}),
        ("POST", "/v2/objects/people/records/query", 200, {"data": [{"id": {}}]}),
        ("GET", "/v2/objects/people/attributes/name", 200, {"data": {"type": "name"}}),
        ("PUT", "/v2/objects/people/records", 422, refusal(422, "invalid")),
        ("PUT", "/v2/objects/people/records", 400, {**refusal(400, "validation_type"), "detail": "more"}),
        ("PUT", "/v2/objects/people/records", 400, refusal(404, "validation_type")),
    ],
)
async def test_the_check_of_every_other_test_here_fails_an_answer_that_attio_would_not_give(
    method: str, path: str, status: int, body: object
) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        await contract.check(answer(method, path, status, body))


async def test_and_it_passes_one_that_attio_would_give() -> None:
    await contract.check(answer("PUT", "/v2/objects/people/records", 400, refusal(400, "uniqueness_conflict")))
