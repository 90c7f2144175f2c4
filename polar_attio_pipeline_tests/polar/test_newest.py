"""The newest customers, although rows among them cannot be serialised."""

import httpx
import pytest

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline_tests.polar.fakes import FakePolar, api, row

NOBODY = range(0)


@pytest.mark.parametrize(
    ("broken", "places", "requests"),
    [
        (NOBODY, range(100), 1),
        ({99}, range(50), 2),
        ({42}, range(25), 3),
        ({8, 20, 42}, range(5), 5),
        ({4}, range(1), 6),
        ({0}, range(1, 2), 7),
        ({0, 1, 2, 3}, range(4, 5), 10),
    ],
)
async def test_bad_rows_cost_a_few_requests_and_leave_the_newest_that_can_be_had(
    broken: set[int], places: range, requests: int
) -> None:
    polar = FakePolar([row(number) for number in range(250)], broken=broken)
    async with api(polar) as connection:
        page = await PolarClient(connection).newest()

    assert [customer.id for customer in page.items] == [row(place)["id"] for place in places]
    assert page.start == places.start
    assert page.total_count == 250
    assert len(polar.requests) == requests


@pytest.mark.parametrize("limit", [100, 10, 5, 1])
async def test_where_nothing_can_be_had_it_is_given_up_after_few_requests(limit: int) -> None:
    polar = FakePolar([row(number) for number in range(250)], broken=range(250))
    async with api(polar) as connection:
        with pytest.raises(LostAnswerError, match="Polar is failing"):
            await PolarClient(connection).newest(limit)

    assert len(polar.requests) <= 10


async def test_a_service_that_is_down_is_not_asked_for_smaller_pages() -> None:
    requests: list[httpx.Request] = []

    def down(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(503)

    async with api(down, retry=RetryPolicy(attempts=1)) as connection:
        with pytest.raises(LostAnswerError):
            await PolarClient(connection).newest()

    assert len(requests) == 1
