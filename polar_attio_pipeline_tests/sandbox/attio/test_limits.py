import math
from email.utils import parsedate_to_datetime

import httpx
import pytest

from polar_attio_pipeline.sandbox.attio.limits import READS_PER_SECOND, WRITES_PER_SECOND, AttioLimits
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock


@pytest.fixture
def limits(clock: StillClock) -> AttioLimits:
    return AttioLimits(clock)


async def exhaust(api: Api, reads: int) -> None:
    for _ in range(reads):
        assert (await api.query()).status_code == 200


async def test_a_second_takes_a_hundred_reads_and_the_query_is_one(api: Api) -> None:
    await exhaust(api, READS_PER_SECOND)

    refused = await api.http.get("/v2/objects")

    assert refused.status_code == 429
    assert refused.json() == {
        "status_code": 429,
        "type": "rate_limit_error",
        "code": "rate_limit_exceeded",
        "message": "Rate limit exceeded, please try again later",
    }


async def test_retry_after_is_the_date_of_the_next_second(api: Api, clock: StillClock) -> None:
    await exhaust(api, READS_PER_SECOND)

    refused = await api.query()

    assert refused.headers["Retry-After"] == "Tue, 03 Nov 2026 12:00:01 GMT"
    assert parsedate_to_datetime(refused.headers["Date"]) == clock().replace(microsecond=0)
    assert refused.headers["x-attio-execution-id"]


async def test_windows_are_the_seconds_of_the_clock(api: Api, clock: StillClock) -> None:
    await exhaust(api, READS_PER_SECOND)

    clock.advance(0.7)
    still_refused = await api.query()
    clock.advance(0.05)
    passed = await api.query()

    assert (still_refused.status_code, passed.status_code) == (429, 200)


async def test_writes_have_a_limit_of_their_own(api: Api) -> None:
    answers = [await api.upsert({"email_addresses": ["a@b.com"]}) for _ in range(WRITES_PER_SECOND + 1)]

    assert [answer.status_code for answer in answers[-2:]] == [200, 429]
    assert (await api.query()).status_code == 200


async def test_a_refused_write_is_not_carried_out(api: Api, world: AttioWorld) -> None:
    for number in range(WRITES_PER_SECOND + 5):
        await api.upsert({"email_addresses": [f"p{number}@b.com"]})

    assert world.people_count() == world.writes == WRITES_PER_SECOND


@pytest.mark.parametrize(("scale", "status"), [(2, 200), (math.inf, 200), (0.5, 429)])
async def test_the_limits_can_be_scaled_and_lifted(api: Api, limits: AttioLimits, scale: float, status: int) -> None:
    limits.scale = scale
    answers: list[httpx.Response] = [await api.query() for _ in range(READS_PER_SECOND + 1)]

    assert answers[-1].status_code == status


async def test_self_is_not_counted(api: Api) -> None:
    await exhaust(api, READS_PER_SECOND)

    assert (await api.http.get("/v2/self")).status_code == 200
