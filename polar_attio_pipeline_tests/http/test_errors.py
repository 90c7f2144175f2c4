import httpx
import pytest

from polar_attio_pipeline.http.errors import (
    ApiError,
    FatalError,
    Hint,
    LostAnswerError,
    RecordError,
    TransientError,
    explain,
    explain_failure,
)
from polar_attio_pipeline.sync.ports import UnavailableError

REQUEST = httpx.Request("PUT", "https://api.example.com/v1/things/?email=ada@example.com")


def explained(status: int, *, json: object = None, text: str | None = None, **headers: str) -> ApiError:
    response = httpx.Response(status, json=json, text=text, headers=headers, request=REQUEST)
    return explain(response, service="Service", hints={(400, "plan"): Hint(FatalError, "{service}: {code}.")})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (301, None, FatalError),
        (307, None, FatalError),
        (400, None, RecordError),
        (400, "value_not_found", RecordError),
        (400, "plan", FatalError),
        (401, None, FatalError),
        (402, None, FatalError),
        (403, None, FatalError),
        (404, None, RecordError),
        (405, None, FatalError),
        (408, None, LostAnswerError),
        (409, "slug_conflict", RecordError),
        (409, "concurrent_write_conflict", TransientError),
        (422, None, RecordError),
        (425, None, TransientError),
        (429, None, TransientError),
        (500, None, LostAnswerError),
        (502, None, LostAnswerError),
        (503, None, LostAnswerError),
        (599, None, LostAnswerError),
    ],
)
def test_the_class_says_what_to_do(status: int, code: str | None, kind: type[ApiError]) -> None:
    error = explained(status, json={"code": code} if code else None)

    assert type(error) is kind
    assert (error.service, error.status, error.code) == ("Service", status, code)
    assert error.request == "PUT /v1/things/"


@pytest.mark.parametrize("status", [307, 401, 402, 403, 404, 405, 409, 422, 429, 500, 503])
def test_the_sentence_says_what_and_where_and_nothing_private(status: int) -> None:
    text = str(explained(status, json={"detail": [{"input": "ada@example.com"}], "code": "ada@example.com"}))

    assert text.startswith("Service")
    assert text.endswith(".")
    assert f"{status}" in text
    assert "PUT /v1/things/" in text
    assert "@" not in text


@pytest.mark.parametrize(
    ("json", "code"),
    [
        ({"code": "not_found", "type": "x"}, "not_found"),
        ({"error": "ResourceNotFound", "detail": "Not found"}, "ResourceNotFound"),
        ({"detail": "Not Found"}, None),
        ({"code": 7}, None),
        (["code"], None),
        ("code", None),
    ],
)
def test_the_code_is_read_from_either_services_body(json: object, code: str | None) -> None:
    assert explained(400, json=json).code == code


@pytest.mark.parametrize("text", ["", "<html><h1>502 Bad Gateway</h1></html>", "Internal Server Error", "{"])
def test_bodies_that_are_no_json_are_explained_all_the_same(text: str) -> None:
    error = explained(502, text=text)

    assert isinstance(error, LostAnswerError)
    assert error.payload is None


def test_the_id_for_the_services_support_is_named() -> None:
    error = explained(500, **{"x-attio-execution-id": "95269b9f-45d1"})

    assert error.execution_id == "95269b9f-45d1"
    assert str(error).endswith("(Service's execution id 95269b9f-45d1).")


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (httpx.UnsupportedProtocol("no scheme"), FatalError),
        (httpx.InvalidURL("bad"), FatalError),
        (httpx.ConnectError("refused"), TransientError),
        (httpx.ConnectTimeout("slow"), TransientError),
        (httpx.PoolTimeout("busy"), TransientError),
        (httpx.ReadTimeout("silent"), LostAnswerError),
        (httpx.ReadError("reset"), LostAnswerError),
        (httpx.WriteError("reset"), LostAnswerError),
        (httpx.RemoteProtocolError("cut"), LostAnswerError),
        (httpx.DecodingError("not gzip"), LostAnswerError),
        (TimeoutError(), LostAnswerError),
        (ValueError("no JSON"), LostAnswerError),
    ],
)
def test_no_connection_is_told_from_a_lost_answer(cause: Exception, kind: type[ApiError]) -> None:
    error = explain_failure(cause, service="Service", request="PUT /v1/things/")

    assert type(error) is kind
    assert error.status is None
    assert error.code == type(cause).__name__


def test_what_may_pass_is_unavailable_to_the_engine_and_what_will_not_is_not() -> None:
    assert isinstance(explained(503), UnavailableError)
    assert not isinstance(explained(401), UnavailableError)
    assert not isinstance(explained(400), UnavailableError)
