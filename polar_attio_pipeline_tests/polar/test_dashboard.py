import pytest

from polar_attio_pipeline.polar.dashboard import customer_url


@pytest.mark.parametrize(
    ("api_url", "slug", "url"),
    [
        ("https://api.polar.sh", "acme", "https://polar.sh/dashboard/acme/customers/c1"),
        ("https://api.polar.sh", None, "https://polar.sh/to/dashboard/customers/c1"),
        ("https://sandbox-api.polar.sh", "acme", "https://sandbox.polar.sh/dashboard/acme/customers/c1"),
        ("https://sandbox-api.polar.sh/", None, "https://sandbox.polar.sh/to/dashboard/customers/c1"),
        ("http://127.0.0.1:8000", "acme", "https://polar.sh/dashboard/acme/customers/c1"),
    ],
)
def test_the_link_opens_the_customer_in_the_dashboard_of_the_same_environment(
    api_url: str, slug: str | None, url: str
) -> None:
    assert customer_url("c1", api_url=api_url, slug=slug) == url
