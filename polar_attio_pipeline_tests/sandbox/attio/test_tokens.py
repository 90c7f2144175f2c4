from base64 import b64encode

import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

OTHER_TOKEN = "ab" * 32


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_self_tells_whose_token_it_is(api: Api, world: AttioWorld) -> None:
    answer = await api.http.get("/v2/self")

    told = answer.json()
    assert answer.status_code == 200
    assert told["active"] is True
    assert told["sub"] == told["workspace_id"] == world.id
    assert told["workspace_slug"] == world.slug
    assert told["token_level"] == "workspace"


async def test_a_read_write_scope_hides_the_read_scope_and_includes_it(api: Api, world: AttioWorld) -> None:
    world.add_token(OTHER_TOKEN, "record_permission:read-write", "record_permission:read", "object_configuration:read")

    told = (await api.http.get("/v2/self", headers=bearer(OTHER_TOKEN))).json()
    queried = await api.http.post("/v2/objects/people/records/query", json={}, headers=bearer(OTHER_TOKEN))

    assert told["scope"] == "object_configuration:read record_permission:read-write"
    assert queried.status_code == 200


@pytest.mark.parametrize("revoked", [True, False], ids=["revoked", "unknown"])
async def test_self_answers_200_even_to_a_token_that_is_no_good(api: Api, world: AttioWorld, revoked: bool) -> None:
    if revoked:
        world.add_token(OTHER_TOKEN).active = False

    told = await api.http.get("/v2/self", headers=bearer(OTHER_TOKEN))
    listed = await api.http.get("/v2/objects", headers=bearer(OTHER_TOKEN))

    assert (told.status_code, told.json()) == (200, {"active": False})
    assert (listed.status_code, listed.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("path", ["/v2/self", "/v2/objects"])
async def test_a_token_of_the_wrong_length_is_a_401_everywhere(api: Api, path: str) -> None:
    answer = await api.http.get(path, headers=bearer("too-short"))

    assert answer.status_code == 401
    assert answer.json() == {
        "status_code": 401,
        "type": "auth_error",
        "code": "unauthorized",
        "message": "The API Key provided was invalid because it was the wrong length (API Keys should be 64 characters "
        "long). You might not have copied the entire API key from your Admin panel?",
    }


async def test_a_missing_header_is_a_401_that_says_so(api: Api) -> None:
    del api.http.headers["Authorization"]

    answer = await api.http.get("/v2/objects")

    assert answer.status_code == 401
    assert answer.json()["message"].startswith("The Authorization header was not provided.")


async def test_a_missing_scope_is_a_403_with_the_code_of_a_401(api: Api, world: AttioWorld) -> None:
    world.add_token(OTHER_TOKEN, "record_permission:read", "object_configuration:read")

    answer = await api.http.post(
        "/v2/objects/people/records", json={"data": {"values": {}}}, headers=bearer(OTHER_TOKEN)
    )

    assert answer.status_code == 403
    assert (answer.json()["type"], answer.json()["code"]) == ("auth_error", "unauthorized")
    assert "record_permission:read-write" in answer.json()["message"]


async def test_basic_authentication_takes_the_token_as_user(api: Api) -> None:
    basic = b64encode(f"{ATTIO_TOKEN}:".encode()).decode()

    answer = await api.http.get("/v2/objects", headers={"Authorization": f"Basic {basic}"})

    assert answer.status_code == 200
