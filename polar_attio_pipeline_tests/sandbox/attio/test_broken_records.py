"""A person that Attio cannot show: each answer that would hold it is a 500, and all others are as ever."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from polar_attio_pipeline.sandbox.attio.limits import AttioLimits
from polar_attio_pipeline.sandbox.attio.routes import routes
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock


@pytest.fixture
async def api(world: AttioWorld, limits: AttioLimits) -> AsyncIterator[Api]:
    """A client without the check against the contract, which knows no 500."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=routes(world, limits))),
        base_url="https://api.attio.com",
        headers={"Authorization": f"Bearer {ATTIO_TOKEN}"},
    ) as http:
        yield Api(http)


@pytest.fixture
def people(world: AttioWorld, clock: StillClock) -> list[str]:
    """Five people, the third of them broken."""
    ids = []
    for number in range(5):
        ids.append(world.add_person(emails=[f"p{number}@example.com"]))
        clock.advance()
    world.break_person(ids[2])
    return ids


async def test_it_fails_alone_and_each_list_with_it_and_nothing_else(api: Api, people: list[str]) -> None:
    alone = [(await api.http.get(f"/v2/objects/people/records/{one}")).status_code for one in people]
    oldest_first = [{"direction": "asc", "attribute": "created_at"}]
    whole = await api.query(sorts=oldest_first)
    before, it, behind = [await api.query(sorts=oldest_first, offset=start, limit=2) for start in (0, 2, 3)]
    search = await api.query(filter={"email_addresses": "p2@example.com"})

    assert alone == [200, 200, 500, 200, 200]
    assert [answer.status_code for answer in (whole, before, it, behind, search)] == [500, 200, 500, 200, 500]


async def test_a_write_to_it_is_carried_out_and_not_confirmed(api: Api, world: AttioWorld, people: list[str]) -> None:
    answer = await api.patch(people[2], {"job_title": "Countess"})

    assert answer.status_code == 500
    assert world.person(people[2]).values["job_title"] == "Countess"


async def test_mended_it_is_shown_again(api: Api, world: AttioWorld, people: list[str]) -> None:
    world.mend_person(people[2])

    assert await api.emails(people[2]) == ["p2@example.com"]
    assert (await api.query()).status_code == 200
