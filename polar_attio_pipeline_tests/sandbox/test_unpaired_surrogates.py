"""Text that no encoding can hold: half of a character, as JSON may carry it in an escape."""

import httpx
import pytest

from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox

NAME = "Ada \ud83d"
ESCAPE = rb"Ada \ud83d"
ATTIO = {"Authorization": f"Bearer {ATTIO_TOKEN}"}
QUERY = "/v2/objects/people/records/query"


@pytest.mark.parametrize("path", ["", "{id}", "{id}/state", "?query=ada"])
async def test_polar_answers_with_the_escape(path: str, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com", name=NAME)
    answer = await polar.get(f"/v1/customers/{path.format(id=row.id)}")
    assert answer.status_code == 200
    assert ESCAPE in answer.content
    shown = answer.json()
    assert (shown["items"][0] if "items" in shown else shown)["name"] == NAME


async def test_the_owner_of_a_team_may_have_such_a_name(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    team = sandbox.polar.add_customer(name="Acme", type="team")
    sandbox.polar.add_member(team.id, email="ada@example.com", name=NAME)
    answer = await polar.get("/v1/members/", params={"customer_id": team.id})
    assert ESCAPE in answer.content


async def test_the_export_has_no_form_for_it(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="ada@example.com", name=NAME)
    assert ",Ada ?," in (await polar.get("/v1/customers/export")).text


async def test_attio_answers_with_the_escape(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.attio.add_person(emails=["ada@example.com"], values={"job_title": NAME})
    answer = await polar.post(QUERY, json={}, headers=ATTIO)
    assert answer.status_code == 200
    assert ESCAPE in answer.content


async def test_a_customer_gets_such_a_name_by_the_controls_and_the_page_shows_it(polar: httpx.AsyncClient) -> None:
    made = await polar.post(
        "/sandbox/customers", json={"email": "ada@example.com", "name": "Ada", "unpaired_surrogate": True}
    )
    assert made.json()["name"] == "Ada\ud800"
    assert rb"Ada\ud800" in (await polar.get("/v1/customers/")).content
    assert rb"Ada\ud800" in (await polar.get("/sandbox/page/state")).content


async def test_an_emoji_is_whole(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="ada@example.com", name="Ada 😀")
    assert "Ada 😀".encode() in (await polar.get("/v1/customers/")).content
