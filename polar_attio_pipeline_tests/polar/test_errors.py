import httpx
import pytest

from polar_attio_pipeline.http.errors import ApiError, FatalError, LostAnswerError, RecordError, TransientError
from polar_attio_pipeline.polar.errors import MissingScopeError, explain_polar
from polar_attio_pipeline_tests.polar.fakes import recorded


def explained(response: httpx.Response) -> ApiError:
    response.request = httpx.Request("GET", "https://api.polar.sh/v1/customers/?email=ada@example.com")
    return explain_polar(response)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("error_401_no_token", FatalError, "POLAR_ACCESS_TOKEN"),
        ("error_401_bogus_token", FatalError, "POLAR_ACCESS_TOKEN"),
        ("error_403_insufficient_scope", MissingScopeError, "customers:read or customers:write"),
        ("error_404_customer", RecordError, "no such customer"),
        ("error_404_unknown_api_version", FatalError, "POLAR_API_URL to https://api.polar.sh"),
        ("redirect_307_missing_slash", FatalError, "POLAR_API_URL"),
        ("error_422_bad_sorting", FatalError, "newer version"),
        ("error_429_rate_limited", TransientError, "keeps throttling"),
    ],
)
def test_each_recorded_refusal_is_one_sentence_that_says_what_to_do(name: str, kind: type[ApiError], says: str) -> None:
    error = explained(recorded(name))

    assert type(error) is kind
    assert says in str(error)
    assert "(429 on GET /v1/customers/)" in str(error) or f"({error.status} on GET /v1/customers/)" in str(error)
    assert "ada" not in str(error)


def test_a_403_without_the_header_names_the_scope_all_the_same() -> None:
    assert "customers:read" in str(explained(httpx.Response(403)))


def test_a_gateways_page_is_a_lost_answer() -> None:
    assert isinstance(explained(httpx.Response(502, html="<h1>Bad gateway</h1>")), LostAnswerError)
