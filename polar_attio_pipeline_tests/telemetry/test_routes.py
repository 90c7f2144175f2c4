import pytest

from polar_attio_pipeline.telemetry.routes import route


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/customers/", "/v1/customers/"),
        ("/v1/customers/export", "/v1/customers/export"),
        ("/v1/customers/7f8a1c1e-0000-4000-8000-000000000001", "/v1/customers/{id}"),
        ("/v2/objects/people/records/query", "/v2/objects/people/records/query"),
        ("/v2/objects/people/records/7f8a1c1e-0000-4000-8000-000000000001", "/v2/objects/people/records/{id}"),
        ("/v2/objects/people/attributes/polar_status/options", "/v2/objects/people/attributes/{id}/options"),
        ("/v1/customers/ada@example.com", "/v1/customers/{id}"),
        ("/a proxy's prefix/v1/customers/", "/{id}/v1/customers/"),
    ],
)
def test_a_route_is_the_path_without_anything_that_is_no_word_of_the_services(path: str, expected: str) -> None:
    assert route(path) == expected
