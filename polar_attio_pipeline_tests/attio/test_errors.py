from typing import Any

import httpx
import pytest

from polar_attio_pipeline.attio.errors import (
    QueryTooComplexError,
    data_of,
    explain_answer,
    list_of,
    message_of,
    slug_of,
)
from polar_attio_pipeline.http.errors import ApiError, FatalError, RecordError, TransientError
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline_tests.fixtures.answers import fixture

QUERY = "/v2/objects/people/records/query"
RECORDS = "/v2/objects/people/records"
ONE_RECORD = "/v2/objects/people/records/891dcbfc-9141-415d-9b2a-2238a6cc012d"
ATTRIBUTES = "/v2/objects/people/attributes"


def answer(status: int, body: Any, *, path: str = RECORDS, method: str = "POST") -> httpx.Response:
    request = httpx.Request(method, f"https://api.attio.com{path}")
    content = {"text": body} if isinstance(body, str) else {"json": body}
    return httpx.Response(status, request=request, headers={"x-attio-execution-id": "exec-1"}, **content)


def envelope(code: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"status_code": 0, "type": "invalid_request_error", "code": code, "message": message, **more}


def explained(status: int, code: str, message: str = "", *, path: str = RECORDS, method: str = "POST") -> ApiError:
    return explain_answer(answer(status, envelope(code, message), path=path, method=method))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "validation_type", RecordError),
        (400, "value_not_found", RecordError),
        (400, "missing_value", RecordError),
        (400, "uniqueness_conflict", RecordError),
        (400, "merge_in_progress", RecordError),
        (400, "particle_gate_violation", FatalError),
        (400, "quota_exceeded", FatalError),
        (403, "billing_error", FatalError),
        (401, "unauthorized", FatalError),
        (403, "unauthorized", FatalError),
        (409, "concurrent_write_conflict", TransientError),
        (409, "slug_conflict", RecordError),
        (429, "rate_limit_exceeded", TransientError),
        (500, "internal", TransientError),
        (302, "", FatalError),
    ],
)
def test_each_refusal_says_by_its_class_what_to_do_with_it(status: int, code: str, kind: type[ApiError]) -> None:
    assert isinstance(explained(status, code), kind)


def test_401_and_403_share_a_code_and_are_told_apart_by_the_status() -> None:
    assert "set a valid key" in str(explained(401, "unauthorized"))
    assert "record_permission:read-write" in str(explained(403, "unauthorized"))


def test_a_403_while_attributes_are_created_names_the_scope_for_that() -> None:
    assert "object_configuration:read-write" in str(explained(403, "unauthorized", path=ATTRIBUTES))


@pytest.mark.parametrize("error", [explained(401, "unauthorized"), explained(403, "billing_error")])
def test_a_fatal_sentence_carries_what_attios_support_asks_for(error: ApiError) -> None:
    assert "execution id exec-1" in str(error)


@pytest.mark.parametrize(
    "response",
    [
        answer(404, envelope("not_found", 'Could not find endpoint "POST /v2/objects/people/records".')),
        answer(404, "<html>nothing here</html>", path=ONE_RECORD),
        answer(404, envelope("not_found", f'Could not find endpoint "PATCH {ONE_RECORD}".'), path=ONE_RECORD),
        answer(404, envelope("not_found", "The referenced object was not found."), path=QUERY),
        answer(404, envelope("not_found", 'Object with slug/ID "people" not found.')),
        answer(405, "<html>no</html>"),
    ],
    ids=["endpoint", "html", "endpoint of a record", "endpoint of the search", "object", "method"],
)
def test_an_address_that_is_no_attio_api_is_said_to_be_one(response: httpx.Response) -> None:
    error = explain_answer(response)

    assert isinstance(error, FatalError)
    assert "ATTIO_API_URL" in str(error)


def test_a_record_that_is_gone_concerns_that_record_alone() -> None:
    error = explained(404, "not_found", 'Record with ID "891dcbfc" not found.', path=ONE_RECORD, method="PATCH")

    assert isinstance(error, RecordError)


def test_a_filter_that_is_no_longer_understood_ends_the_run() -> None:
    error = explained(400, "unknown_filter_attribute_slug", "Unknown attribute slug: polar_customer.", path=QUERY)

    assert isinstance(error, FatalError)
    assert "polar-attio doctor" in str(error)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (429, "Please reduce the complexity of your query."),
        (400, "The query is too complex."),
        (400, "Request body is too large."),
        (413, "Payload Too Large"),
    ],
)
def test_a_query_that_is_too_complex_is_not_one_that_came_too_soon(status: int, message: str) -> None:
    assert isinstance(explained(status, "rate_limit_exceeded", message, path=QUERY), QueryTooComplexError)


def test_a_plain_rate_limit_on_a_query_is_only_transient() -> None:
    error = explained(429, "rate_limit_exceeded", "Rate limit exceeded, please try again later", path=QUERY)

    assert isinstance(error, TransientError)


def test_a_success_without_data_is_no_answer_of_attios() -> None:
    with pytest.raises(FatalError, match="ATTIO_API_URL"):
        data_of(Answer({"hello": "world"}, answer(200, {"hello": "world"})))


@pytest.mark.parametrize("data", [None, {}, "records", 7])
def test_what_should_be_a_list_and_is_none_is_no_answer_of_attios(data: object) -> None:
    with pytest.raises(FatalError, match="ATTIO_API_URL"):
        list_of(Answer({"data": data}, answer(200, {"data": data})))


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (
            envelope("validation_type", 'An invalid value was passed to attribute with slug "polar_country".'),
            "polar_country",
        ),
        (envelope("missing_value", 'Required value for attribute with ID "uuid-1" was not provided.'), "stage"),
        (envelope("missing_value", 'Required value for attribute with ID "uuid-2" was not provided.'), "uuid-2"),
        (
            envelope(
                "validation_type",
                "Body payload validation error.",
                validation_errors=[{"path": ["data", "values", "name", 0], "message": "Invalid input"}],
            ),
            "name",
        ),
        (envelope("validation_type", "Body payload validation error."), None),
        (envelope("validation_type", "", validation_errors=["odd", {"path": "odd"}]), None),
        ("<html>Bad Request</html>", None),
    ],
)
def test_the_attribute_is_found_wherever_attio_names_it(body: Any, slug: str | None) -> None:
    assert slug_of(explain_answer(answer(400, body)), slug_by_id={"uuid-1": "stage"}) == slug


def test_attios_sentence_is_given_with_what_it_says_of_each_part() -> None:
    body = envelope(
        "validation_type",
        'An invalid value was passed to attribute with slug "name".',
        validation_errors=[
            {"code": "invalid_type", "path": ["first_name"], "message": "Required"},
            {"code": "invalid_type", "path": ["last_name"], "message": "Required"},
        ],
    )

    assert message_of(explain_answer(answer(400, body))) == (
        'An invalid value was passed to attribute with slug "name". (first_name: Required; last_name: Required)'
    )


def test_every_known_real_error_body_becomes_one_sentence() -> None:
    entries = [entry for entry in fixture("attio/errors.json") if entry["status"] >= 400]

    sentences = [str(explain_answer(answer(entry["status"], entry["body"]))) for entry in entries]

    assert len(sentences) > 20
    assert all(sentence.endswith((".", ").")) and "\n" not in sentence for sentence in sentences)
