import dagster as dg
import httpx
from pydantic import SecretStr

from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline_tests.polar.fakes import TOKEN, FakePolar, row


class OverFakePolar(PolarResource):
    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(FakePolar([row(number) for number in range(3)]))


async def test_the_resource_yields_an_open_client() -> None:
    resource = OverFakePolar(access_token=SecretStr(TOKEN), api_url="https://api.polar.sh", requests_per_minute=100_000)

    async with resource.client() as client:
        page = await client.page(1)

    assert page.total_count == 3
    assert page.items[0].url.startswith("https://polar.sh/dashboard/acme/")


async def test_a_slug_that_is_set_stands_in_links() -> None:
    resource = OverFakePolar(
        access_token=SecretStr(TOKEN),
        api_url="https://api.polar.sh",
        requests_per_minute=100_000,
        organization_slug="mine",
    )

    async with resource.client() as client:
        assert (await client.page(1)).items[0].url.startswith("https://polar.sh/dashboard/mine/")


def test_an_asset_can_ask_for_it_and_the_token_is_in_no_representation() -> None:
    totals: list[int] = []

    @dg.asset
    async def reads(polar: PolarResource) -> None:
        async with polar.client() as client:
            totals.append((await client.newest()).total_count)

    resource = OverFakePolar(access_token=SecretStr(TOKEN), api_url="https://api.polar.sh", requests_per_minute=100_000)
    result = dg.materialize([reads], resources={"polar": resource})

    assert result.success
    assert totals == [3]
    assert TOKEN not in repr(resource)
