"""The sandbox as a server: by one command, and in a thread."""

import asyncio
import signal
import sys

import httpx
import pytest

from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, OTHER_POLAR_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox


def test_the_tokens_have_the_length_of_real_ones() -> None:
    for token in (POLAR_TOKEN, OTHER_POLAR_TOKEN):
        assert len(token.removeprefix("polar_oat_")) == 43
    assert len(bytes.fromhex(ATTIO_TOKEN)) == 32


def test_one_origin_is_both_services(sandbox: Sandbox) -> None:
    with serving(sandbox) as url, httpx.Client(base_url=url) as client:
        polar = client.get("/v1/customers/", headers={"Authorization": f"Bearer {POLAR_TOKEN}"})
        attio = client.get("/v2/self", headers={"Authorization": f"Bearer {ATTIO_TOKEN}"})
    assert polar.json()["pagination"]["total_count"] == 0
    assert attio.json()["active"] is True
    assert polar.headers.get_list("date") == ["Mon, 23 Nov 2026 21:03:27 GMT"]


def test_a_redirect_names_the_servers_own_origin(sandbox: Sandbox) -> None:
    with serving(sandbox) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/v1/customers?page=2", headers={"Authorization": f"Bearer {POLAR_TOKEN}"})
    assert answer.headers["location"] == f"{url}/v1/customers/?page=2"


def test_a_429_has_neither_length_nor_type(sandbox: Sandbox) -> None:
    sandbox.set_limits(1e-9)
    with serving(sandbox) as url, httpx.Client(base_url=url) as client:
        client.get("/v1/customers/", headers={"Authorization": f"Bearer {POLAR_TOKEN}"})
        answer = client.get("/v1/customers/", headers={"Authorization": f"Bearer {POLAR_TOKEN}"})
    assert answer.status_code == 429
    assert answer.headers["transfer-encoding"] == "chunked"
    assert not {"content-length", "content-type"} & answer.headers.keys()


def test_what_was_served_cannot_be_reached_afterwards(sandbox: Sandbox) -> None:
    with serving(sandbox) as url:
        assert httpx.get(f"{url}/sandbox/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/sandbox/health")


async def test_one_command_serves_a_filled_sandbox_and_says_where() -> None:
    command = [sys.executable, "-m", "polar_attio_pipeline.sandbox", "--customers", "12", "--limits", "off"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url, *tokens = (await process.stdout.readline()).decode().split()
    try:
        assert tokens == [f"POLAR_ACCESS_TOKEN={POLAR_TOKEN}", f"ATTIO_API_KEY={ATTIO_TOKEN}"]
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/sandbox/health")).json()["customers"] == 12
            person = (await client.get("/sandbox/page/state")).json()["people"]["rows"][0]
            assert person["url"].startswith(f"{url}/")
            assert (await client.get(person["url"])).status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
